"""A server with one router between two fake models, ``gen`` and ``sys``."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import aiohttp

from arriero.engines.fake import FakeEngine
from arriero.metrics.registry import new_registry
from arriero.router.settings import RouterSettings
from arriero.runners.carrier import Carriers
from arriero.runners.routers import make_recorder, make_routing
from arriero.runners.routing import Routing
from arriero.runners.scheduler import Scheduler
from arriero.server.app import Access, build_app
from arriero.store.layout import Layout, Store
from arriero.store.library import Library
from tests.contract.models import golden_engines, store_golden_models
from tests.serving import ROOMY, FakeLoader, listening, services_of

SMART = RouterSettings("gen", "sys")


@dataclass(frozen=True, slots=True)
class RunningRouter:
    """Its address, a client session on it, the engines by their models, the routers, and arriero's own directory."""

    url: str
    client: aiohttp.ClientSession
    engines: Mapping[str, FakeEngine]
    routing: Routing
    data: Path


@asynccontextmanager
async def running_router(
    root: Path, settings: RouterSettings = SMART, engines: Mapping[str, FakeEngine] | None = None
) -> AsyncIterator[RunningRouter]:
    """Serve a router; ``engines`` replace those of the golden models."""
    engines = {**golden_engines(), **(engines or {})}
    layout = Layout(data=root, own=Store(store_golden_models(root) / "models"))
    library = Library(layout)
    scheduler = Scheduler(FakeLoader(engines), ROOMY)
    registry = new_registry()
    recorder = make_recorder((settings,), layout, registry)
    routing = make_routing((settings,), library.find, Carriers({"process": scheduler}), recorder, layout.data)
    library.add_virtual(routing)
    services = services_of(library, Carriers({"process": scheduler, "router": routing}))
    app = build_app(replace(services, routing=routing, metrics=registry), Access())
    async with listening(app) as url, aiohttp.ClientSession(url) as client:
        yield RunningRouter(url, client, engines, routing, root)
