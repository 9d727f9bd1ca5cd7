"""``python -m arriero.launch_server``: the server in SGLang's manner, with one model and SGLang's flags."""

import os
import sys
from collections.abc import Sequence
from dataclasses import replace

import click

from arriero.cli import flags
from arriero.cli.fetching import fetch_for_user
from arriero.cli.launching import read_chat_template
from arriero.cli.listening import listen
from arriero.cli.logs import LEVELS, configure_logs
from arriero.cli.main import run
from arriero.cli.serving import Start, resolve, run_server
from arriero.config import SGLANG_PORT, Config, config_from
from arriero.errors import ConfigError
from arriero.store.catalog import DEFAULT_MODEL
from arriero.store.layout import data_dir, layout_from
from arriero.store.library import Library, Pinned
from arriero.store.records import with_chat_template

_NAMES_FLAG = "--served-model-name"


_EPILOG = f"""\b
Environment, where no flag says otherwise:
  OLLAMA_MODELS, OLLAMA_CONTEXT_LENGTH, OLLAMA_NUM_PARALLEL, OLLAMA_LOAD_TIMEOUT,
  OLLAMA_ORIGINS, as for Ollama
  OLLAMA_KEEP_ALIVE      unload the idle model     [never]
  ARRIERO_HOME           arriero's own directory   [{data_dir({})}]
"""


@click.command(
    "launch_server", epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.option(
    "--model",
    "--model-path",
    "reference",
    metavar="NAME_OR_PATH",
    default=DEFAULT_MODEL,
    show_default=True,
    help="A GGUF file, a name such as smollm2:135m or qwen3:0.6b, or [hf.co/]user/repo[:quant].",
)
@click.option(_NAMES_FLAG, "names", metavar="NAME...", multiple=True, help="List it under these names instead.")
@click.option(
    "--host", metavar="ADDRESS", default="127.0.0.1", show_default=True, help="Address to listen on; 0.0.0.0 for all."
)
@click.option(
    "--port", type=click.IntRange(0, 65535), metavar="N", default=SGLANG_PORT, show_default=True, help="Port."
)
@click.option(
    "--context-length", type=click.IntRange(min=1), metavar="N", help="Tokens of context.  [default: by memory]"
)
@click.option(
    "--max-running-requests", type=click.IntRange(min=1), metavar="N", help="Answers at once.  [default: by memory]"
)
@flags.api_key
@click.option("--chat-template", metavar="FILE_OR_NAME", help="A Jinja file, or a template that llama.cpp knows.")
@click.option("--random-seed", metavar="N", type=int, help="Seed for requests that bring none; -1: random.")
@flags.llama_server
@click.option("--log-level", type=click.Choice(LEVELS), default="info", show_default=True, help="How much to log.")
def launch_server(  # noqa: PLR0913  # one parameter a flag
    reference: str,
    names: tuple[str, ...],
    host: str,
    port: int,
    context_length: int | None,
    max_running_requests: int | None,
    api_key: str | None,
    chat_template: str | None,
    random_seed: int | None,
    llama_server: str | None,
    log_level: str,
) -> None:
    """Load one model and serve it, and those in the store beside it, over the Ollama API and OpenAI's."""
    environment = config_from({k: v for k, v in os.environ.items() if k != "OLLAMA_HOST"})
    config = replace(
        environment,
        host=host,
        port=port,
        api_key=api_key,
        # One model, given by name: it stays until a request says otherwise.
        keep_alive_s=environment.keep_alive_s if "OLLAMA_KEEP_ALIVE" in os.environ else float("inf"),
        context=context_length or environment.context,
        slots=max_running_requests or environment.slots,
        chat_template=read_chat_template(chat_template),
        random_seed=None if random_seed == -1 else random_seed,
        llama_server=llama_server,
        log_level=log_level,
    )
    raise SystemExit(_launch(config, reference, names))


def _launch(config: Config, reference: str, names: tuple[str, ...]) -> int:
    if not all(name.strip() for name in names):
        raise ConfigError(f"{_NAMES_FLAG}: a name must not be empty")
    configure_logs(config.log_level)
    layout = layout_from(os.environ)
    settings = resolve(config)
    listener = listen(config)
    record = fetch_for_user(reference, layout).record
    if config.chat_template:
        record = with_chat_template(record, config.chat_template)
    library = Library(layout, [Pinned(record, names or (record.name,))])
    served = library.find(names[0] if names else record.name)
    return run_server(settings, library, listener, Start(served, is_loaded=True))


def spread(arguments: Sequence[str], flag: str) -> list[str]:
    """Repeat a flag before each of its values: ``--flag A B`` becomes ``--flag A --flag B``."""
    spreaded: list[str] = []
    is_within = False
    for argument in arguments:
        if argument.startswith("-"):
            is_within = argument == flag or argument.startswith(f"{flag}=")
        elif is_within and spreaded[-1] != flag:
            spreaded.append(flag)
        spreaded.append(argument)
    return spreaded


if __name__ == "__main__":
    run(launch_server, spread(sys.argv[1:], _NAMES_FLAG))
