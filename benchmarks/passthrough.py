"""What passing a stream on costs, beside a bare byte relay and translating it: ``python -m benchmarks.passthrough``.

All three stand before the same mock of a vLLM, each in a process of its own, and are asked in turn in one run.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from statistics import median

import click

from benchmarks.child import run_module
from benchmarks.estimates import cost_per_chunk, median_ratio
from benchmarks.load import Burst, Load, Side, running_load
from benchmarks.machine import cpu_ns, describe_machine
from benchmarks.mock_upstream import MODEL
from benchmarks.processes import arriero_before, free_port, running
from benchmarks.questions import ask_openai
from benchmarks.relay_process import RelayStarted
from benchmarks.stepping import step_us, stepped_mock
from benchmarks.tables import format_table

_PATH = "/v1/chat/completions"
_PROMPT = "Why is the sky blue?"
_TARGET = "≤ 1.15"
_RELAY, _PASSING, _TRANSLATING = "bare relay", "passed on", "translated"
_RATIOS = ("passed ÷ relay", "95 % interval", "target", "translated ÷ relay", "95 % interval")
_HEAD = ("CPU for one", _RELAY, _PASSING, _TRANSLATING, *_RATIOS)
_STREAMS = (1, 4, 16)
_START_TIMEOUT_S = 30.0
_INTERVAL_MS = 5.0
_WARM_REQUESTS = 100
# Long enough for some looks at a server.
_REST_S = 21.0


@dataclass(frozen=True, slots=True)
class Way:
    """One manner of asking. requests: answers in a burst; those of one chunk are ``short_requests``."""

    name: str
    streams: int
    chunks: int
    requests: int
    short_requests: int


def _ways(kind: str, chunks: int, requests: int, short_requests: int) -> tuple[Way, ...]:
    return tuple(
        Way(f"{kind} chunk, streams: {streams}", streams, chunks, requests * streams, short_requests)
        for streams in _STREAMS
    )


_PACED = _ways("paced", 200, 2, 64)
# Chunks of all streams together.
_STEPS = 3200
_COALESCED = _ways("coalesced", 1024, 8, 128)


@dataclass(slots=True)
class Relaying:
    """A server whose CPU time is read, and what it was found to need, in microseconds, by what it did."""

    pid: int
    url: str
    found_us: dict[str, list[float]] = field(default_factory=dict)
    idle_us_per_s: float = 0.0

    async def rest(self) -> None:
        """Note what it needs while nobody asks it anything: it looks after its servers, and counts as no chunk."""
        before_ns = cpu_ns(self.pid)
        await asyncio.sleep(_REST_S)
        self.idle_us_per_s = (cpu_ns(self.pid) - before_ns) / 1000 / _REST_S

    async def answer_us(self, load: Load, chunks: int, requests: int, streams: int) -> float:
        """Have so many answers of so many chunks sent and return the CPU time for each."""
        side = Side(self.url, {}, keeps_alive=True)
        before_ns = cpu_ns(self.pid)
        outcome = await load.send(Burst(side, [ask_openai(MODEL, _PROMPT, chunks)], requests, streams))
        spent_us = (cpu_ns(self.pid) - before_ns) / 1000
        return (spent_us - outcome.wall_s * self.idle_us_per_s) / requests

    async def measure(self, load: Load, way: Way) -> None:
        """Note what one more chunk costs, from short answers and long ones; and what a short answer costs."""
        short_us = await self.answer_us(load, 1, way.short_requests, way.streams)
        long_us = await self.answer_us(load, way.chunks, way.requests, way.streams)
        self.note(way.name, cost_per_chunk(short_us, long_us, way.chunks - 1))
        self.note(_request(way), short_us)

    def note(self, name: str, cost_us: float) -> None:
        """Keep a finding."""
        self.found_us.setdefault(name, []).append(cost_us)


Relays = Mapping[str, Relaying]


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--pairs", type=click.IntRange(min=1), default=15, show_default=True, help="Rounds of each kind.")
def main(*, pairs: int) -> None:
    """Put the same load through a bare relay and through arriero, passing on and translating, and compare."""
    asyncio.run(_run(pairs))


async def _run(pairs: int) -> None:
    click.echo(f"{describe_machine()}\n")
    rows: list[Sequence[str]] = []
    async with stepped_mock() as mock, _relays(mock.url) as relays:
        for relaying in _in_turn(relays, pairs):
            for streams in _STREAMS:
                steps_us = await step_us(mock, relaying.url, relaying.pid, streams, _STEPS // streams)
                relaying.note(_step(streams), steps_us)
        rows += [_row(_step(streams), relays) for streams in _STREAMS]
    async with running_load() as load:
        for ways, interval_ms in ((_COALESCED, 0.0), (_PACED, _INTERVAL_MS)):
            async with _mock(interval_ms) as url, _relays(url) as relays:
                await _measure(load, relays, ways, pairs)
            rows += [_row(way.name, relays) for way in ways]
            rows += [_row(_request(way), relays) for way in ways if way in _COALESCED]
    click.echo(format_table(f"CPU, mock of a vLLM, {pairs} pairs", _HEAD, rows))


async def _measure(load: Load, relays: Relays, ways: Sequence[Way], pairs: int) -> None:
    for relaying in relays.values():
        await relaying.answer_us(load, 16, _WARM_REQUESTS, 4)
    await asyncio.gather(*(relaying.rest() for relaying in relays.values()))
    for relaying in _in_turn(relays, pairs):
        for way in ways:
            await relaying.measure(load, way)


def _in_turn(relays: Relays, pairs: int) -> Iterator[Relaying]:
    """Each of them so many times, and first as often as the others."""
    order = list(relays.values())
    for pair in range(pairs):
        start = pair % len(order)
        yield from order[start:] + order[:start]


@asynccontextmanager
async def _mock(interval_ms: float) -> AsyncIterator[str]:
    port = free_port()
    async with running("benchmarks.mock_upstream", "vllm", str(port), "--interval-ms", str(interval_ms)):
        yield f"http://127.0.0.1:{port}"


@asynccontextmanager
async def _relays(mock: str) -> AsyncIterator[Relays]:
    """The three servers before one mock."""
    settings = 'kind = "vllm"\ncapabilities = ["completion"]\n'
    async with AsyncExitStack() as stack:
        passing = await stack.enter_async_context(arriero_before(mock, MODEL, settings))
        translating = await stack.enter_async_context(arriero_before(mock, MODEL, f"{settings}pass_through = false"))
        arguments = [mock, "none", str(os.getpid()), "--kept"]
        child = await stack.enter_async_context(run_module("benchmarks.relay_process", arguments))
        relay = await child.hear(RelayStarted, _START_TIMEOUT_S)
        yield {
            _RELAY: Relaying(relay.pid, relay.url),
            _PASSING: Relaying(passing.pid, passing.url + _PATH),
            _TRANSLATING: Relaying(translating.pid, translating.url + _PATH),
        }


def _step(streams: int) -> str:
    return f"chunk in step, streams: {streams}"


def _request(way: Way) -> str:
    return f"request with one chunk, streams: {way.streams}"


def _row(name: str, relays: Relays) -> Sequence[str]:
    floor = relays[_RELAY].found_us[name]
    is_request = name.startswith("request")
    digits = 0 if is_request else 2
    medians = [f"{median(relaying.found_us[name]):.{digits}f} µs" for relaying in relays.values()]
    ratios = []
    for way, target in ((_PASSING, ["" if is_request else _TARGET]), (_TRANSLATING, [])):
        ratio = median_ratio(list(zip(relays[way].found_us[name], floor, strict=True)))
        ratios += [f"{ratio.estimate:.2f}", f"{ratio.low:.2f} … {ratio.high:.2f}", *target]
    return (name, *medians, *ratios)


if __name__ == "__main__":
    main()
