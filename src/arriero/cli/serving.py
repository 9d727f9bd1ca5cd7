"""Runs the server until it is told to stop."""

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace

import click
import uvicorn
from starlette.types import ASGIApp

from arriero.cli.config_file import UpstreamSource
from arriero.cli.fetching import weights_budget
from arriero.cli.greeting import greeting
from arriero.cli.launching import make_launcher, make_limits, make_planner
from arriero.cli.listening import is_loopback
from arriero.cli.router_config import check_upstreams
from arriero.config import Config
from arriero.engines.upstream.server import connect
from arriero.errors import ArrieroError, ConfigError
from arriero.metrics.registry import new_registry
from arriero.router.settings import RouterSettings
from arriero.runners.carrier import Carriers
from arriero.runners.routers import make_recorder, make_routing, warm_judges
from arriero.runners.routing import Routing
from arriero.runners.scheduler import Scheduler
from arriero.runners.upstreams import Upstreams
from arriero.runners.worker import Launcher, WorkerLoader
from arriero.server.app import Access, build_app
from arriero.server.origins import Origins, parse_origins
from arriero.server.services import Services
from arriero.store.collect import sweep
from arriero.store.editor import Editor
from arriero.store.holds import Holds
from arriero.store.leftovers import sweep_leftovers
from arriero.store.library import Library
from arriero.store.pulls import Pulls, PullSettings
from arriero.store.push import Pusher
from arriero.store.sources.registry import Patience
from arriero.types.models import ModelRecord
from arriero.types.upstreams import UpstreamSettings

logger = logging.getLogger(__name__)

# How long a start waits for servers that run elsewhere, so that their models are told.
_FIRST_LOOK_S = 5.0
# How long answers that are under way may go on after SIGTERM.
_DRAIN_S = 30
# Ollama never closes an idle connection. A client that just then sends on one that is being closed sees an error.
_IDLE_CONNECTION_S = 300
# How long the ends of answers may take that are cut off by a second signal.
_LAST_WORDS_S = 0.5


_NO_UPSTREAMS = UpstreamSource()


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings that can be met: what they name has been found.

    upstreams: where servers elsewhere are named; servers: those that were named there at the start. routers: models of
    which each chooses one of two others.
    """

    config: Config
    launcher: Launcher
    origins: Origins
    upstreams: UpstreamSource = _NO_UPSTREAMS
    servers: tuple[UpstreamSettings, ...] = ()
    routers: tuple[RouterSettings, ...] = ()


def resolve(config: Config, upstreams: UpstreamSource = _NO_UPSTREAMS) -> Settings:
    """Find what the settings name, before anything is fetched or listens. Raises ConfigError where it is not there."""
    servers, routers = upstreams.read(os.environ), upstreams.read_routers(os.environ)
    check_upstreams(routers, [server.name for server in servers])
    return Settings(config, make_launcher(config), parse_origins(config.origins), upstreams, servers, routers)


@dataclass(frozen=True, slots=True)
class Start:
    """What was asked for by name, if anything. is_loaded: it is loaded, or fails, before the server says it is up."""

    model: ModelRecord | None = None
    is_loaded: bool = False


def run_server(settings: Settings, library: Library, listener: socket.socket, start: Start) -> int:
    """Serve until SIGINT or SIGTERM; the process's exit code."""
    for note in settings.config.notes:
        logger.warning(note)
    return _event_loop_runner()(_serve(settings, library, listener, start))


def _event_loop_runner() -> Callable[[Coroutine[None, None, int]], int]:
    try:
        import uvloop
    except ImportError:
        return asyncio.run
    return uvloop.run


async def _serve(settings: Settings, library: Library, listener: socket.socket, start: Start) -> int:
    config = replace(settings.config, port=listener.getsockname()[1])
    loader = WorkerLoader(settings.launcher, make_planner(config), config.load_timeout_s)
    scheduler = Scheduler(loader, make_limits(config))
    upstreams = Upstreams(connect, library.offer)
    own = Carriers({"process": scheduler, "upstream": upstreams})
    access = Access(config.api_key, settings.origins, is_loopback(listener))
    layout, holds = library.layout, Holds()
    registry = new_registry()
    recorder = make_recorder(settings.routers, layout, registry)
    routing = make_routing(settings.routers, library.find, own, recorder, layout.data, library.find_near)
    library.add_virtual(routing)
    carrier = Carriers({"process": scheduler, "upstream": upstreams, "router": routing})
    services = Services(
        library,
        carrier,
        pulls=Pulls(layout, holds, PullSettings(weights_budget, prunes=config.is_pruning)),
        pusher=Pusher(layout.stores, Patience()),
        editor=Editor(library, holds, prunes=config.is_pruning),
        upstreams=upstreams,
        metrics=registry,
        routing=routing if settings.routers else None,
    )
    reader = _Reader(settings, upstreams, routing)
    orders = _Orders(services.pulls.end, carrier.end, reader.begin)
    server = _Server(http_settings(build_app(services, access)), orders)
    if sys.platform != "win32":
        # Until the server runs there is nothing to be read anew.
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, lambda: None)
    await upstreams.set_servers(settings.servers, _FIRST_LOOK_S)
    for note in routing.missing():
        logger.warning(note)
    spare_the_collector()
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    # The list of models tells each one's hash; until a bare file's is worked out, something in its place.
    hashing = asyncio.create_task(_hash_bare_files(library))
    warming = asyncio.create_task(warm_judges(settings.routers, library.find, own))
    sweeping = asyncio.create_task(_clean_up(library, holds)) if config.is_pruning else None
    try:
        if start.model is not None and start.is_loaded:
            await _preload(scheduler, start.model, serving)
        if not server.should_exit:
            first = [start.model.name] if start.model else []
            names = dict.fromkeys([*first, *(record.name for record in library.records())])
            click.echo(greeting(config, list(names), settings.routers), err=True)
        await serving
    except ArrieroError as error:
        click.echo(f"Error: {error.message}", err=True)
        server.should_exit = True
        await serving
        return 1
    finally:
        hashing.cancel()
        warming.cancel()
        if sweeping:
            sweeping.cancel()
        await carrier.aclose()
    return 0


async def _hash_bare_files(library: Library) -> None:
    for record in await asyncio.to_thread(library.records):
        try:
            await library.digest(record)
        except ArrieroError as error:
            logger.warning("file cannot be hashed", extra={"model": record.name, "error": error.message})


async def _clean_up(library: Library, holds: Holds) -> None:
    """Remove what no model needs, once at the start, from a store whose models are served here."""
    store = library.layout.own
    if store in library.stores:
        try:
            await asyncio.to_thread(sweep_leftovers, library.layout, time.time())
            await asyncio.to_thread(sweep, store, holds)
        except OSError as error:
            logger.warning("store cannot be cleaned up", extra={"store": str(store.root), "error": str(error)})


def spare_the_collector() -> None:
    """What has been imported stays: it need not be looked at again and again while answers are under way."""
    gc.collect()
    gc.freeze()


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
    loading = asyncio.create_task(scheduler.load(record))
    await asyncio.wait({loading, serving}, return_when=asyncio.FIRST_COMPLETED)
    if serving.done():
        loading.cancel()
        await asyncio.wait({loading})
        return
    loading.result()


class _Reader:
    """Reads anew which servers there are elsewhere, and what routers have been taught, when it is told to."""

    def __init__(self, settings: Settings, upstreams: Upstreams, routing: Routing) -> None:
        self._source = settings.upstreams
        self._upstreams = upstreams
        self._routing = routing
        self._routers = settings.routers
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Read them. What makes no sense changes nothing, and the log says why."""
        try:
            found, routers = self._source.read(os.environ), self._source.read_routers(os.environ)
            self._routing.read_tunings()
        except ConfigError as error:
            logger.error("configuration not read", extra={"error": error.message})  # noqa: TRY400  # no fault of ours
            return
        if routers != self._routers:
            logger.warning("routers are as they were: what has changed there counts from the next start on")
        logger.info("configuration read", extra={"upstreams": [each.name for each in found]})
        self._task = asyncio.create_task(self._change(found, after=self._task))

    async def _change(self, servers: Sequence[UpstreamSettings], after: "asyncio.Task[None] | None") -> None:
        if after is not None:
            await asyncio.wait({after})
        try:
            await self._upstreams.set_servers(servers, _FIRST_LOOK_S)
        except ConfigError as error:
            logger.error("configuration not used", extra={"error": error.message})  # noqa: TRY400  # no fault of ours


@dataclass(frozen=True, slots=True)
class _Orders:
    """What signals set off.

    hurry: ends what can be gone on with later, so that it is not waited for. abort: breaks off every answer that is
    under way. reload: reads the configuration anew.
    """

    hurry: Callable[[], None]
    abort: Callable[[], None]
    reload: Callable[[], None]


class _Server(uvicorn.Server):
    """Stops in good order at the first signal, at once at the second, whichever of the two they are."""

    def __init__(self, config: uvicorn.Config, orders: _Orders) -> None:
        super().__init__(config)
        self._orders = orders

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
        loop.add_signal_handler(signal.SIGHUP, self._orders.reload)
        try:
            yield
        finally:
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                loop.remove_signal_handler(number)

    def stop(self) -> None:
        if self.should_exit:
            self._orders.abort()
            # Time for each answer's last record; what is not gone by then is not waited for.
            asyncio.get_running_loop().call_later(_LAST_WORDS_S, os._exit, 1)
            return
        self._orders.hurry()
        self.should_exit = True
        # Whoever has read what is printed may be gone.
        with suppress(OSError):
            click.echo(
                f"stopping: answers under way have {_DRAIN_S} s to finish; once more (Ctrl-C) stops at once", err=True
            )
