"""Models that are made, copied and deleted over HTTP."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import ollama
import pytest

from arriero.store.layout import Store
from tests.factories_store import stored, tiny_gguf
from tests.serving import Running, running_server


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Running]:
    stored(Store(tmp_path / "models"), "base")
    async with running_server(tmp_path) as running:
        yield running


async def lines(server: Running, body: dict[str, Any]) -> tuple[int, list[dict[str, str]]]:  # bodies are JSON
    async with server.client.post("/api/create", json=body) as response:
        return response.status, [json.loads(line) for line in (await response.read()).splitlines()]


async def test_the_real_client_makes_a_model_of_a_file_and_uses_it(server: Running, tmp_path: Path) -> None:
    client = ollama.AsyncClient(host=server.url)
    digest = await client.create_blob(tiny_gguf(tmp_path / "m.gguf"))
    steps = [
        step.status async for step in await client.create("new", files={"m.gguf": digest}, system="S", stream=True)
    ]
    assert steps[0] == "parsing GGUF"
    assert steps[-2:] == ["writing manifest", "success"]
    shown = await client.show("new")
    assert shown.modelinfo is not None
    assert shown.modelinfo["general.architecture"] == "llama"
    await client.copy("new", "newer")
    await client.delete("new")
    assert [model.model for model in (await client.list()).models] == ["newer:latest", "base:latest"]
    assert (await client.generate("newer", "")).done_reason == "load"
    await client._client.aclose()


async def test_what_is_wrong_with_a_request_is_its_status(server: Running) -> None:
    assert await lines(server, {"model": "x", "from": "base", "parameters": {"num_ctx": "4k"}}) == (
        400,
        [{"error": 'option "num_ctx" must be of type integer'}],
    )
    status, [answer] = await lines(server, {"model": "x", "from": "base", "quantize": "q8_0", "stream": False})
    assert (status, answer["error"].startswith("arriero cannot quantize: the weights are F32")) == (400, True)


async def test_what_goes_wrong_later_is_the_last_line(server: Running) -> None:
    async with server.client.post(f"/api/blobs/sha256:{hashlib.sha256(b'text').hexdigest()}", data=b"text") as sent:
        assert sent.status == 201
    files = {"m.gguf": f"sha256:{hashlib.sha256(b'text').hexdigest()}"}
    status, answer = await lines(server, {"model": "x", "files": files})
    assert (status, answer[-1]) in [
        (200, {"error": "supplied file was not in GGUF format"}),
        (400, {"error": "supplied file was not in GGUF format"}),
    ]
    async with server.client.get("/api/tags") as response:
        assert len((await response.json())["models"]) == 1


async def test_a_base_that_is_not_here_is_pulled(server: Running) -> None:
    """Nothing listens at the registry that the name stands for."""
    status, answer = await lines(server, {"model": "x", "from": "127.0.0.1:9/library/nope", "stream": False})
    assert status >= 400
    assert "127.0.0.1:9" in answer[0]["error"]


async def test_models_may_be_made_and_deleted_at_once(server: Running) -> None:
    async def churn(name: str) -> None:
        for number in range(5):
            body = {"model": name, "from": "base", "system": f"the same for all {number}", "stream": False}
            assert await lines(server, body) == (200, [{"status": "success"}])
            async with server.client.post("/api/show", json={"model": name}) as response:
                assert (await response.json())["system"] == body["system"]
            async with server.client.delete("/api/delete", json={"model": name}) as response:
                assert response.status == 200

    async with asyncio.TaskGroup() as group:
        for name in ("a", "b", "c", "d"):
            group.create_task(churn(name))
    async with server.client.get("/api/tags") as response:
        assert [model["name"] for model in (await response.json())["models"]] == ["base:latest"]
