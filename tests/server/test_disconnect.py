"""A client that goes away stops the engine's work within a second."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from arriero.engines.fake import FakeEngine, Script
from arriero.store.layout import Store
from tests.factories_store import stored
from tests.serving import FakeLoader, Running, running_server, until

TURN = [{"role": "user", "content": "hi"}]
ASKS: list[tuple[str, dict[str, object]]] = [
    ("/api/generate", {"model": "gen", "prompt": "hi"}),
    ("/api/chat", {"model": "gen", "messages": TURN}),
    ("/v1/chat/completions", {"model": "gen", "messages": TURN}),
]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("disconnect")
    stored(Store(root / "models"), "gen")
    return root


@asynccontextmanager
async def asked(server: Running, path: str, body: dict[str, object]) -> AsyncIterator[None]:
    """Ask, do what is inside, and go away."""

    async def ask() -> None:
        async with server.client.post(path, json=body) as response:
            await response.read()

    asking = asyncio.create_task(ask())
    try:
        yield
    finally:
        asking.cancel()
        await asyncio.wait({asking})


@pytest.mark.parametrize(("path", "body"), ASKS)
@pytest.mark.parametrize("is_stream", [True, False])
@pytest.mark.parametrize("pieces", [(), (("Hello",),)])
async def test_the_engine_is_cancelled(
    root: Path, path: str, body: dict[str, object], pieces: tuple[tuple[str]], *, is_stream: bool
) -> None:
    engine = FakeEngine(Script(pieces, hang=True))
    async with running_server(root, FakeLoader({"gen:latest": engine})) as server:
        async with asked(server, path, {**body, "stream": is_stream}):
            await until(engine, lambda: engine.running == 1)
        await until(engine, lambda: engine.running == 0)
        assert engine.cancelled == 1


@pytest.mark.parametrize(("path", "body"), ASKS[:2])
async def test_a_load_that_nobody_waits_for_is_given_up(root: Path, path: str, body: dict[str, object]) -> None:
    loader = FakeLoader(gate=asyncio.Event())
    async with running_server(root, loader) as server:
        async with asked(server, path, {**body, "keep_alive": 0}):
            await asyncio.wait_for(loader.started.wait(), 1)
        await asyncio.wait_for(loader.cancelled.wait(), 1)


async def test_a_load_goes_on_for_those_who_still_wait(root: Path) -> None:
    gate = asyncio.Event()
    engine = FakeEngine()
    loader = FakeLoader({"gen:latest": engine}, gate=gate)
    async with running_server(root, loader) as server:
        async with asked(server, *ASKS[0]):
            await asyncio.wait_for(loader.started.wait(), 1)
        gate.set()
        async with server.client.post("/api/generate", json={"model": "gen", "prompt": "second"}) as response:
            assert response.status == 200
            await response.read()
        assert loader.attempts == 1
        assert len(engine.requests) == 1
