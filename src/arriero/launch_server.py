"""``python -m arriero.launch_server``: the server in SGLang's manner, with one model and SGLang's flags."""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click
from click.core import ParameterSource

from arriero.cli import flags
from arriero.cli.config_file import UpstreamSource
from arriero.cli.engine_choice import (
    WISHES,
    Choice,
    Circumstances,
    EngineWish,
    choose_engine,
    find_python,
    has_usable_gpu,
    importable,
)
from arriero.cli.fetching import fetch_for_user
from arriero.cli.launching import own_server_settings, read_chat_template, template_for_engine, with_own_server
from arriero.cli.listening import listen
from arriero.cli.logs import LEVELS, configure_logs
from arriero.cli.main import run
from arriero.cli.passed_flags import flags_with_values, refuse_flags, split_flags
from arriero.cli.router_flags import router_of_flags
from arriero.cli.serving import Settings, Start, resolve, run_server
from arriero.config import SGLANG_PORT, Config, config_from
from arriero.engines.own_server.flags import OwnServerKind, PassedFlags
from arriero.engines.own_server.launch import with_parsers
from arriero.errors import ConfigError
from arriero.store.catalog import DEFAULT_MODEL
from arriero.store.checkpoint_record import record_of_checkpoint
from arriero.store.checkpoint_source import engine_reference, is_gguf_reference
from arriero.store.layout import Layout, data_dir, layout_from
from arriero.store.library import Library, Pinned
from arriero.store.records import with_chat_template
from arriero.types.models import ModelRecord

_NAMES_FLAG = "--served-model-name"


_EPILOG = f"""\b
Environment, where no flag says otherwise:
  OLLAMA_MODELS, OLLAMA_CONTEXT_LENGTH, OLLAMA_NUM_PARALLEL, OLLAMA_LOAD_TIMEOUT,
  OLLAMA_ORIGINS, as for Ollama
  OLLAMA_KEEP_ALIVE      unload the idle model     [never]
  ARRIERO_HOME           arriero's own directory   [{data_dir({})}]
"""


class _Command(click.Command):
    """Takes several values behind one flag, and keeps the flags that it does not know for an engine that may."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        kept, ctx.obj = split_flags(args, flags_with_values(self, ctx))
        return super().parse_args(ctx, spread(kept, _NAMES_FLAG))


@click.command(
    "launch_server",
    cls=_Command,
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--model",
    "--model-path",
    "reference",
    metavar="NAME_OR_PATH",
    default=DEFAULT_MODEL,
    show_default=True,
    help="A GGUF file, a name such as smollm2:135m or qwen3:0.6b, or [hf.co/]user/repo[:quant]; "
    "for SGLang and vLLM a model's directory or user/repo.",
)
@click.option(
    "--engine",
    type=click.Choice(WISHES),
    default="auto",
    show_default=True,
    help="Who runs the model; auto: SGLang, else vLLM, where one is installed, there is a GPU and the model is no GGUF "
    "file, else the embedded llama.cpp. SGLang and vLLM are given every flag that is not listed here.",
)
@click.option(
    "--engine-python",
    metavar="PATH",
    help="The Python, or virtual environment, that has SGLang or vLLM.  [default: the one that runs this]",
)
@click.option(_NAMES_FLAG, "names", metavar="NAME...", multiple=True, help="List it under these names instead.")
@click.option(
    "--host", metavar="ADDRESS", default="127.0.0.1", show_default=True, help="Address to listen on; 0.0.0.0 for all."
)
@click.option(
    "--port", type=click.IntRange(0, 65535), metavar="N", default=SGLANG_PORT, show_default=True, help="Port."
)
@click.option(
    "--context-length",
    type=click.IntRange(min=1),
    metavar="N",
    help="Tokens of context.  [default: by memory, or the engine's]",
)
@click.option(
    "--max-running-requests", type=click.IntRange(min=1), metavar="N", help="Answers at once.  [default: as context]"
)
@flags.api_key
@click.option("--chat-template", metavar="FILE_OR_NAME", help="A Jinja file, or a template that the engine knows.")
@click.option("--random-seed", metavar="N", type=int, help="Seed for requests that bring none; -1: random.")
@flags.llama_server
@flags.upstream
@flags.upstream_api_key
@flags.config_file
@flags.router
@flags.router_local
@flags.router_remote
@flags.router_judge
@click.option("--log-level", type=click.Choice(LEVELS), default="info", show_default=True, help="How much to log.")
@click.pass_context
def launch_server(  # noqa: PLR0913  # one parameter a flag
    ctx: click.Context,
    reference: str,
    engine: EngineWish,
    engine_python: str | None,
    names: tuple[str, ...],
    host: str,
    port: int,
    context_length: int | None,
    max_running_requests: int | None,
    api_key: str | None,
    chat_template: str | None,
    random_seed: int | None,
    llama_server: str | None,
    upstreams: tuple[str, ...],
    upstream_api_key: str | None,
    config_file: str | None,
    router: str | None,
    local: str | None,
    remote: str | None,
    judge: str | None,
    log_level: str,
) -> None:
    """Load one model and serve it, and those in the store beside it, over the Ollama API and OpenAI's.

    With --upstream and no --model nothing is loaded here: the models of those servers are served, and the store's.
    """
    if not all(name.strip() for name in names):
        raise ConfigError(f"{_NAMES_FLAG}: a name must not be empty")
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
    configure_logs(config.log_level)
    layout = layout_from(os.environ)
    routers = router_of_flags(router, local, remote, judge)
    source = UpstreamSource(upstreams, upstream_api_key, config_file, routers)
    if upstreams and ctx.get_parameter_source("reference") is ParameterSource.DEFAULT:
        refuse_flags(ctx.obj, ctx, "nothing is launched with --upstream and no --model")
        raise SystemExit(run_server(resolve(config, source), Library(layout), listen(config), Start()))
    circumstances = Circumstances(is_gguf_reference(reference, layout), has_usable_gpu(os.environ), importable)
    choice = choose_engine(engine, find_python(engine_python), circumstances)
    if choice.engine == "llama_cpp":
        refuse_flags(ctx.obj, ctx, f"the embedded engine was taken, {choice.reason}")
    click.echo(choice, err=True)
    asked = _Asked(reference, names, choice, ctx.obj, chat_template)
    raise SystemExit(_launch(config, source, asked, layout))


@dataclass(frozen=True, slots=True)
class _Asked:
    """The model that was asked for, and by whom it is served. passed: flags of that engine's own."""

    reference: str
    names: tuple[str, ...]
    choice: Choice
    passed: PassedFlags
    chat_template: str | None


def _launch(config: Config, upstreams: UpstreamSource, asked: _Asked, layout: Layout) -> int:
    settings = resolve(config, upstreams)
    listener = listen(config)
    if asked.choice.engine == "llama_cpp":
        record = fetch_for_user(asked.reference, layout).record
        if config.chat_template:
            record = with_chat_template(record, config.chat_template)
    else:
        settings, record = _with_own_server(settings, asked, asked.choice.engine)
    library = Library(layout, [Pinned(record, asked.names or (record.name,))])
    served = library.find(asked.names[0] if asked.names else record.name)
    return run_server(settings, library, listener, Start(served, is_loaded=True))


def _with_own_server(settings: Settings, asked: _Asked, kind: OwnServerKind) -> tuple[Settings, ModelRecord]:
    """The settings by which SGLang or vLLM is launched, and what is known of the model before."""
    reference = engine_reference(asked.reference)
    name = Path(reference).name if Path(reference).is_absolute() else asked.reference
    record = record_of_checkpoint(reference, name, asked.passed.value("--revision"))
    template = settings.config.chat_template
    # What is no template is the name of one, and only the engine knows what it says.
    record = with_chat_template(record, template) if template and "{" in template else record
    own = own_server_settings(settings.config, kind, asked.choice.python, asked.names[0] if asked.names else name)
    own = replace(own, passed=asked.passed, chat_template=template_for_engine(asked.chat_template))
    return replace(settings, launcher=with_own_server(settings.launcher, own)), with_parsers(record, own)


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
    run(launch_server, sys.argv[1:])
