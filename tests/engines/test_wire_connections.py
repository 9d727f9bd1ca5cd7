"""What becomes of the wire's connections where they are kept."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp
import msgspec
import pytest

from arriero.engines.openai.wire import OpenAIWire, WireTimeouts
from arriero.errors import EngineDied, EngineFailed, EngineUnreachable
from arriero.types.events import TextDelta
from tests.engines.streams import chat_chunk, chat_stream
from tests.engines.test_openai_wire import collect, streams, text_of, upstream

PATH = "/v1/chat/completions"
Talk = Callable[[int, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Seen(msgspec.Struct):
    path: str


@asynccontextmanager
async def listening(talk: Talk) -> AsyncIterator[str]:
    """A server that says what it is told to on its first, second … connection; its address."""
    talks: list[asyncio.Task[None]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        talks.append(task)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await talk(len(talks) - 1, reader, writer)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
        await asyncio.gather(*talks)


@asynccontextmanager
async def pooled(url: str, timeouts: WireTimeouts | None = None) -> AsyncIterator[OpenAIWire]:
    wire = OpenAIWire(url, {}, aiohttp.TCPConnector(limit=0), *([timeouts] if timeouts else []))
    try:
        yield wire
    finally:
        await wire.aclose()


async def read_request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next((int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")), 0)
    return head + await reader.readexactly(length)


def answer(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body


async def test_a_kept_connection_that_has_gone_away_is_replaced_once() -> None:
    async def talk(number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(answer(chat_stream("first" if number == 0 else "second")))
        if number == 0:
            # The next request is read, and not answered.
            await read_request(reader)

    async with listening(talk) as url, pooled(url) as wire:
        assert text_of(await collect(wire.stream(PATH, {}))) == "first"
        assert text_of(await collect(wire.stream(PATH, {}))) == "second"


async def test_a_new_connection_that_goes_away_is_a_death() -> None:
    requests = []

    async def talk(_: int, reader: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
        requests.append(await read_request(reader))

    async with listening(talk) as url, pooled(url) as wire:
        with pytest.raises(EngineDied) as caught:
            await collect(wire.stream(PATH, {}))
    assert not isinstance(caught.value, EngineUnreachable)
    assert len(requests) == 1


async def test_a_kept_connection_that_breaks_off_in_an_answer_is_a_death() -> None:
    async def talk(number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(answer(chat_stream("x")))
        await read_request(reader)
        assert number == 0
        writer.write(answer(chat_stream("x"))[:-20])

    async with listening(talk) as url, pooled(url) as wire:
        await collect(wire.stream(PATH, {}))
        with pytest.raises(EngineDied):
            await collect(wire.stream(PATH, {}))


async def test_one_connection_serves_one_answer_after_the_other() -> None:
    connections = []

    async def talk(number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(number)
        while True:
            await read_request(reader)
            events = chat_stream("x")
            head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            writer.write(head + b"%x\r\n" % len(events) + events + b"\r\n")
            await writer.drain()
            # The end of the body comes by itself, as vLLM's and SGLang's does.
            await asyncio.sleep(0)
            writer.write(b"0\r\n\r\n")

    async with listening(talk) as url, pooled(url) as wire:
        for _ in range(3):
            assert text_of(await collect(wire.stream(PATH, {}))) == "x"
    assert connections == [0]


async def test_looking_at_something_is_a_get_behind_the_path_of_the_url() -> None:
    seen = []

    async def talk(_: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append((await read_request(reader)).split(b"\r\n")[0])
        writer.write(answer(b'{"path":"x"}'))

    async with listening(talk) as url, pooled(url + "/prefix/") as wire:
        assert await wire.get("/v1/models", Seen) == Seen("x")
    assert seen == [b"GET /prefix/v1/models HTTP/1.1"]


async def test_what_a_get_refuses_is_told_like_any_refusal() -> None:
    async with upstream(streams(b"[]")) as url, pooled(url) as wire:
        with pytest.raises(EngineFailed, match="makes no sense"):
            await wire.get("/x", Seen)


async def test_an_answer_that_does_not_come_in_time_is_a_death() -> None:
    async def talk(_: int, reader: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
        await read_request(reader)
        await reader.read()

    async with listening(talk) as url, pooled(url, WireTimeouts(read_s=0.05)) as wire:
        with pytest.raises(EngineDied, match="took too long") as caught:
            await collect(wire.stream(PATH, {}))
    assert not isinstance(caught.value, EngineUnreachable)


async def test_an_answer_that_falls_silent_is_a_death_and_one_that_nobody_reads_is_not() -> None:
    is_read = asyncio.Event()

    async def talk(_: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
        writer.write(head + chat_chunk({"content": "Hi"}))
        await is_read.wait()
        writer.write(chat_chunk({"content": " you"}))
        await reader.read()

    silent_s = 0.05
    async with listening(talk) as url, pooled(url, WireTimeouts(read_s=silent_s)) as wire:
        stream = wire.stream(PATH, {})
        assert await anext(stream) == [TextDelta("Hi")]
        # The client is slow, and not the engine.
        await asyncio.sleep(2 * silent_s)
        is_read.set()
        assert await anext(stream) == [TextDelta(" you")]
        with pytest.raises(EngineDied, match="took too long"):
            await anext(stream)
