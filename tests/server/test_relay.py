import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from arriero.engines.base import Refusal, RelayRefused, ServedModel
from arriero.errors import EngineDied, EngineFailed
from arriero.runners.carrier import Carriers
from arriero.runners.scheduler import Scheduler
from arriero.runners.upstreams import Upstreams
from arriero.server.app import Access, build_app
from arriero.store.layout import Layout, Store
from arriero.store.library import Library
from tests.factories_store import stored
from tests.runners.servers import DOWN, FakeServer, settings
from tests.serving import ROOMY, FakeLoader, listening, services_of

ODD = b'{"model": "llama3.2", "stream": true,  "messages": [], "some_future_field": {"a": [1, 2.50]}}'


COUNT = "/v1/messages/count_tokens"
COUNTED = {"model": "llama3.2", "messages": [{"role": "user", "content": "hi"}]}


def ollama(*pieces: bytes | EngineFailed, **more: Any) -> FakeServer:
    return FakeServer([ServedModel("llama3.2:latest")], kind="ollama", pieces=pieces, **more)


@asynccontextmanager
async def serving(root: Path, **servers: FakeServer) -> AsyncIterator[aiohttp.ClientSession]:
    """A server with a model of its own, called mine, in front of others."""
    stored(Store(root / "models"), "mine")
    library = Library(Layout(root, Store(root / "models")))
    upstreams = Upstreams(lambda each: servers[each.name], library.offer)
    await upstreams.set_servers([settings(name) for name in servers], 1.0)
    carrier = Carriers({"process": Scheduler(FakeLoader(), ROOMY), "upstream": upstreams})
    services = replace(services_of(library, carrier), upstreams=upstreams)
    async with listening(build_app(services, Access())) as url, aiohttp.ClientSession(url) as client:
        yield client


async def test_a_request_goes_on_as_it_is_and_its_answer_comes_back_as_it_is(tmp_path: Path) -> None:
    pieces = (b'{"model":"llama3.2","new":1,"message":{"role":"assistant","content":"H', b'i"}}\n{"done":true}\n')
    server = ollama(*pieces)
    async with serving(tmp_path, far=server) as client, client.post("/api/chat", data=ODD) as answer:
        assert (answer.status, answer.content_type) == (200, "application/x-ndjson")
        assert await answer.read() == b"".join(pieces)

    assert server.relayed == [("/api/chat", ODD)]


@pytest.mark.parametrize("path", ["/api/generate", "/api/embed", "/api/show", "/v1/chat/completions", "/v1/messages"])
async def test_an_answer_in_one_piece_comes_back_whole(tmp_path: Path, path: str) -> None:
    server = ollama(b'{"response"', b': "Hi"}', content_type="application/json; charset=utf-8")
    async with serving(tmp_path, far=server) as client, client.post(path, data=ODD) as answer:
        assert answer.headers["content-length"] == "18"
        assert await answer.read() == b'{"response": "Hi"}'


async def test_other_models_are_answered_for_here(tmp_path: Path) -> None:
    body = {"model": "mine", "stream": False, "prompt": "hi"}
    async with serving(tmp_path, far=ollama()) as client, client.post("/api/generate", json=body) as answer:
        assert (await answer.json())["response"] == "Hello there."


async def test_what_cannot_be_read_is_refused_here(tmp_path: Path) -> None:
    server = ollama()
    async with serving(tmp_path, far=server) as client:
        for body in (b"", b"{", b"[]", b'{"model": 1}', b'{"model": "nobody"}'):
            async with client.post("/api/chat", data=body) as answer:
                assert answer.status in {400, 404}, body
                assert "error" in await answer.json(content_type=None)

    assert server.relayed == []


QUESTION = {"model": "llama3.2", "state": "x", "questions": {"sure": {"type": "noul", "instructions": "Is it?"}}}


async def test_decisions_are_relayed(tmp_path: Path) -> None:
    server = ollama(b'{"answers":{"future":1}}', content_type="application/json")
    async with serving(tmp_path, far=server) as client, client.post("/v1/systemone", json=QUESTION) as answer:
        assert await answer.read() == b'{"answers":{"future":1}}'


@pytest.mark.parametrize("status", [400, 404, 501])
async def test_a_model_that_was_not_made_to_decide_is_asked_by_labels(tmp_path: Path, status: int) -> None:
    error = EngineFailed("llama3.2 does not support decisions", status)
    server = ollama()
    async with serving(tmp_path, far=server) as client:
        server.error = RelayRefused(error, Refusal(status, "application/json", (), b'{"error":"no decisions"}'))
        async with client.post("/v1/systemone", json=QUESTION) as answer:
            assert answer.status == 200
            assert 0 < (await answer.json())["answers"]["sure"]["noul"] < 1


@pytest.mark.parametrize(
    ("path", "content_type", "end"),
    [
        ("/api/chat", "application/x-ndjson", b'\n{"error":"gone"}\n'),
        ("/v1/chat/completions", "text/event-stream", b'\n\ndata: {"error":{"message":"gone"'),
        ("/v1/messages", "text/event-stream", b'\n\nevent: error\ndata: {"type":"error"'),
    ],
)
async def test_a_stream_that_breaks_off_ends_with_an_error_on_a_line_of_its_own(
    tmp_path: Path, path: str, content_type: str, end: bytes
) -> None:
    server = ollama(b'{"half": "a li', EngineDied("gone"), content_type=content_type)
    async with serving(tmp_path, far=server) as client, client.post(path, data=ODD) as answer:
        body = await answer.read()

    assert body.startswith(b'{"half": "a li' + end)


@pytest.mark.parametrize("end", [b"\n", b"\n\n", b"\r\n\r\n"])
async def test_the_error_record_of_a_stream_is_an_event_of_its_own(tmp_path: Path, end: bytes) -> None:
    pieces = (b'data: {"a":1}' + end[:1], end[1:]) if end[1:] else (b'data: {"a":1}' + end,)
    server = ollama(*pieces, EngineDied("gone"), content_type="text/event-stream")
    async with (
        serving(tmp_path, far=server) as client,
        client.post("/v1/chat/completions", data=ODD) as answer,
    ):
        whole, error, nothing = re.split(rb"(?:\r?\n){2,}", await answer.read())

    assert (whole, nothing) == (b'data: {"a":1}', b"")
    assert error.startswith(b'data: {"error":')


async def test_an_answer_in_one_piece_that_breaks_off_is_an_error(tmp_path: Path) -> None:
    server = ollama(b'{"half": ', EngineDied("gone"), content_type="application/json")
    async with serving(tmp_path, far=server) as client, client.post("/api/chat", data=ODD) as answer:
        assert (answer.status, await answer.json()) == (500, {"error": "gone"})


async def test_another_ollama_is_asked_where_one_is_not_there(tmp_path: Path) -> None:
    good = ollama(b'{"done":true}\n')
    bad = ollama()
    async with serving(tmp_path, bad=bad, good=good) as client:
        bad.error = DOWN
        for _ in range(3):
            async with client.post("/api/chat", data=ODD) as answer:
                assert await answer.read() == b'{"done":true}\n'


@pytest.mark.parametrize(
    ("content_type", "pieces"),
    [
        ("application/x-ndjson", ()),
        ("application/json", ()),
        ("application/json", (b'{"half": ',)),
    ],
)
async def test_another_ollama_is_asked_where_one_goes_away_before_anything_was_handed_on(
    tmp_path: Path, content_type: str, pieces: tuple[bytes, ...]
) -> None:
    bad = ollama(*pieces, EngineDied("gone"), content_type=content_type)
    good = ollama(b'{"done":true}\n', content_type=content_type)
    async with serving(tmp_path, bad=bad, good=good) as client:
        for _ in range(2):
            async with client.post("/api/chat", data=ODD) as answer:
                assert (answer.status, await answer.read()) == (200, b'{"done":true}\n')

    assert bad.relayed


def refused(status: int, content: bytes, means: int | None = None) -> RelayRefused:
    answer = Refusal(status, "application/json", [(b"x-more", b"1")], content)
    return RelayRefused(EngineFailed("refused", means or status), answer)


@pytest.mark.parametrize(
    ("status", "content", "asked"),
    [
        (400, b'{"error":"bad"}', 1),
        (404, b'{"error":"model not found"}', 2),
        (401, b'{"error":"unauthorized","signin_url":"https://x"}', 1),
        (503, b'{"error":{"message":"full","type":"api_error","param":"p","code":"c"}}', 2),
    ],
)
async def test_a_refusal_comes_back_as_it_is_once_nobody_else_can_be_asked(
    tmp_path: Path, status: int, content: bytes, asked: int
) -> None:
    servers = {name: ollama(refused(status, content)) for name in ("a", "b")}
    async with serving(tmp_path, **servers) as client, client.post("/v1/chat/completions", data=ODD) as answer:
        assert (answer.status, await answer.read(), answer.headers["x-more"]) == (status, content, "1")

    assert sum(len(server.relayed) for server in servers.values()) == asked


async def test_a_count_of_tokens_is_the_upstreams(tmp_path: Path) -> None:
    server = ollama(b'{"input_tokens":42}', content_type="application/json")
    async with serving(tmp_path, far=server) as client, client.post(COUNT, json=COUNTED) as answer:
        assert await answer.json() == {"input_tokens": 42}


@pytest.mark.parametrize("means", [404, 501])
async def test_what_an_upstream_cannot_count_is_counted_here(tmp_path: Path, means: int) -> None:
    server = ollama(refused(404, b"404 page not found", means))
    async with serving(tmp_path, far=server) as client, client.post(COUNT, json=COUNTED) as answer:
        assert answer.status == 200
        assert (await answer.json())["input_tokens"] > 0


async def test_a_route_that_an_upstream_does_not_have_is_answered_here(tmp_path: Path) -> None:
    server = ollama(refused(404, b"404 page not found", 501))
    body = {"model": "llama3.2", "input": "hi"}
    async with serving(tmp_path, far=server) as client, client.post("/v1/responses", json=body) as answer:
        assert (await answer.json())["output"][0]["content"][0]["text"] == "Hello there."


@pytest.mark.parametrize(
    "body",
    [
        b'{"name":"llama3.2"}',
        b'{"model":"llama3.2","name":null}',
        b'{"model":null,"name":"llama3.2"}',
        b'{"Model":"llama3.2"}',
        b'{"model":"llama3.2"} and more',
    ],
)
async def test_a_name_is_read_as_ollama_reads_it(tmp_path: Path, body: bytes) -> None:
    server = ollama()
    async with serving(tmp_path, far=server) as client, client.post("/api/chat", data=body) as answer:
        assert answer.status == 200

    assert server.relayed == [("/api/chat", body)]


async def test_that_none_is_there_is_told(tmp_path: Path) -> None:
    far = ollama()
    async with serving(tmp_path, far=far) as client:
        far.error = DOWN
        async with client.post("/api/chat", data=ODD) as answer:
            assert answer.status == 503
            assert "far (http://far:8000): connection refused" in (await answer.json())["error"]


async def test_a_model_that_an_ollama_and_another_server_have_is_not_relayed(tmp_path: Path) -> None:
    other = FakeServer([ServedModel("llama3.2:latest")], kind="vllm")
    body = {"model": "llama3.2", "stream": False, "prompt": "hi"}
    async with (
        serving(tmp_path, far=ollama(), other=other) as client,
        client.post("/api/generate", json=body) as answer,
    ):
        assert (await answer.json())["response"] == "Hello there."


async def test_models_of_servers_elsewhere_are_listed_shown_and_not_changed(tmp_path: Path) -> None:
    info = {"general.architecture": "qwen2", "qwen2.context_length": 4096}
    server = FakeServer([ServedModel("org/Big-1", context=4096, model_info=info, template="x")])
    async with serving(tmp_path, far=server) as client:
        async with client.get("/api/tags") as answer:
            listed = {model["name"]: model for model in (await answer.json())["models"]}
        async with client.post("/api/show", json={"model": "org/big-1"}) as answer:
            shown = await answer.json()
        async with client.get("/api/ps") as answer:
            (running,) = (await answer.json())["models"]
        async with client.delete("/api/delete", json={"model": "org/Big-1"}) as answer:
            refused = answer.status, (await answer.json())["error"]
        async with client.post("/api/copy", json={"source": "org/Big-1", "destination": "x"}) as answer:
            not_copied = answer.status
        async with client.post("/api/pull", json={"model": "org/Big-1"}) as answer:
            not_pulled = answer.status

    assert listed.keys() == {"mine:latest", "org/Big-1"}
    assert len(listed["org/Big-1"]["digest"]) == 64
    assert listed["org/Big-1"]["details"]["context_length"] == 4096
    assert shown["model_info"] == info
    assert json.dumps(shown["modelfile"])
    assert (running["name"], running["context_length"]) == ("org/Big-1", 4096)
    assert refused == (400, "org/Big-1 is not in this server's store: another server or engine has it")
    assert not_copied == not_pulled == 400


async def test_that_nobody_here_decides_how_long_a_model_elsewhere_stays_is_told(tmp_path: Path) -> None:
    async with serving(tmp_path, far=FakeServer([ServedModel("big")])) as client:
        told = []
        for keep_alive in ("1h", 0, None):
            body = {"model": "big", "prompt": "hi", "keep_alive": keep_alive}
            async with client.post("/api/generate", json=body) as answer:
                told.append(answer.headers.get("x-arriero-ignored"))

    assert told == ["keep_alive", None, None]
