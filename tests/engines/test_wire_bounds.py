"""What the wire does not wait for, read or follow."""

import asyncio
import ssl

import aiohttp
import msgspec
import pytest
from aiohttp import web
from aiohttp.client_reqrep import ConnectionKey
from aiohttp.test_utils import unused_port

from arriero.engines.openai.wire import MOST_OF_A_REFUSAL, OpenAIWire, WireTimeouts, connection_loss, read_at_most
from arriero.errors import EngineFailed, EngineUnreachable
from arriero.types.events import Finished
from tests.engines.streams import chat_chunk, usage_chunk
from tests.engines.test_openai_wire import Handler, collect, streams, text_of, upstream, wire_to
from tests.engines.test_wire_connections import pooled

PATH = "/v1/chat/completions"


class Empty(msgspec.Struct):
    """Any object."""


@pytest.mark.parametrize("status", [201, 204, 302])
async def test_a_status_that_is_no_answer_is_the_servers_fault(status: int) -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(status=status)

    async with wire_to(handler) as wire:
        for ask in (anext(wire.stream(PATH, {})), wire.get("/x", Empty)):
            with pytest.raises(EngineFailed, match=str(status)) as caught:
                await ask
            assert caught.value.status == 502


async def test_where_a_server_points_to_is_told_and_not_followed() -> None:
    asked: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        asked.append(request.path)
        raise web.HTTPFound("/elsewhere")

    async with wire_to(handler) as wire:
        with pytest.raises(EngineFailed, match="points to /elsewhere"):
            await wire.call(PATH, {}, Empty)
        assert not await wire.is_ready("/health")
    assert asked == [PATH, "/health"]


def without_end(status: int) -> tuple[Handler, asyncio.Event]:
    """Says the same for ever; the event: whoever asked has gone."""
    gone = asyncio.Event()

    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=status)
        await response.prepare(request)
        try:
            while True:
                await response.write(b"x" * 10_000)
        finally:
            gone.set()

    return handler, gone


async def test_a_refusal_without_end_is_read_for_its_beginning() -> None:
    handler, gone = without_end(500)
    async with wire_to(handler) as wire:
        with pytest.raises(EngineFailed) as caught:
            await asyncio.wait_for(anext(wire.stream(PATH, {})), 5)
        await asyncio.wait_for(gone.wait(), 5)
    assert caught.value.message == "x" * 500


async def test_no_more_of_a_body_is_read_than_is_wanted() -> None:
    handler, _ = without_end(200)
    async with upstream(handler) as url, aiohttp.ClientSession() as session, session.get(url) as response:
        assert await read_at_most(response.content, MOST_OF_A_REFUSAL) == b"x" * MOST_OF_A_REFUSAL
        response.close()


async def test_a_stream_that_has_told_all_and_stays_open_is_over() -> None:
    async def forever(_: web.Request) -> None:
        await asyncio.Event().wait()

    told = chat_chunk({"content": "Hi"}) + chat_chunk({}, "stop") + usage_chunk()
    async with upstream(streams(told, then=forever)) as url, pooled(url, WireTimeouts(end_s=0.01)) as wire:
        events = await asyncio.wait_for(collect(wire.stream(PATH, {})), 5)
    assert text_of(events) == "Hi"
    assert isinstance(events[-1], Finished)


async def test_an_answer_in_one_piece_is_read_though_a_stream_was_asked_for() -> None:
    parts = b'{"choices":[{"message":', b'{"content":"whole"}}]}'
    async with wire_to(streams(*parts)) as wire:
        events = await collect(wire.stream(PATH, {}))
    assert text_of(events) == "whole"
    assert isinstance(events[-1], Finished)


async def test_a_page_in_place_of_a_stream_is_told_by_its_title() -> None:
    async with wire_to(streams(b"<html><head><title>Sign in</title>", b"</head></html>")) as wire:
        with pytest.raises(EngineFailed, match="web page came in place of an answer: Sign in"):
            await collect(wire.stream(PATH, {}))


async def test_a_whole_answer_with_brackets_without_end_makes_no_sense() -> None:
    async with wire_to(streams(b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}")) as wire:
        with pytest.raises(EngineFailed, match="makes no sense"):
            await wire.get("/x", Empty)


async def test_why_no_connection_can_be_made_is_told() -> None:
    wire = OpenAIWire(f"http://127.0.0.1:{unused_port()}", {}, aiohttp.TCPConnector())
    with pytest.raises(EngineUnreachable, match=r"cannot be reached \(Connect call failed"):
        await wire.get("/x", Empty)
    await wire.aclose()


async def test_only_a_certificate_that_is_not_trusted_is_called_so() -> None:
    key = ConnectionKey("h", 443, True, True, None, None, None)  # aiohttp's
    async with aiohttp.ClientSession() as session:
        fault = ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1000)")
        fault.reason = "WRONG_VERSION_NUMBER"
        spoken = connection_loss(aiohttp.ClientConnectorSSLError(key, fault), session)
        shown = connection_loss(
            aiohttp.ClientConnectorCertificateError(key, ssl.SSLCertVerificationError("self-signed")), session
        )
    assert spoken.message == "the engine cannot be reached (TLS: wrong version number); try again"
    assert "certificate is not trusted" in shown.message
    assert "self-signed" in shown.message
