"""Servers elsewhere that are odd, old or out of reach."""

import json

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port

from arriero.engines.upstream.server import connect
from arriero.errors import EngineFailed, EngineUnreachable
from arriero.types.upstreams import UpstreamSettings
from tests.engines.upstream_servers import TAG, Answer, Json, Server, looked_at, models, ollama


async def test_why_a_server_could_not_be_looked_at_is_told_to_who_asks_it() -> None:
    upstream = connect(UpstreamSettings("test", f"http://127.0.0.1:{unused_port()}"))
    with pytest.raises(EngineUnreachable):
        await upstream.look()
    with pytest.raises(EngineUnreachable, match="tiny has not been seen on test yet: no connection can be made"):
        upstream.engine("tiny")
    await upstream.aclose()


async def test_a_trouble_that_is_over_is_told_no_more() -> None:
    server = Server({"GET /v1/models": models("tiny", owned_by="x")}, api_key="s3cret")
    async with looked_at(server) as upstream:
        with pytest.raises(EngineFailed, match="key"):
            await upstream.look()
        with pytest.raises(EngineUnreachable, match="Invalid API Key"):
            upstream.engine("tiny")
        server.api_key = None
        await upstream.look()
        with pytest.raises(EngineUnreachable, match=r"yet$"):
            upstream.engine("other")


async def test_a_server_without_tls_is_no_certificate_that_is_not_trusted() -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.Response()

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    async with TestServer(app) as running:
        upstream = connect(UpstreamSettings("test", f"https://127.0.0.1:{running.port}"))
        with pytest.raises(EngineUnreachable, match=r"\(TLS: .*\): is it https that it speaks there") as caught:
            await upstream.look()
        await upstream.aclose()
    assert isinstance(caught.value.__cause__, aiohttp.ClientConnectorSSLError)


@pytest.mark.parametrize("name", [None, 7, {"a": 1}])
async def test_a_model_without_a_name_hides_no_other(name: Json) -> None:
    data = [{"id": name, "owned_by": "x"}, {"id": "tiny", "owned_by": "x"}]
    async with looked_at(Server({"GET /v1/models": (200, {"data": data})})) as upstream:
        assert [model.name for model in await upstream.look()] == ["tiny"]


async def test_a_server_that_points_elsewhere_says_where() -> None:
    async def handler(_: web.Request) -> web.Response:
        raise web.HTTPMovedPermanently("https://models.example/v1/models")

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    async with TestServer(app) as running:
        upstream = connect(UpstreamSettings("test", str(running.make_url(""))))
        with pytest.raises(EngineFailed, match=r"points to https://models\.example/v1/models"):
            await upstream.look()
        await upstream.aclose()


def old_ollama(count: int) -> Server:
    """An Ollama that tells what a model can do only to who asks for that model."""
    tags = [{**TAG, "name": f"m{n}:latest", "digest": f"{n:064x}", "capabilities": None} for n in range(count)]
    return ollama(*tags)


async def test_the_models_of_an_old_ollama_are_asked_for_a_few_at_a_time() -> None:
    server = old_ollama(20)
    async with looked_at(server) as upstream:
        able = []
        for _ in range(4):
            server.asked.clear()
            found = await upstream.look()
            assert len(found) == 20
            assert server.asked.count("POST /api/show") <= 8
            able.append(sum("vision" in model.capabilities for model in found))
            assert all("completion" in model.capabilities for model in found)
    assert able == [8, 16, 20, 20]
    assert "POST /api/show" not in server.asked


async def test_what_an_old_ollama_has_told_is_not_asked_again() -> None:
    server = old_ollama(2)
    async with looked_at(server) as upstream:
        await upstream.look()
        server.asked.clear()
        server.routes = {**server.routes, "GET /api/tags": old_ollama(3).routes["GET /api/tags"]}
        found = await upstream.look()
    assert [model.capabilities for model in found] == [("completion", "vision")] * 3
    assert server.asked.count("POST /api/show") == 1


async def test_an_old_ollama_that_tells_nothing_is_left_alone_after_a_while() -> None:
    asked: list[Json] = []

    def busy(body: Json) -> Answer:
        asked.append(json.dumps(body))
        return 503, {}

    server = old_ollama(20)
    server.routes = {**server.routes, "POST /api/show": busy}
    async with looked_at(server) as upstream:
        for _ in range(6):
            assert len(await upstream.look()) == 20
    assert len(asked) == 3
