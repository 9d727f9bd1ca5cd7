"""What is broken in one model, or asked by one request, harms no other."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from arriero.errors import LoadFailed
from arriero.server.exchange import MAX_BODY_BYTES
from arriero.store.layout import Layout, Store
from arriero.store.library import Library, Pinned
from arriero.store.records import record_of_file
from tests.factories_store import stored, tiny_gguf
from tests.serving import Running, running_server


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Running]:
    stored(Store(tmp_path / "models"), "good")
    async with running_server(tmp_path) as running:
        yield running


async def names(server: Running, path: str = "/api/tags") -> list[str]:
    async with server.client.get(path) as response:
        assert response.status == 200, await response.text()
        listed = await response.json()
    return [model["name"] for model in listed["models"]] if "models" in listed else [m["id"] for m in listed["data"]]


@pytest.mark.parametrize("path", ["/api/tags", "/v1/models"])
async def test_a_damaged_manifest_is_left_out(server: Running, tmp_path: Path, path: str) -> None:
    stored(Store(tmp_path / "models"), "bad").write_bytes(b'{"layers":"\xff"}')

    assert await names(server, path) == ["good:latest"]


async def test_numbers_that_are_none_do_no_harm(server: Running, tmp_path: Path) -> None:
    heads = {"llama.attention.head_count": [float("inf"), 4.0]}
    stored(Store(tmp_path / "models"), "odd", heads)

    assert set(await names(server)) == {"good:latest", "odd:latest"}


async def test_a_file_that_is_gone_is_left_out_of_the_list(tmp_path: Path) -> None:
    gone, here = tiny_gguf(tmp_path / "gone.gguf"), tiny_gguf(tmp_path / "here.gguf")
    pinned = [Pinned(record_of_file(file, file.stem), (file.stem,)) for file in (gone, here)]
    library = Library.only(Layout(tmp_path, Store(tmp_path / "models")), pinned)
    gone.unlink()

    async with running_server(tmp_path, library=library) as server:
        assert await names(server) == ["here"]
        async with server.client.post("/api/show", json={"model": "gone"}) as response:
            assert response.status == LoadFailed.status


async def test_a_loaded_model_whose_file_is_gone_is_still_told(tmp_path: Path) -> None:
    files = [tiny_gguf(tmp_path / f"{name}.gguf") for name in ("gone", "here")]
    pinned = [Pinned(record_of_file(file, file.stem), (file.stem,)) for file in files]
    library = Library.only(Layout(tmp_path, Store(tmp_path / "models")), pinned)

    async with running_server(tmp_path, library=library) as server:
        for name in ("gone", "here"):
            async with server.client.post("/api/generate", json={"model": name}) as response:
                assert response.status == 200
        files[0].unlink()
        async with server.client.get("/api/ps") as response:
            running = (await response.json())["models"]
    assert {model["name"]: len(model["digest"]) for model in running} == {"gone": 64, "here": 64}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs a file that is never read to its end")
async def test_models_are_listed_before_their_files_are_hashed(tmp_path: Path) -> None:
    file = tiny_gguf(tmp_path / "here.gguf")
    pinned = Pinned(record_of_file(file, "x"), ("x",))
    file.unlink()
    os.mkfifo(file)
    library = Library.only(Layout(tmp_path, Store(tmp_path / "models")), [pinned])

    async with running_server(tmp_path, library=library) as server, asyncio.timeout(5):
        assert await names(server) == ["x"]


async def test_a_digest_that_cannot_be_remembered_is_told_all_the_same(tmp_path: Path) -> None:
    file = tiny_gguf(tmp_path / "here.gguf")
    (tmp_path / "digests").write_text("in the way")
    library = Library.only(Layout(tmp_path, Store(tmp_path / "models")), [Pinned(record_of_file(file, "x"), ("x",))])

    async with running_server(tmp_path, library=library) as server:
        assert await names(server) == ["x"]


async def test_weights_that_are_gone_are_not_found(server: Running, tmp_path: Path) -> None:
    manifest = stored(Store(tmp_path / "models"), "hollow")
    for blob in (tmp_path / "models" / "blobs").iterdir():
        if blob.stat().st_size > 1000 and blob.name.removeprefix("sha256-") in manifest.read_text():
            blob.unlink()

    async with server.client.post("/api/generate", json={"model": "hollow", "prompt": "x"}) as response:
        assert response.status == 404
        assert await response.json() == {"error": 'model "hollow" not found, try pulling it first'}


async def test_a_body_beyond_all_measure_is_refused(server: Running) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range((MAX_BODY_BYTES >> 20) + 2):
            yield bytes(1 << 20)

    async with server.client.post("/api/generate", data=endless()) as response:
        assert response.status == 413
        assert "larger than" in (await response.json())["error"]


@pytest.mark.parametrize("name", ["nope:local", "nope:7b:local"])
async def test_a_model_that_is_not_found_is_named_without_where_it_was_sought(server: Running, name: str) -> None:
    async with server.client.post("/api/show", json={"model": name}) as response:
        assert response.status == 404
        assert ":local" not in (await response.json())["error"]


async def test_copilot_is_shown_the_name_that_it_asked_for(server: Running) -> None:
    for agent, name in (("GitHubCopilotChat/1.0", "GOOD"), ("curl/8", None)):
        async with server.client.post("/api/show", json={"model": "GOOD"}, headers={"User-Agent": agent}) as response:
            assert (await response.json())["model_info"].get("general.basename") == name


async def test_calls_of_a_conversation_are_text_to_a_model_that_knows_no_tools(server: Running) -> None:
    turn = {"role": "assistant", "content": "Hm.", "tool_calls": [{"function": {"name": "f", "arguments": {"a": 1}}}]}
    body = {"model": "good", "messages": [turn], "_debug_render_only": True}
    async with server.client.post("/api/chat", json=body) as response:
        assert response.status == 200
        rendered = (await response.json())["_debug_info"]["rendered_template"]
    assert rendered == '<assistant>Hm.\n{"name":"f","arguments":{"a":1}}\n'


async def test_a_prompt_that_is_only_rendered_keeps_the_model_as_it_was_asked_to(server: Running) -> None:
    body = {"model": "good", "prompt": "hi", "_debug_render_only": True, "raw": True}
    asked = {"keep_alive": -1, "options": {"num_batch": 64}}
    async with server.client.post("/api/generate", json={**body, **asked}) as response:
        assert response.status == 200
    [status] = server.scheduler.statuses()
    assert status.expires_in_s == float("inf")
    assert [plan.options.batch for plan in server.loader.plans] == [64]


@pytest.mark.parametrize("path", ["/nope/", "/api/nope/"])
async def test_a_slash_at_the_end_leads_nowhere_where_nothing_is(server: Running, path: str) -> None:
    async with server.client.get(path, allow_redirects=False) as response:
        assert response.status == 404


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"context": [2**40]}, "no token"),
        ({"context": [-1]}, "no token"),
    ],
)
async def test_a_context_that_no_answer_has_returned_is_refused(
    server: Running, fields: dict[str, object], named: str
) -> None:
    async with server.client.post("/api/generate", json={"model": "good", "prompt": "x", **fields}) as response:
        assert response.status == 400
        assert named in (await response.json())["error"]
