"""What arriero itself costs: its CPU and its delay before an engine that does nothing."""

import os
import shlex
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from msgspec import Raw

from arriero.types.models import ModelRecord
from benchmarks import mock_llama_server
from benchmarks.child import run_module
from benchmarks.estimates import cost_per_chunk
from benchmarks.first_tokens import measure_first_tokens
from benchmarks.load import Burst, Load, Side
from benchmarks.machine import cpu_ns
from benchmarks.questions import arriero_side, ask_arriero, ask_worker, worker_side
from benchmarks.relay_process import RelayStarted
from benchmarks.server_process import Setup, Started, running_server
from benchmarks.tables import format_table

_PROMPT = "Why is the sky blue?"
_REQUEST_TARGET = "≤ 300 µs"
_PACED_TARGET = "≤ 60 µs"
_COALESCED_TARGET = "≤ 8 µs"
_START_TIMEOUT_S = 30.0
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


_STREAMS = (1, 4, 16)
_REQUEST_WAYS = (
    *(Way(f"request, in one piece, {number} at a time", number, is_stream=False) for number in _STREAMS),
    *(Way(f"request, streamed, {number} at a time", number) for number in _STREAMS),
    Way("request, streamed, 16 at a time, new connections", 16, keeps_alive=False),
)
_PACED_WAYS = tuple(Way(f"paced chunk, streams: {number}", number) for number in _STREAMS)
_COALESCED_WAYS = tuple(Way(f"coalesced chunk, streams: {number}", number) for number in _STREAMS)


@dataclass(frozen=True, slots=True)
class _Target:
    """A server whose CPU time is read. ask: makes the body of a request for so many chunks, streamed or not."""

    pid: int
    side: Callable[[bool], Side]
    ask: Callable[[int, bool], Raw]


@dataclass(slots=True)
class _Costs:
    """A server before the mock, the load generator, and what things were found to cost there, in microseconds."""

    load: Load
    target: _Target
    found_us: dict[str, list[float]] = field(default_factory=dict)

    async def request_us(self, way: Way, requests: int, chunks: int = 1) -> float:
        """Have so many answers sent and return the server's CPU time for each."""
        target = self.target
        burst = Burst(target.side(way.keeps_alive), [target.ask(chunks, way.is_stream)], requests, way.concurrency)
        before_ns = cpu_ns(target.pid)
        await self.load.send(burst)
        return (cpu_ns(target.pid) - before_ns) / requests / 1000

    async def chunk_us(self, way: Way, requests: int, chunks: int) -> float:
        """Return the CPU time for one more chunk, from answers with one and with many, one after the other."""
        short = await self.request_us(way, requests * 8)
        return cost_per_chunk(short, await self.request_us(way, requests, chunks), chunks - 1)

    async def note_requests(self, requests: int) -> None:
        """Measure a request in every way, once."""
        for way in _REQUEST_WAYS:
            self._note(way, await self.request_us(way, requests))

    async def note_chunks(self, ways: Sequence[Way], answers: int, chunks: int) -> None:
        """Measure a chunk in the given ways, once."""
        for way in ways:
            self._note(way, await self.chunk_us(way, way.concurrency * answers, chunks))

    def _note(self, way: Way, cost_us: float) -> None:
        self.found_us.setdefault(way.name, []).append(cost_us)


async def measure_mock(load: Load, record: ModelRecord, plan: MockPlan) -> str:
    """Measure everything and return the tables."""
    async with _servers(load, record, interval_ms=0) as (started, quick):
        for _ in range(plan.rounds):
            for costs in quick:
                await costs.note_requests(plan.requests)
                await costs.note_chunks(_COALESCED_WAYS, 8, plan.coalesced_chunks)
        first_tokens = await measure_first_tokens(
            load,
            (worker_side(started), ask_worker(record, _PROMPT, 1)),
            (arriero_side(started, keeps_alive=True), ask_arriero(record.name, _PROMPT, 1)),
            plan.pairs,
            _FIRST_TOKEN_TARGET,
        )
    async with _servers(load, record, plan.interval_ms) as (_, paced):
        for _ in range(plan.rounds):
            for costs in paced:
                await costs.note_chunks(_PACED_WAYS, 2, plan.paced_chunks)
    ours, floor = (quick[index].found_us | paced[index].found_us for index in range(2))
    targets = ((_REQUEST_WAYS, _REQUEST_TARGET), (_PACED_WAYS, _PACED_TARGET), (_COALESCED_WAYS, _COALESCED_TARGET))
    rows = [_cost_row(way, ours, floor, target) for ways, target in targets for way in ways]
    head = ("CPU for one", "arriero", "least", "most", "target", "bare relay")
    return "\n".join([format_table(f"CPU, mock engine, {plan.rounds} rounds", head, rows), first_tokens])


@asynccontextmanager
async def _servers(
    load: Load, record: ModelRecord, interval_ms: float
) -> AsyncIterator[tuple[Started, tuple[_Costs, _Costs]]]:
    """Run arriero and a bare relay before one mock, both warm."""
    with TemporaryDirectory() as folder:
        environment = {"MOCK_LLAMA_INTERVAL_MS": str(interval_ms)}
        setup = Setup(record.name, str(_mock_binary(Path(folder))), context=1024, slots=16, environment=environment)
        async with running_server(setup) as started:
            arguments = [started.worker_url, started.worker_key, str(os.getpid())]
            async with run_module("benchmarks.relay_process", arguments) as child:
                relay = await child.hear(RelayStarted, _START_TIMEOUT_S)
                costs = (_Costs(load, _arriero(started, record)), _Costs(load, _relay(relay, record)))
                for one in costs:
                    for way in _REQUEST_WAYS:
                        await one.request_us(way, 50)
                yield started, costs


def _arriero(started: Started, record: ModelRecord) -> _Target:
    return _Target(
        started.pid,
        lambda keeps_alive: arriero_side(started, keeps_alive=keeps_alive),
        lambda chunks, is_stream: ask_arriero(record.name, _PROMPT, chunks, is_stream=is_stream),
    )


def _relay(relay: RelayStarted, record: ModelRecord) -> _Target:
    return _Target(
        relay.pid,
        lambda keeps_alive: Side(relay.url, {}, keeps_alive),
        # It reads nothing, so it has no other answers than the engine's.
        lambda chunks, _is_stream: ask_worker(record, _PROMPT, chunks),
    )


def _mock_binary(folder: Path) -> Path:
    """Write a program that can be run in place of llama-server."""
    binary = folder / "llama-server"
    # -P: the modules beside the mock must not stand before Python's own.
    command = shlex.join([sys.executable, "-P", mock_llama_server.__file__])
    binary.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
    binary.chmod(0o755)
    return binary


def _cost_row(
    way: Way, ours: Mapping[str, list[float]], floor: Mapping[str, list[float]], target: str
) -> tuple[str, ...]:
    digits = 0 if target == _REQUEST_TARGET else 1
    spread = (f"{pick(ours[way.name]):.{digits}f} µs" for pick in (median, min, max))
    return (way.name, *spread, target, f"{median(floor[way.name]):.{digits}f} µs")
