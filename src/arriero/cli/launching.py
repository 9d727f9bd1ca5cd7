"""How models are launched, from the settings."""

import logging
import shutil
from pathlib import Path

from arriero.config import Config
from arriero.engines import llama_cpp
from arriero.engines.base import Launch
from arriero.errors import ConfigError
from arriero.runners.memory import Wishes, available_bytes, available_cores, make_plan
from arriero.runners.worker import Launcher
from arriero.types.models import ModelRecord

logger = logging.getLogger(__name__)

# What ``--llama-server`` is given by those who have a binary on the PATH and want the wheel all the same.
WHEEL = "wheel"
_MOST_PROMPT_CACHE_BYTES = 8 << 30


def make_launcher(config: Config) -> Launcher:
    """Prepare to launch models as the settings say. Raises ConfigError where they cannot be met."""
    settings = llama_cpp.LlamaCppSettings(
        llama_server=_llama_server(config.llama_server),
        chat_template=config.chat_template,
        seed=config.random_seed,
        prompt_cache_bytes=min(_MOST_PROMPT_CACHE_BYTES, available_bytes() // 8),
    )
    wishes = Wishes(config.context, config.slots)

    def launch(record: ModelRecord, port: int, api_key: str) -> Launch:
        plan = make_plan(record.architecture, available_bytes(), available_cores(), wishes)
        if wishes.context and plan.context < wishes.context:
            logger.warning("context cut to what the model was trained for", extra={"context": plan.context})
        return llama_cpp.launch(record, plan, settings, port, api_key)

    return launch


def _llama_server(wish: str | None) -> str | None:
    """The binary that was asked for, else the one on the PATH, else none: then the wheel serves."""
    if wish == WHEEL:
        return None
    found = shutil.which(wish or "llama-server")
    if wish and not found:
        raise ConfigError(f"--llama-server: {wish} is not a program that can be run")
    return found


def read_chat_template(wish: str | None) -> str | None:
    """The text of a template: a file's where the wish names one. Raises ConfigError for a file that is not there."""
    if not wish or "{" in wish:
        return wish
    path = Path(wish).expanduser()
    if path.is_file():
        return path.read_text(encoding="utf-8")
    if path.suffix or len(path.parts) > 1:
        raise ConfigError(f"--chat-template: {wish} does not exist")
    return wish
