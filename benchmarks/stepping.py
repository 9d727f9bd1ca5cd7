"""Streams in step: a mock of a vLLM sends the next chunk as soon as the one before has come through.

So each chunk wakes the server that stands between once, however busy the machine is: nothing is sent in bursts, and
nothing waits for a clock.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from benchmarks.machine import cpu_ns
from benchmarks.mock_llama_server import content_length, in_one_piece
from benchmarks.mock_upstream import MODEL, MODELS, vllm_answer
from benchmarks.questions import ask_openai

_MARK = b'"content":" mule"'
# Before the clock is read, and behind it.
_MARGIN = 16
_LONGEST_S = 120.0


@dataclass(slots=True)
class SteppedMock:
    """Answers requests whose prompts are numbers, chunk by chunk, when it is told to. url: where it listens."""

    url: str = ""
    _writers: dict[int, asyncio.StreamWriter] = field(default_factory=dict)
    _ends: dict[int, asyncio.Event] = field(default_factory=dict)

    def send(self, number: int, piece: bytes) -> None:
        """Send one more piece of an answer."""
        self._writers[number].write(piece)

    def end(self, number: int, piece: bytes) -> None:
        """Send the last piece."""
        self.send(number, piece)
        self._ends[number].set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take the requests of one connection."""
        while head := await _head(reader):
            body = await reader.readexactly(content_length(head))
            path = head.split(b" ", 2)[1]
            if path == b"/v1/models":
                writer.write(in_one_piece(b"200 OK", json.dumps(MODELS).encode()))
            elif path != b"/v1/chat/completions":
                writer.write(in_one_piece(b"404 Not Found", b'{"detail":"Not Found"}'))
            else:
                number = int(json.loads(body)["messages"][0]["content"])
                self._writers[number], self._ends[number] = writer, asyncio.Event()
                self.send(number, vllm_answer(2)[0])
                await self._ends[number].wait()
        writer.close()


@asynccontextmanager
async def stepped_mock() -> AsyncIterator[SteppedMock]:
    """Run the mock as long as the block lasts."""
    mock = SteppedMock()
    async with await asyncio.start_server(mock.serve, "127.0.0.1", 0) as server:
        mock.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield mock


async def step_us(mock: SteppedMock, url: str, pid: int, streams: int, chunks: int) -> float:
    """Return the CPU time, in microseconds, that a server takes for each chunk of streams that it has at once."""
    async with asyncio.timeout(_LONGEST_S), asyncio.TaskGroup() as group:
        started, measured = asyncio.Barrier(streams + 1), asyncio.Barrier(streams + 1)
        for number in range(streams):
            group.create_task(_Stream(mock, url, number).run((started, measured), chunks))
        await started.wait()
        before_ns = cpu_ns(pid)
        await measured.wait()
        spent_us = (cpu_ns(pid) - before_ns) / 1000
    return spent_us / (streams * chunks)


@dataclass(slots=True)
class _Stream:
    mock: SteppedMock
    url: str
    number: int

    async def run(self, barriers: Sequence[asyncio.Barrier], chunks: int) -> None:
        """Have one answer sent: a few chunks, as many as are measured, and what ends it."""
        address = urlsplit(self.url)
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        body = bytes(ask_openai(MODEL, str(self.number), 2 * _MARGIN + chunks))
        head = f"POST {address.path} HTTP/1.1\r\nHost: {address.netloc}\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        _, text, last = vllm_answer(3)
        await _until(reader, 1)
        for count, barrier in zip((_MARGIN, chunks), barriers, strict=True):
            for _ in range(count):
                self.mock.send(self.number, text)
                await _until(reader, 1)
            await barrier.wait()
        self.mock.end(self.number, last)
        await _until(reader, 1)
        writer.close()


async def _until(reader: asyncio.StreamReader, chunks: int) -> None:
    """Read until so many chunks have come through."""
    found = 0
    while found < chunks:
        data = await reader.read(1 << 16)
        if not data:
            raise RuntimeError("an answer broke off")
        # What is sent in one piece comes in one, on loopback.
        found += data.count(_MARK)


async def _head(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return b""
