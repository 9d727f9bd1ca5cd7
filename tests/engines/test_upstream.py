from collections.abc import Callable
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port

from arriero.engines.base import Embeds
from arriero.engines.llama_cpp.engine import LlamaCppEngine
from arriero.engines.ollama.engine import OllamaEngine
from arriero.engines.openai.plain import OpenAIEngine
from arriero.engines.upstream.connection import base_url
from arriero.engines.upstream.server import connect
from arriero.errors import ConfigError, EngineFailed, EngineUnreachable
from arriero.types.upstreams import UpstreamKind, UpstreamSettings
from tests.engines.upstream_servers import (
    TAG,
    Server,
    llama_server,
    looked_at,
    models,
    ollama,
    sglang,
    smg,
    vllm,
    worker,
)


def openai() -> Server:
    return Server({"GET /v1/models": models("tiny", owned_by="openai")})


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (vllm, "vllm"),
        (sglang, "sglang"),
        (lambda: smg(worker(2048)), "smg"),
        (llama_server, "llama-server"),
        (lambda: ollama(TAG), "ollama"),
        (ollama, "ollama"),
        (openai, "openai"),
        (lambda: Server({"GET /v1/models": models("a", "b", owned_by="llamacpp")}), "openai"),
        (lambda: Server({"GET /v1/models": models("a", owned_by="sglang")}), "sglang"),
    ],
)
async def test_a_server_is_known_by_what_it_answers(make: Callable[[], Server], kind: UpstreamKind) -> None:
    server = make()
    async with looked_at(server) as upstream:
        before = upstream.kind
        await upstream.look()
        assert (before, upstream.kind) == (None, kind)
    assert "GET /health" not in server.asked


async def test_the_user_says_what_a_server_is() -> None:
    async with looked_at(sglang(), kind="openai") as upstream:
        await upstream.look()
        assert upstream.kind == "openai"


@pytest.mark.parametrize("make", [vllm, sglang, lambda: smg(worker(2048)), llama_server, lambda: ollama(TAG), openai])
async def test_a_second_look_costs_a_request_or_two_and_gives_the_same(make: Callable[[], Server]) -> None:
    server = make()
    async with looked_at(server) as upstream:
        before = await upstream.look()
        server.asked.clear()
        assert await upstream.look() == before
        assert len(server.asked) <= 2
        assert all(each.startswith("GET ") for each in server.asked)


async def test_what_has_changed_is_asked_for_again() -> None:
    server = vllm()
    async with looked_at(server) as upstream:
        await upstream.look()
        old = upstream.engine("tiny")
        assert upstream.engine("tiny") is old
        server.routes = {**server.routes, "GET /v1/models": models("tiny", owned_by="vllm", max_model_len=4096)}
        [model] = await upstream.look()
        assert model.context == 4096
        assert upstream.engine("tiny") is not old


async def test_another_server_in_the_same_place_is_noticed() -> None:
    server = vllm()
    async with looked_at(server) as upstream:
        await upstream.look()
        for other, kind in [(llama_server(), "llama-server"), (ollama(TAG), "ollama")]:
            server.routes = other.routes
            await upstream.look()
            assert upstream.kind == kind
        server.routes = sglang().routes
        del server.routes["GET /api/tags"]  # type: ignore[attr-defined]  # it is a dict
        with pytest.raises(EngineFailed):
            await upstream.look()
        await upstream.look()
        assert upstream.kind == "sglang"


async def test_the_models_of_an_ollama_are_asked_by_its_own_api() -> None:
    server = ollama(TAG, {**TAG, "name": "other", "capabilities": ["embedding"]})
    async with looked_at(server) as upstream:
        await upstream.look()
        assert isinstance(upstream.engine("tiny:latest"), OllamaEngine)
        assert not isinstance(upstream.engine("tiny:latest"), Embeds)
        assert isinstance(upstream.engine("other"), Embeds)


async def test_a_model_that_has_gone_has_no_engine_any_more_and_the_others_keep_theirs() -> None:
    other = {**TAG, "name": "other"}
    server = ollama(TAG, other)
    async with looked_at(server) as upstream:
        await upstream.look()
        kept = upstream.engine("other")
        assert upstream.engine("tiny:latest") is not kept
        server.routes = ollama(other).routes
        await upstream.look()
        with pytest.raises(EngineUnreachable, match="tiny:latest"):
            upstream.engine("tiny:latest")
        assert upstream.engine("other") is kept


async def test_another_server_with_a_model_of_the_same_name_has_another_engine() -> None:
    server = vllm()
    async with looked_at(server) as upstream:
        await upstream.look()
        assert isinstance(upstream.engine("tiny"), OpenAIEngine)
        server.routes = ollama({**TAG, "name": "tiny"}).routes
        await upstream.look()
        assert isinstance(upstream.engine("tiny"), OllamaEngine)


async def test_a_server_that_starts_is_known_when_it_is_up() -> None:
    server = llama_server()
    up, server.routes = server.routes, {"GET /v1/models": (503, {"error": {"message": "Loading model", "code": 503}})}
    async with looked_at(server) as upstream:
        with pytest.raises(EngineFailed, match="Loading model"):
            await upstream.look()
        assert upstream.kind is None
        with pytest.raises(EngineUnreachable, match="tiny"):
            upstream.engine("tiny")
        server.routes = up
        await upstream.look()
        assert isinstance(upstream.engine("tiny"), LlamaCppEngine)


async def test_after_it_was_away_a_server_is_asked_everything_again() -> None:
    server = sglang()
    async with looked_at(server) as upstream:
        await upstream.look()
        up, server.routes = server.routes, {"GET /v1/models": (503, {})}
        with pytest.raises(EngineFailed):
            await upstream.look()
        assert upstream.kind == "sglang"
        server.routes = {**up, "GET /model_info": (200, {"reasoning_parser": "qwen3"})}
        [model] = await upstream.look()
        assert "thinking" in model.capabilities


async def test_what_could_not_be_answered_now_is_asked_for_a_few_times_more() -> None:
    server = sglang()
    info, server.routes = server.routes["GET /model_info"], {**server.routes, "GET /model_info": (503, {})}
    async with looked_at(server) as upstream:
        [model] = await upstream.look()
        assert model.details.family == ""
        server.routes = {**server.routes, "GET /model_info": info}
        [model] = await upstream.look()
        assert model.details.family == "llama"

        server.routes = {
            **server.routes,
            "GET /model_info": (503, {}),
            "GET /v1/models": models("a", owned_by="sglang"),
        }
        for _ in range(5):
            await upstream.look()
        assert server.asked.count("GET /model_info") == 5


@pytest.mark.parametrize("make", [vllm, llama_server, lambda: ollama(TAG)])
async def test_a_missing_key_is_told_and_the_right_one_sent(make: Callable[[], Server]) -> None:
    server = make()
    server.api_key = "s3cret"
    async with looked_at(server) as upstream:
        with pytest.raises(EngineFailed, match="key"):
            await upstream.look()
    async with looked_at(server, api_key="s3cret") as upstream:
        assert await upstream.look()


async def test_a_server_that_is_not_there_is_told_so() -> None:
    upstream = connect(UpstreamSettings("test", f"http://127.0.0.1:{unused_port()}"))
    with pytest.raises(EngineUnreachable, match="does it run"):
        await upstream.look()
    await upstream.aclose()


async def test_a_web_page_is_no_server_of_models() -> None:
    async def page(_: web.Request) -> web.Response:
        return web.Response(text="<html></html>", content_type="text/html")

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", page)
    async with TestServer(app) as running:
        upstream = connect(UpstreamSettings("test", str(running.make_url(""))))
        with pytest.raises(EngineFailed, match="give the URL"):
            await upstream.look()
        await upstream.aclose()


@pytest.mark.parametrize("path", ["/v1", "/v1/", "/"])
async def test_a_url_may_end_as_openai_clients_want_it(path: str) -> None:
    async with looked_at(vllm(), path) as upstream:
        assert await upstream.look()


def test_a_path_in_front_stays() -> None:
    assert base_url("https://api.example.com/openai/v1/") == "https://api.example.com/openai"


async def test_only_the_wanted_models_are_described() -> None:
    server = Server({"GET /v1/models": models("a", "b", "c", owned_by="openai")})
    async with looked_at(server, models={"mine": "b"}) as upstream:
        assert [model.name for model in await upstream.look()] == ["b"]


@pytest.mark.parametrize("make", [vllm, sglang, lambda: smg(worker(2048)), openai])
async def test_a_server_without_the_wanted_model_has_none(make: Callable[[], Server]) -> None:
    async with looked_at(make(), models={"mine": "other"}) as upstream:
        assert not await upstream.look()


async def test_models_that_are_not_listed_may_be_named() -> None:
    async with looked_at(Server({}), kind="openai", models={"mine": "b"}) as upstream:
        assert [model.name for model in await upstream.look()] == ["b"]


async def test_what_the_user_says_of_models_counts() -> None:
    async with looked_at(vllm(), capabilities=("completion", "vision")) as upstream:
        [model] = await upstream.look()
        assert model.capabilities == ("completion", "vision")


async def test_an_engine_stays_while_models_come_and_go_in_memory() -> None:
    server = ollama(TAG)
    async with looked_at(server) as upstream:
        [model] = await upstream.look()
        assert not model.is_loaded
        engine = upstream.engine("tiny:latest")
        server.routes = ollama(TAG, running=({"name": "tiny:latest", "size": 9, "size_vram": 8},)).routes
        [model] = await upstream.look()
        assert (model.is_loaded, model.memory_bytes, model.vram_bytes) == (True, 9, 8)
        assert upstream.engine("tiny:latest") is engine


async def test_a_ca_file_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    settings = UpstreamSettings("test", "https://127.0.0.1:1", ca_file=tmp_path / "ca.pem")
    with pytest.raises(ConfigError, match=r"ca\.pem"):
        connect(settings)
