"""A server on loopback around fake engines, for tests that look at bytes."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import aiohttp
import uvicorn
from starlette.types import ASGIApp

from arriero.engines.base import Plan
from arriero.engines.fake import FakeEngine
from arriero.runners.carrier import Carrier, Carriers
from arriero.runners.residency import Limits
from arriero.runners.routing import Routing
from arriero.runners.scheduler import Scheduler
from arriero.server.app import Access, build_app
from arriero.server.services import Services
from arriero.store.editor import Editor
from arriero.store.holds import Holds
from arriero.store.layout import Layout, Store
from arriero.store.library import Library
from arriero.store.pulls import Pulls, PullSettings
from arriero.store.push import Pusher
from arriero.store.sources.registry import Patience
from arriero.types.loading import LoadOptions
from arriero.types.models import ModelRecord

IMPATIENT = Patience(connect_s=5.0, stall_s=5.0, tries=2, backoff_s=0.0)


# Whatever the machine has that runs the tests.
ROOMY = Limits(memory_bytes=1 << 50)


@dataclass(slots=True)
class FakeModel:
    """A fake engine as a loaded model: it dies when ``die`` is called. ``stopped`` is set once it has been stopped."""

    engine: FakeEngine = field(default_factory=FakeEngine)
    plan: Plan = field(default_factory=lambda: Plan(context=2048, slots=4))
    stopped: asyncio.Event = field(default_factory=asyncio.Event)
    _end: asyncio.Event = field(default_factory=asyncio.Event)

    def memory_bytes(self) -> int:
        return 123_456

    def private_bytes(self) -> int:
        return 0

    def vram_bytes(self) -> int:
        return 0

    async def wait_for_end(self) -> str:
        await self._end.wait()
        return "was killed by the test"

    def die(self) -> None:
        self._end.set()

    async def stop(self) -> None:
        self._end.set()
        self.stopped.set()


@dataclass(slots=True)
class FakeLoader:
    """Loads a fake model for every record, and remembers them in order.

    gate: every load waits until it is set; None: none waits. error: every load fails with it. slots: that each model
    gets. attempts: the loads begun; plans: what each was told. started, cancelled, added: set when a load begins, is
    given up, has put in a model.
    """

    engines: Mapping[str, FakeEngine] = field(default_factory=dict)
    gate: asyncio.Event | None = None
    error: Exception | None = None
    slots: int = 4
    attempts: int = 0
    plans: list[Plan] = field(default_factory=list)
    loaded: list[FakeModel] = field(default_factory=list)
    started: asyncio.Event = field(default_factory=asyncio.Event)
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)
    added: asyncio.Event = field(default_factory=asyncio.Event)

    def plan(self, record: ModelRecord, options: LoadOptions, free_bytes: int | None) -> Plan:  # noqa: ARG002
        context = min(max(2048, options.context or 0), record.architecture.trained_context or 1 << 20)
        return Plan(context, self.slots, options)

    async def load(self, record: ModelRecord, plan: Plan) -> FakeModel:
        self.attempts += 1
        self.plans.append(plan)
        self.started.set()
        if self.gate is not None:
            await self._wait_at(self.gate)
        if self.error is not None:
            raise self.error
        model = FakeModel(self.engines.get(record.name) or FakeEngine(), plan)
        self.loaded.append(model)
        self.added.set()
        return model

    async def _wait_at(self, gate: asyncio.Event) -> None:
        try:
            await gate.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise


@dataclass(frozen=True, slots=True)
class Running:
    """A server that listens: its address, a client session on it, and its parts."""

    url: str
    client: aiohttp.ClientSession
    scheduler: Scheduler
    loader: FakeLoader
    pulls: Pulls


async def until(engine: FakeEngine, is_true: Callable[[], bool]) -> None:
    """Wait until something is true of an engine: within a second, or the test fails."""
    async with asyncio.timeout(1):
        while not is_true():
            await engine.changed.wait()


def services_of(library: Library, carrier: Carrier) -> Services:
    """What handlers work with, around a library; registries are given up on at once."""
    holds = Holds()
    pulls = Pulls(library.layout, holds, PullSettings(lambda: 10**9, patience=IMPATIENT))
    pusher = Pusher(library.layout.stores, IMPATIENT)
    return Services(library, carrier, pulls=pulls, pusher=pusher, editor=Editor(library, holds))


@asynccontextmanager
async def running_server(
    root: Path,
    loader: FakeLoader | None = None,
    *,
    library: Library | None = None,
    access: Access | None = None,
    limits: Limits = ROOMY,
    routed: Callable[[Library, Carrier], Routing] | None = None,
) -> AsyncIterator[Running]:
    """Serve the models of a store at ``root / "models"`` (see ``factories_store``) with fake engines.

    routed: makes the routers among them, of the library and of who answers for their models.
    """
    loader = loader or FakeLoader()
    library = library or Library(Layout(data=root, own=Store(root / "models")))
    scheduler = Scheduler(loader, limits)
    services = services_of(library, scheduler)
    if routed is not None:
        routing = routed(library, Carriers({"process": scheduler}))
        library.add_virtual(routing)
        carrier = Carriers({"process": scheduler, "router": routing})
        services = replace(services, carrier=carrier, routing=routing)
    app = build_app(services, access or Access())
    async with listening(app) as url, aiohttp.ClientSession(url) as client:
        yield Running(url, client, scheduler, loader, services.pulls)


@asynccontextmanager
async def listening(app: ASGIApp) -> AsyncIterator[str]:
    """Run an app under uvicorn in this event loop; its address."""
    config = uvicorn.Config(
        app, host="127.0.0.1", port=0, log_config=None, access_log=False, lifespan="on", timeout_graceful_shutdown=1
    )
    server = _QuietServer(config)
    serving = asyncio.create_task(server.serve())
    try:
        await server.is_up.wait()
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.is_over.set()
        await serving


class _QuietServer(uvicorn.Server):
    """Leaves the signals to the test runner, says when it listens, and stops at once when it is over."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_up = asyncio.Event()
        self.is_over = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.is_up.set()

    async def main_loop(self) -> None:
        await self.is_over.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # uvicorn waits a tenth of a second for clients to go. Those of a test are gone: some turns of the loop tell.
        for _ in range(100):
            if not self.server_state.connections and not self.server_state.tasks:
                break
            await asyncio.sleep(0)
        else:
            await super().shutdown(sockets)
            return
        for server in self.servers:
            server.close()
        await self.lifespan.shutdown()
