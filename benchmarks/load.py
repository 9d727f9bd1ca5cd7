"""The load generator: a process that reads bursts of requests as lines of JSON and writes what they took.

Both sides of a comparison are asked by exactly this code. It reads bytes as they come and looks at them afterwards.
"""

import asyncio
import itertools
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import msgspec
from msgspec import Struct

from benchmarks.child import Child, run_module

# What comes first in an answer is llama.cpp's chunk with the role, whose content is null.
_TEXT = b'"content":"'
_ANSWER_TIMEOUT_S = 300.0


class Side(Struct, frozen=True):
    """Where to ask. ``keeps_alive``: whether a connection is used for more than one request."""

    url: str
    headers: dict[str, str] = {}
    keeps_alive: bool = False


class Burst(Struct, frozen=True):
    """So many requests, a number of them at a time; their bodies in turn."""

    side: Side
    bodies: list[msgspec.Raw]
    requests: int
    concurrency: int


class Answer(Struct, frozen=True):
    """One answer. first_s: from sending the request to its first text."""

    first_s: float
    total_s: float
    tokens: int


class Outcome(Struct, frozen=True):
    """All answers of one burst, and the time from its first request to its last byte."""

    wall_s: float
    answers: list[Answer]

    @property
    def tokens_per_s(self) -> float:
        """Tokens of all answers in the time that they took together."""
        return sum(answer.tokens for answer in self.answers) / self.wall_s


class Load:
    """The load generator, as seen from the benchmark."""

    def __init__(self, child: Child) -> None:
        self._child = child

    async def send(self, burst: Burst) -> Outcome:
        """Have one burst sent and wait for all its answers."""
        await self._child.tell(burst)
        return await self._child.hear(Outcome, _ANSWER_TIMEOUT_S * (1 + burst.requests // burst.concurrency))


@asynccontextmanager
async def running_load() -> AsyncIterator[Load]:
    """Run a load generator as long as the block lasts."""
    async with run_module("benchmarks.load") as child:
        yield Load(child)


class _Usage(Struct):
    completion_tokens: int = 0


class _End(Struct):
    """What the last object of an answer says, in Ollama's words or in llama.cpp's."""

    eval_count: int = 0
    usage: _Usage | None = None


def count_tokens(answer: bytes) -> int:
    """Return the tokens that an answer says it has. Raises ValueError where it broke off."""
    for line in reversed(answer.splitlines()):
        payload = line.removeprefix(b"data: ")
        if payload.startswith(b"{"):
            end = msgspec.json.decode(payload, type=_End)
            if tokens := end.eval_count or (end.usage.completion_tokens if end.usage else 0):
                return tokens
    raise ValueError(f"an answer ended without its count of tokens: {answer[-300:]!r}")


class _Asker:
    """Sends requests and times their answers."""

    def __init__(self, kept: aiohttp.ClientSession, fresh: aiohttp.ClientSession) -> None:
        self._kept, self._fresh = kept, fresh

    async def send(self, burst: Burst) -> Outcome:
        bodies = itertools.islice(itertools.cycle(burst.bodies), burst.requests)
        answers: list[Answer] = []

        async def lane() -> None:
            for body in bodies:
                answers.append(await self._ask(burst.side, bytes(body)))  # noqa: PERF401  # the lanes share the list

        started_s = time.perf_counter()
        async with asyncio.TaskGroup() as lanes:
            for _ in range(burst.concurrency):
                lanes.create_task(lane())
        return Outcome(time.perf_counter() - started_s, answers)

    async def _ask(self, side: Side, body: bytes) -> Answer:
        session = self._kept if side.keeps_alive else self._fresh
        started_s = time.perf_counter()
        first_s = 0.0
        received = bytearray()
        async with session.post(side.url, data=body, headers=side.headers) as response:
            while data := await response.content.readany():
                received += data
                if not first_s and _TEXT in received:
                    first_s = time.perf_counter() - started_s
        total_s = time.perf_counter() - started_s
        if response.status != 200:
            raise RuntimeError(f"{side.url} answered {response.status}: {bytes(received[:300])!r}")
        return Answer(first_s, total_s, count_tokens(bytes(received)))


async def _main() -> None:
    loop = asyncio.get_running_loop()
    timeout = aiohttp.ClientTimeout(total=_ANSWER_TIMEOUT_S)
    headers = {"Content-Type": "application/json"}
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), headers=headers, timeout=timeout) as kept,
        aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, force_close=True), headers=headers, timeout=timeout
        ) as fresh,
    ):
        asker = _Asker(kept, fresh)
        while line := await loop.run_in_executor(None, sys.stdin.buffer.readline):
            outcome = await asker.send(msgspec.json.decode(line, type=Burst))
            sys.stdout.buffer.write(msgspec.json.encode(outcome) + b"\n")
            sys.stdout.buffer.flush()


if __name__ == "__main__":
    asyncio.run(_main())
