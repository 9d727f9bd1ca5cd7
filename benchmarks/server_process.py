"""arriero in a process of its own, as its command line starts it, that also tells where its worker listens.

So the same worker, with one model in memory, can be asked through arriero and directly.
"""

import os
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import click
import msgspec
import uvicorn
import uvloop
from msgspec import Struct

from arriero.cli.fetching import fetch_for_user, weights_budget
from arriero.cli.launching import make_launcher, make_limits, make_planner
from arriero.cli.listening import listen
from arriero.cli.serving import http_settings, spare_the_collector
from arriero.config import Config
from arriero.engines.base import Launch, Plan
from arriero.engines.llama_cpp.worker import die_with_parent
from arriero.runners.scheduler import Scheduler
from arriero.runners.worker import Launcher, WorkerLoader
from arriero.server.app import Access, build_app
from arriero.server.services import Services
from arriero.store.editor import Editor
from arriero.store.holds import Holds
from arriero.store.layout import layout_from
from arriero.store.library import Library, Pinned
from arriero.store.pulls import Pulls, PullSettings
from arriero.store.push import Pusher
from arriero.store.sources.registry import Patience
from arriero.types.models import ModelRecord
from benchmarks.child import run_module

_START_TIMEOUT_S = 300.0


class Started(Struct, frozen=True):
    """A server that is up: its process, its address, its worker's address and key."""

    pid: int
    url: str
    worker_url: str
    worker_key: str


@dataclass(frozen=True, slots=True)
class Setup:
    """How to start it. llama_server: a binary, or "wheel". environment: on top of this process's own."""

    model: str
    llama_server: str
    context: int
    slots: int
    environment: Mapping[str, str]


@asynccontextmanager
async def running_server(setup: Setup) -> AsyncIterator[Started]:
    """Run a server, its model loaded, as long as the block lasts."""
    arguments = [setup.model, setup.llama_server, str(setup.context), str(setup.slots), str(os.getpid())]
    async with run_module("benchmarks.server_process", arguments, setup.environment) as child:
        yield await child.hear(Started, _START_TIMEOUT_S)


@dataclass(slots=True)
class _Remembering:
    """A launcher that remembers the worker it last launched."""

    launcher: Launcher
    url: str = ""
    key: str = ""

    def __call__(self, record: ModelRecord, plan: Plan, port: int, api_key: str) -> Launch:
        self.url, self.key = f"http://127.0.0.1:{port}", api_key
        return self.launcher(record, plan, port, api_key)


@click.command()
@click.argument("model")
@click.argument("llama_server")
@click.argument("context", type=int)
@click.argument("slots", type=int)
@click.argument("parent", type=int)
def main(model: str, llama_server: str, context: int, slots: int, parent: int) -> None:
    """Serve one model until SIGTERM, or until the benchmark that started it is gone."""
    if sys.platform == "linux":
        die_with_parent(parent, "signal")
    config = Config(port=0, keep_alive_s=float("inf"), llama_server=llama_server, context=context, slots=slots)
    layout = layout_from(os.environ)
    record = fetch_for_user(model, layout).record
    listener = listen(config)
    config = replace(config, port=listener.getsockname()[1])
    uvloop.run(_serve(config, Library.only(layout, [Pinned(record, (record.name,))]), record, listener))


async def _serve(config: Config, library: Library, record: ModelRecord, listener: socket.socket) -> None:
    launcher = _Remembering(make_launcher(config))
    scheduler = Scheduler(WorkerLoader(launcher, make_planner(config), config.load_timeout_s), make_limits(config))
    holds = Holds()
    services = Services(
        library,
        scheduler,
        pulls=Pulls(library.layout, holds, PullSettings(weights_budget)),
        pusher=Pusher(library.layout.stores, Patience()),
        editor=Editor(library, holds),
    )
    server = uvicorn.Server(http_settings(build_app(services, Access(is_local=True))))
    spare_the_collector()
    await scheduler.load(record)
    started = Started(os.getpid(), f"http://127.0.0.1:{config.port}", launcher.url, launcher.key)
    print(msgspec.json.encode(started).decode(), flush=True)
    await server.serve(sockets=[listener])


if __name__ == "__main__":
    main()
