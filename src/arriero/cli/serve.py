"""``arriero serve``: the server in Ollama's manner, with every model in the store."""

import os
from collections.abc import Callable
from dataclasses import replace

import click

from arriero.cli import flags
from arriero.cli.config_file import UpstreamSource
from arriero.cli.fetching import fetch_for_user
from arriero.cli.listening import listen
from arriero.cli.logs import LEVELS, configure_logs
from arriero.cli.router_flags import router_of_flags
from arriero.cli.serving import Start, resolve, run_server
from arriero.config import config_from
from arriero.errors import SourceFailed
from arriero.store.catalog import DEFAULT_MODEL
from arriero.store.layout import Layout, data_dir, layout_from
from arriero.store.library import Library, Pinned

_EPILOG = f"""\b
Environment, as for Ollama's server:
  OLLAMA_HOST            where to listen           [127.0.0.1:11434]
  OLLAMA_MODELS          where the models lie      [models in ARRIERO_HOME]
  ARRIERO_READ_MODELS    further stores, only read, separated as in PATH
                         [~/.ollama/models, unless OLLAMA_MODELS is set]
  OLLAMA_NOPRUNE         1: keep blobs that no model needs
  ARRIERO_HOME           arriero's own directory   [{data_dir({})}]
  OLLAMA_KEEP_ALIVE      how long idle models stay [5m]
  OLLAMA_CONTEXT_LENGTH  tokens of context         [by model and memory]
  OLLAMA_NUM_PARALLEL    answers at once a model   [by model and memory]
  OLLAMA_MAX_QUEUE       requests that may wait    [512]
  OLLAMA_MAX_LOADED_MODELS  models in memory       [3, or 3 for each GPU]
  ARRIERO_MEMORY         for all models together   [what is free]
  OLLAMA_GPU_OVERHEAD    bytes of it to leave free [0]
  OLLAMA_KV_CACHE_TYPE   f16, q8_0, q4_0, ...      [f16]
  OLLAMA_FLASH_ATTENTION 1 or 0                    [by hardware]
  OLLAMA_ORIGINS         pages in a browser that may use the server, beside this machine's own
  OLLAMA_LOAD_TIMEOUT    give up a stalled load    [5m]
  OLLAMA_DEBUG           1: log more
"""


@click.command(epilog=_EPILOG, short_help="Serve every model in the store over the Ollama API.")
@click.option("--model", "reference", metavar="MODEL", help="Fetch this model first if need be, and serve it too.")
@click.option("--host", metavar="ADDRESS", help="Listen here instead of OLLAMA_HOST's host.")
@click.option("--port", type=click.IntRange(0, 65535), metavar="N", help="Listen here instead of OLLAMA_HOST's port.")
@flags.api_key
@flags.llama_server
@flags.memory
@flags.upstream
@flags.upstream_api_key
@flags.config_file
@flags.router
@flags.router_local
@flags.router_remote
@flags.router_judge
@click.option("--log-level", type=click.Choice(LEVELS), help="How much to log.  [default: info]")
def serve(  # noqa: PLR0913  # one parameter a flag
    reference: str | None,
    upstreams: tuple[str, ...],
    upstream_api_key: str | None,
    config_file: str | None,
    router: str | None,
    local: str | None,
    remote: str | None,
    judge: str | None,
    **given: str | int | None,
) -> None:
    """Serve every model in the store over the Ollama API; each is loaded when it is first asked for.

    With an empty store, no --model and no servers elsewhere, smollm2:135m (98 MB) is fetched and served.
    """
    config = replace(config_from(os.environ), **{k: v for k, v in given.items() if v is not None})  # type: ignore[arg-type]  # click checked them
    configure_logs(config.log_level)
    layout = layout_from(os.environ)
    routers = router_of_flags(router, local, remote, judge)
    settings = resolve(config, UpstreamSource(upstreams, upstream_api_key, config_file, routers))
    listener = listen(config)
    record = fetch_for_user(reference, layout).record if reference else None
    if record:
        library = Library(layout, [Pinned(record, (record.name,))])
    else:
        library = Library(layout)
        if not (settings.servers or settings.routers):
            fill_if_empty(library)
    raise SystemExit(run_server(settings, library, listener, Start(record)))


def fill_if_empty(library: Library, fetch: Callable[[str, Layout], object] = fetch_for_user) -> None:
    """Fetch a first model where there is none. Who cannot get it may still have others to pull, or to make."""
    if library.records():
        return
    try:
        fetch(DEFAULT_MODEL, library.layout)
    except SourceFailed as error:
        click.echo(f"Warning: {error.message}. The store is empty: arriero pull MODEL", err=True)
