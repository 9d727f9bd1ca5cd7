"""What arriero itself costs: its CPU and its delay before an engine that does nothing."""

import shlex
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from arriero.types.models import ModelRecord
from benchmarks import mock_llama_server
from benchmarks.estimates import cost_per_chunk, percentile
from benchmarks.load import Burst, Load
from benchmarks.machine import cpu_ns
from benchmarks.questions import arriero_side, ask_arriero, ask_worker, worker_side
from benchmarks.server_process import Setup, Started, running_server
from benchmarks.tables import format_table

_PROMPT = "Why is the sky blue?"
_REQUEST_TARGET = "≤ 300 µs"
_PACED_TARGET = "≤ 60 µs"
_COALESCED_TARGET = "≤ 8 µs"
_FIRST_TOKEN_TARGET = "≤ 3 ms p50"


@dataclass(frozen=True, slots=True)
class MockPlan:
    """How much to measure. pairs: requests on each side whose first token is timed, one side after the other."""

    rounds: int = 7
    requests: int = 400
    pairs: int = 400
    paced_chunks: int = 128
    interval_ms: float = 5.0
    coalesced_chunks: int = 1024


@dataclass(frozen=True, slots=True)
class Way:
    """One manner of asking."""

    name: str
    concurrency: int
    is_stream: bool = True
    keeps_alive: bool = True


_REQUEST_WAYS = (
    Way("request, not streamed, 1 at a time", 1, is_stream=False),
    Way("request, not streamed, 8 at a time", 8, is_stream=False),
    Way("request, streamed, 1 at a time", 1),
    Way("request, streamed, 8 at a time", 8),
    Way("request, streamed, 8 at a time, new connections", 8, keeps_alive=False),
)
_PACED_WAYS = (Way("paced chunk, 1 stream", 1), Way("paced chunk, 4 streams", 4), Way("paced chunk, 8 streams", 8))
_COALESCED_WAYS = (Way("coalesced chunk, 1 stream", 1), Way("coalesced chunk, 4 streams", 4))


@dataclass(slots=True)
class _Bench:
    """A server before the mock, the load generator, and the question to ask."""

    load: Load
    started: Started
    record: ModelRecord
    costs_us: dict[str, list[float]] = field(default_factory=dict)

    async def request_us(self, way: Way, requests: int, chunks: int = 1) -> float:
        """Have so many answers sent and return the server's CPU time for each."""
        body = ask_arriero(self.record, _PROMPT, chunks, is_stream=way.is_stream)
        side = arriero_side(self.started, keeps_alive=way.keeps_alive)
        before_ns = cpu_ns(self.started.pid)
        await self.load.send(Burst(side, [body], requests, way.concurrency))
        return (cpu_ns(self.started.pid) - before_ns) / requests / 1000

    async def chunk_us(self, way: Way, requests: int, chunks: int) -> float:
        """Return the CPU time for one more chunk, from answers with one and with many, one after the other."""
        short = await self.request_us(way, requests * 8)
        return cost_per_chunk(short, await self.request_us(way, requests, chunks), chunks - 1)

    def note(self, way: Way, cost_us: float) -> None:
        self.costs_us.setdefault(way.name, []).append(cost_us)


async def measure_mock(load: Load, record: ModelRecord, plan: MockPlan) -> str:
    """Measure everything and return the tables."""
    async with _bench(load, record, interval_ms=0) as bench:
        await _warm_up(bench)
        for _ in range(plan.rounds):
            for way in _REQUEST_WAYS:
                bench.note(way, await bench.request_us(way, plan.requests))
            for way in _COALESCED_WAYS:
                bench.note(way, await bench.chunk_us(way, way.concurrency * 8, plan.coalesced_chunks))
        first_tokens = await _first_tokens(bench, plan.pairs)
    async with _bench(load, record, plan.interval_ms) as paced:
        await _warm_up(paced)
        for _ in range(plan.rounds):
            for way in _PACED_WAYS:
                paced.note(way, await paced.chunk_us(way, way.concurrency * 2, plan.paced_chunks))
    costs = bench.costs_us | paced.costs_us
    rows = [_cost_row(way, costs[way.name], _REQUEST_TARGET) for way in _REQUEST_WAYS]
    rows += [_cost_row(way, costs[way.name], _PACED_TARGET) for way in _PACED_WAYS]
    rows += [_cost_row(way, costs[way.name], _COALESCED_TARGET) for way in _COALESCED_WAYS]
    head = ("CPU of arriero for one", "median", "least", "most", "target")
    return "\n".join([format_table(f"CPU, mock engine, {plan.rounds} rounds", head, rows), first_tokens])


@asynccontextmanager
async def _bench(load: Load, record: ModelRecord, interval_ms: float) -> AsyncIterator[_Bench]:
    with TemporaryDirectory() as folder:
        environment = {"MOCK_LLAMA_INTERVAL_MS": str(interval_ms)}
        setup = Setup(record.name, str(_mock_binary(Path(folder))), context=1024, slots=16, environment=environment)
        async with running_server(setup) as started:
            yield _Bench(load, started, record)


def _mock_binary(folder: Path) -> Path:
    """Write a program that can be run in place of llama-server."""
    binary = folder / "llama-server"
    # -P: the modules beside the mock must not stand before Python's own.
    command = shlex.join([sys.executable, "-P", mock_llama_server.__file__])
    binary.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
    binary.chmod(0o755)
    return binary


async def _warm_up(bench: _Bench) -> None:
    for way in _REQUEST_WAYS:
        await bench.request_us(way, 50)


async def _first_tokens(bench: _Bench, pairs: int) -> str:
    """Time the first token on both sides in turn, a new request each."""
    sides = {
        "direct": (worker_side(bench.started), ask_worker(bench.record, _PROMPT, 1)),
        "arriero": (arriero_side(bench.started, keeps_alive=True), ask_arriero(bench.record, _PROMPT, 1)),
    }
    times_ms: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(pairs):
        for name, (side, body) in sides.items():
            outcome = await bench.load.send(Burst(side, [body], requests=1, concurrency=1))
            times_ms[name].append(outcome.answers[0].first_s * 1000)
    direct, arriero = times_ms["direct"], times_ms["arriero"]
    added = [through - straight for through, straight in zip(arriero, direct, strict=True)]
    rows = [
        ("direct", *_percentiles(direct), ""),
        ("through arriero", *_percentiles(arriero), ""),
        ("added by arriero, pair by pair", *_percentiles(added), _FIRST_TOKEN_TARGET),
    ]
    return format_table(f"Time to first token, mock engine, {pairs} pairs", ("", "p50", "p99", "target"), rows)


def _percentiles(values_ms: list[float]) -> tuple[str, str]:
    return f"{percentile(values_ms, 50):.2f} ms", f"{percentile(values_ms, 99):.2f} ms"


def _cost_row(way: Way, costs_us: list[float], target: str) -> tuple[str, ...]:
    digits = 0 if target == _REQUEST_TARGET else 1
    return (way.name, *(f"{pick(costs_us):.{digits}f} µs" for pick in (median, min, max)), target)
