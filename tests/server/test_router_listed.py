"""A router among the models: how it is listed, shown and loaded, and what cannot be done with it."""

from collections.abc import AsyncIterator
from pathlib import Path

# Bodies and answers are JSON.
from typing import Any

import pytest

from tests.server.routers import (
    Served,
    running_router,
    store_models,
)

DETAILS = ("format", "family", "families", "parameter_size", "quantization_level")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return store_models(tmp_path_factory.mktemp("router"))


@pytest.fixture
async def served(root: Path) -> AsyncIterator[Served]:
    async with running_router(root) as server:
        yield server


async def test_a_stored_model_with_the_same_name_is_behind_the_router(tmp_path: Path) -> None:
    root = store_models(tmp_path)
    async with running_router(root, name="other") as served:
        assert (await served.ask("hard", "other")).side == "remote"
        async with served.client.get("/api/tags") as response:
            listed = [each["name"] for each in (await response.json())["models"]]
        assert sorted(listed) == ["big:latest", "other", "small:latest"]


async def test_a_router_is_listed_among_the_models(served: Served) -> None:
    async with served.client.get("/api/tags") as response:
        [entry] = [each for each in (await response.json())["models"] if each["name"] == "smart"]

    assert entry["model"] == "smart"
    assert len(bytes.fromhex(entry["digest"])) == 32
    assert isinstance(entry["size"], int)
    assert all(entry["details"][key] for key in DETAILS)
    assert set(entry["capabilities"]) == {"completion", "tools", "vision", "thinking"}


async def test_a_router_is_shown_with_what_clients_look_for(served: Served) -> None:
    got = await served.post("/api/show", {"model": "smart"})
    shown = got.json

    assert set(shown["capabilities"]) == {"completion", "tools", "vision", "thinking"}
    assert all(shown["details"][key] for key in DETAILS)
    architecture = shown["model_info"]["general.architecture"]
    assert shown["model_info"][f"{architecture}.context_length"] == 128
    assert shown["template"]
    for name in ("smart:local", "SMART", "smart:latest"):
        assert (await served.post("/api/show", {"model": name})).status == 200


async def test_openai_lists_a_router_too(served: Served) -> None:
    async with served.client.get("/v1/models") as response:
        assert "smart" in [each["id"] for each in (await response.json())["data"]]
    async with served.client.get("/v1/models/smart") as response:
        assert (await response.json())["id"] == "smart"


async def test_what_is_loaded_is_told_of_the_models_and_not_of_the_router(served: Served) -> None:
    await served.ask("easy")
    async with served.client.get("/api/ps") as response:
        assert [each["name"] for each in (await response.json())["models"]] == ["small:latest"]


@pytest.mark.parametrize(("path", "more"), [("/api/chat", {}), ("/api/chat", {"messages": []}), ("/api/generate", {})])
async def test_an_empty_request_loads_the_local_model(served: Served, path: str, more: dict[str, Any]) -> None:
    got = await served.post(path, {"model": "smart", **more})

    assert (got.status, got.json["done_reason"], got.json["model"]) == (200, "load", "smart")
    assert [model.engine for model in served.running.loader.loaded] == [served.local]
    assert served.local.requests == served.remote.requests == []


async def test_stopping_a_router_unloads_its_local_model(served: Served) -> None:
    await served.ask("easy")
    got = await served.post("/api/generate", {"model": "smart", "keep_alive": 0})

    assert got.json["done_reason"] == "unload"
    [model] = served.running.loader.loaded
    await model.stopped.wait()


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/api/copy", {"source": "smart", "destination": "mine"}),
        ("POST", "/api/copy", {"source": "other", "destination": "smart"}),
        ("POST", "/api/copy", {"source": "other", "destination": "library/smart:latest"}),
        ("DELETE", "/api/delete", {"model": "smart"}),
        ("POST", "/api/push", {"model": "smart", "stream": False}),
        ("POST", "/api/pull", {"model": "smart", "stream": False}),
        ("POST", "/api/create", {"model": "smart", "from": "other", "stream": False}),
        ("POST", "/api/create", {"model": "mine", "from": "smart", "stream": False}),
    ],
)
async def test_a_router_is_no_model_of_the_store(served: Served, method: str, path: str, body: dict[str, Any]) -> None:
    async with served.client.request(method, path, json=body) as response:
        said = await response.json(content_type=None)

    assert response.status in {400, 403, 404, 500}
    assert response.status != 500
    assert "smart" in said["error"]
    async with served.client.get("/api/tags") as response:
        assert len((await response.json())["models"]) == 4


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/embed", {"input": "x"}),
        ("/api/embeddings", {"prompt": "x"}),
        ("/v1/embeddings", {"input": "x"}),
    ],
)
async def test_a_router_makes_no_vectors(served: Served, path: str, body: dict[str, Any]) -> None:
    got = await served.post(path, {"model": "smart", **body})

    assert got.status == 400
    assert "embed" in got.text
    assert served.local.embedded == served.remote.embedded == []
