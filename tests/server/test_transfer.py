"""Pulls and pushes over HTTP, with a registry on loopback."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

# Lines are JSON.
from typing import Any

import aiohttp
import ollama
import pytest

from arriero.store.layout import Store
from tests.factories_store import stored
from tests.serving import Running, running_server
from tests.store.registry import FakeRegistry, digest_of, running_registry

WEIGHTS = bytes(range(256)) * 1000
DIGEST = digest_of(WEIGHTS)


@pytest.fixture
async def registry() -> AsyncIterator[FakeRegistry]:
    async with running_registry() as registry:
        registry.put("library/tiny:latest", WEIGHTS)
        yield registry


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Running]:
    async with running_server(tmp_path) as server:
        yield server


def pull(server: Running, registry: FakeRegistry, **more: Any) -> Any:
    body = {"name": f"{registry.host}/library/tiny", "insecure": True, **more}
    return server.client.post("/api/pull", json=body)


async def lines_of(response: aiohttp.ClientResponse) -> list[dict[str, Any]]:
    return [json.loads(line) async for line in response.content]


async def half_pulled(response: aiohttp.ClientResponse) -> None:
    """Read lines until one says that half of the weights are here."""
    async for line in response.content:
        if json.loads(line).get("completed") == len(WEIGHTS) // 2:
            return


async def test_a_client_that_goes_away_ends_the_pull_and_the_next_goes_on_with_it(
    server: Running, registry: FakeRegistry, tmp_path: Path
) -> None:
    registry.stalls = True
    async with pull(server, registry) as response:
        await half_pulled(response)
    registry.stalls = False
    async with pull(server, registry) as response:
        lines = await lines_of(response)
    assert lines[-1] == {"status": "success"}
    half = len(WEIGHTS) // 2
    assert [seen.range for seen in registry.sent(DIGEST)] == [f"bytes={n}-{len(WEIGHTS) - 1}" for n in (0, half)]
    assert not list((tmp_path / "models" / "blobs").glob("*-partial*"))


async def test_a_client_that_goes_away_leaves_the_pull_to_another(server: Running, registry: FakeRegistry) -> None:
    registry.stalls = True
    async with pull(server, registry) as other:
        await half_pulled(other)
        async with pull(server, registry) as response:
            await half_pulled(response)
        registry.gate.set()
        lines = await lines_of(other)
    assert lines[-1] == {"status": "success"}
    assert len(registry.sent(DIGEST)) == 1


async def test_an_error_in_the_middle_is_the_last_line(server: Running, registry: FakeRegistry) -> None:
    registry.blobs[DIGEST] = bytes(len(WEIGHTS))
    async with pull(server, registry) as response:
        lines = await lines_of(response)
    assert response.status == 200
    assert lines[-1]["error"].startswith(f"digest mismatch, file must be downloaded again: want {DIGEST}, got ")
    async with pull(server, registry, stream=False) as response:
        assert (response.status, list(await response.json())) == (502, ["error"])


async def test_lines_come_at_ollamas_pace_however_fast_the_bytes_do(server: Running, registry: FakeRegistry) -> None:
    registry.put("library/tiny:latest", bytes(64 << 20))
    async with pull(server, registry) as response:
        lines = await lines_of(response)
    counts = [line.get("completed", 0) for line in lines if line.get("digest") == digest_of(bytes(64 << 20))]
    assert counts == sorted(counts)
    assert counts[-1] == 64 << 20
    # 64 KiB come at a time.
    assert len(counts) < 300


async def test_a_cloud_model_is_refused(server: Running) -> None:
    async with server.client.post("/api/pull", json={"model": "gpt-oss:120b-cloud"}) as response:
        assert response.status == 403
        assert await response.json() == {"error": "ollama cloud is disabled: remote model is unavailable"}


async def test_the_real_client_pushes_a_model_and_pulls_it_elsewhere(tmp_path: Path, registry: FakeRegistry) -> None:
    name = f"{registry.host}/me/mule"
    manifest = stored(Store(tmp_path / "here" / "models"), name)
    async with running_server(tmp_path / "here") as here, running_server(tmp_path / "there") as there:
        client, other = ollama.AsyncClient(here.url), ollama.AsyncClient(there.url)
        steps = [step async for step in await client.push(name, insecure=True, stream=True)]
        assert [steps[0].status, steps[-2].status, steps[-1].status] == [
            "retrieving manifest",
            "pushing manifest",
            "success",
        ]
        assert (await other.pull(name, insecure=True)).status == "success"
        assert (await other.show(name)).details is not None
        steps = [step async for step in await other.pull(name, insecure=True, stream=True)]
        assert steps[-1].status == "success"
        await client._client.aclose()
        await other._client.aclose()
    copy = tmp_path / "there" / manifest.relative_to(tmp_path / "here")
    assert copy.read_bytes() == manifest.read_bytes()


async def test_a_push_that_is_refused_says_so_in_the_words_that_clients_look_for(
    server: Running, registry: FakeRegistry, tmp_path: Path
) -> None:
    name = f"{registry.host}/me/mule"
    stored(Store(tmp_path / "models"), name)
    registry.wants_password = True
    async with server.client.post("/api/push", json={"model": name, "insecure": True}) as response:
        lines = await lines_of(response)
    assert "unauthorized" in lines[-1]["error"]


async def test_a_server_that_stops_breaks_off_a_pull_in_good_order(registry: FakeRegistry, tmp_path: Path) -> None:
    registry.stalls = True
    async with running_server(tmp_path) as server:
        async with pull(server, registry) as response:
            await half_pulled(response)
            server.pulls.end()
            lines = await asyncio.wait_for(lines_of(response), 5)
        assert lines[-1] == {"error": "the server is shutting down"}
    assert list((tmp_path / "models" / "blobs").glob("*-partial-0"))
