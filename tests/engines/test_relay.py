import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing, asynccontextmanager

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from arriero.engines.base import RelayRefused
from arriero.engines.openai.wire import OpenAIWire
from arriero.engines.upstream.relay import relay
from arriero.engines.upstream.server import Upstream, connect
from arriero.errors import EngineDied, EngineFailed
from arriero.types.upstreams import UpstreamSettings
from tests.engines.test_wire_connections import listening, read_request

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
PATH = "/api/chat"
BODY = b'{"model": "m"}'
NDJSON = "application/x-ndjson"


@asynccontextmanager
async def relaying(handler: Handler) -> AsyncIterator[Upstream]:
    app = web.Application()
    app.router.add_post("/{path:.*}", handler)
    async with TestServer(app, handler_cancellation=True) as running:
        upstream = connect(UpstreamSettings("far", str(running.make_url(""))))
        try:
            yield upstream
        finally:
            await upstream.aclose()


def answers(status: int, content: bytes = b"", content_type: str = "application/json", **headers: str) -> Handler:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(status=status, body=content, headers={"content-type": content_type, **headers})

    return answer


def begins(*pieces: bytes, content_type: str = NDJSON, headers: Mapping[str, str] | None = None) -> Handler:
    """Says this much, and breaks off."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": content_type, **(headers or {})})
        await response.prepare(request)
        for piece in pieces:
            await response.write(piece)
        assert request.transport is not None
        request.transport.close()
        return response

    return answer


class Held:
    """A stream that says one thing and goes on for ever. is_over: set once nobody reads it any more."""

    def __init__(self) -> None:
        self.is_over = asyncio.Event()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": NDJSON})
        await response.prepare(request)
        await response.write(b"{}\n")
        try:
            await asyncio.Event().wait()
        finally:
            self.is_over.set()
        return response


@pytest.mark.parametrize(
    "handler",
    [
        begins(),
        begins(content_type="text/event-stream"),
        begins(b'{"half": ', content_type="application/json"),
        begins(b'{"half": ', content_type="application/json", headers={"content-length": "100"}),
    ],
)
async def test_an_answer_that_breaks_off_before_anything_can_be_handed_on_has_not_begun(handler: Handler) -> None:
    async with relaying(handler) as upstream:
        with pytest.raises(EngineDied):
            await upstream.relay(PATH, BODY, [])


async def test_a_stream_that_has_begun_breaks_off_behind_its_first_piece() -> None:
    async with relaying(begins(b"{}\n")) as upstream:
        relayed = await upstream.relay(PATH, BODY, [])
        assert relayed.first == b"{}\n"
        with pytest.raises(EngineDied):
            await anext(relayed.rest)


async def test_an_empty_stream_is_one() -> None:
    async with relaying(answers(200, content_type=NDJSON)) as upstream:
        relayed = await upstream.relay(PATH, BODY, [])
        assert (relayed.first, [piece async for piece in relayed.rest]) == (b"", [])


async def test_a_kept_connection_that_has_gone_away_is_replaced() -> None:
    async def talk(number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1\r\n\r\n%d" % number)
        if number == 0:
            # The next request is read, and not answered.
            await read_request(reader)

    async with listening(talk) as url:
        upstream = connect(UpstreamSettings("far", url))
        numbers = [(await upstream.relay(PATH, BODY, [])).first for _ in range(2)]
        await upstream.aclose()
    assert numbers == [b"0", b"1"]


@pytest.mark.parametrize("status", [204, 202, 304])
async def test_a_status_that_neither_answers_nor_refuses_is_a_failure(status: int) -> None:
    async with relaying(answers(status)) as upstream:
        with pytest.raises(EngineFailed, match=str(status)) as caught:
            await upstream.relay(PATH, BODY, [])
    assert (caught.value.status, isinstance(caught.value, RelayRefused)) == (502, False)


async def test_where_an_upstream_points_to_is_told_and_not_followed() -> None:
    paths = []

    async def move(request: web.Request) -> web.StreamResponse:
        paths.append(request.path)
        return web.Response(status=307, headers={"Location": "/elsewhere"})

    async with relaying(move) as upstream:
        with pytest.raises(EngineFailed, match="points to /elsewhere"):
            await upstream.relay(PATH, BODY, [])
    assert paths == [PATH]


async def test_closing_an_upstream_ends_what_it_relays() -> None:
    async with relaying(Held().answer) as upstream:
        relayed = await upstream.relay(PATH, BODY, [])
        rest = asyncio.create_task(anext(relayed.rest))
        await asyncio.sleep(0)
        await upstream.aclose()
        async with asyncio.timeout(1):
            with pytest.raises(EngineDied):
                await rest


async def test_an_answer_that_nobody_reads_on_is_dropped() -> None:
    held = Held()
    async with relaying(held.answer) as upstream:
        relayed = await upstream.relay(PATH, BODY, [])
        await relayed.rest.aclose()
        async with asyncio.timeout(1):
            await held.is_over.wait()


async def test_headers_are_handed_on_as_bytes_but_for_those_that_are_made_here() -> None:
    head = (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\nX-Odd: \xe2\x9c\x93\r\n"
        b"Set-Cookie: a=1\r\nSet-Cookie: b=2\r\nCache-Control: no-cache\r\nX-Accel-Buffering: no\r\n"
        b"Access-Control-Allow-Origin: *\r\nServer: x\r\n\r\n{}"
    )

    async def talk(_: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(head)

    async with listening(talk) as url:
        upstream = connect(UpstreamSettings("far", url))
        relayed = await upstream.relay(PATH, BODY, [])
        await upstream.aclose()
    assert relayed.headers == [(b"x-odd", b"\xe2\x9c\x93")]


@pytest.mark.parametrize(
    ("status", "body", "means"),
    [
        (400, {"error": "bad"}, 400),
        (404, {"error": "model not found"}, 404),
        (401, {"error": "unauthorized", "signin_url": "https://x"}, 502),
        (403, {"error": "this model requires a subscription"}, 502),
        (429, {"error": "slow down"}, 503),
        (503, {"error": {"message": "full", "type": "api_error", "param": "p", "code": "c"}}, 503),
    ],
)
async def test_a_refusal_keeps_its_own_words(status: int, body: object, means: int) -> None:
    content = json.dumps(body).encode()
    async with relaying(answers(status, content, **{"Retry-After": "5"})) as upstream:
        with pytest.raises(RelayRefused) as caught:
            await upstream.relay(PATH, BODY, [])
    answer = caught.value.answer
    assert (answer.status, answer.content, answer.headers) == (status, content, [(b"retry-after", b"5")])
    assert caught.value.status == means


async def test_a_route_that_is_not_there_is_told_apart_from_a_model_that_is_not() -> None:
    async with relaying(answers(404, b"404 page not found", "text/plain")) as upstream:
        with pytest.raises(RelayRefused) as caught:
            await upstream.relay("/v1/messages/count_tokens", BODY, [])
    assert (caught.value.status, caught.value.answer.status) == (501, 404)


@pytest.mark.parametrize(
    ("status", "content", "told"),
    [
        (401, b'{"error":"invalid key"}', "refuses this server's key, or wants one: invalid key"),
        (502, b"<html><head><title>502 Bad &amp; worse</title></head><body>x</body></html>", "502 Bad & worse"),
        (502, b"<html>" + b"x" * 600, "a web page came in place of an answer$"),
    ],
)
async def test_what_is_not_for_the_client_is_told_in_other_words(status: int, content: bytes, told: str) -> None:
    async with relaying(answers(status, content, "text/html")) as upstream:
        with pytest.raises(EngineFailed, match=told) as caught:
            await upstream.relay(PATH, BODY, [])
    assert not isinstance(caught.value, RelayRefused)
    assert "<" not in caught.value.message


async def test_a_refusal_without_end_is_read_no_further_than_it_is_told() -> None:
    async def go_on(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=500)
        await response.prepare(request)
        while True:
            await response.write(b"x" * 100_000)

    async with relaying(go_on) as upstream, asyncio.timeout(5):
        with pytest.raises(EngineFailed, match=r"^x{500}$"):
            await upstream.relay(PATH, BODY, [])


async def test_a_whole_answer_without_end_is_a_failure() -> None:
    async with TestServer(_one_that_answers(b"x" * 1001)) as running:
        wire = OpenAIWire(str(running.make_url("")), {}, aiohttp.TCPConnector())
        async with aclosing(wire):
            with pytest.raises(EngineFailed, match="does not end"):
                await relay(wire, PATH, BODY, [], most_bytes=1000)
            assert len((await relay(wire, PATH, BODY, [], most_bytes=1001)).first) == 1001


def _one_that_answers(content: bytes) -> web.Application:
    app = web.Application()
    app.router.add_post(PATH, answers(200, content))
    return app
