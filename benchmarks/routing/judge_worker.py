"""A judge's model in a worker of arriero's, with one slot, and what it costs the worker to be asked."""

import json
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from arriero.engines.answers.reader import AnswerReader
from arriero.engines.base import Launch, Plan
from arriero.engines.llama_cpp.body import request_body
from arriero.engines.llama_cpp.engine import LlamaCppEngine, worker_wire
from arriero.engines.llama_cpp.launch import LlamaCppSettings, launch
from arriero.runners.worker import WorkerLoader
from arriero.store.records import record_of_file
from arriero.types.chat import TextRequest
from arriero.types.events import Event
from arriero.types.loading import LoadOptions
from arriero.types.models import ModelRecord

_CONTEXT = 4096
_STALL_S = 120.0


@dataclass(slots=True)
class JudgeWorker:
    """A worker that is up. is_caching: False has it compute each prompt anew. cpu_s: what all answers have cost it."""

    engine: LlamaCppEngine
    pid: int
    port: int
    api_key: str
    is_caching: bool = True
    cpu_s: float = 0.0
    took_s: float = 0.0
    asked: int = 0

    async def ask(self, request: TextRequest) -> Sequence[Event]:
        """All events of an answer; as the engine would ask for it, but for the cache."""
        body = request_body(request, _CONTEXT) | ({} if self.is_caching else {"cache_prompt": False})
        wire = worker_wire(self.port, self.api_key)
        before_s, began_s = self._cpu_s(), time.perf_counter()
        reader = AnswerReader(None, request.top_logprobs or 0)
        async with aclosing(wire.stream("/v1/completions", body, reader)) as stream:
            events = [event async for batch in stream for event in batch]
        await wire.aclose()
        self.took_s += time.perf_counter() - began_s
        self.cpu_s += self._cpu_s() - before_s
        self.asked += 1
        return events

    async def tokenize(self, text: str) -> Sequence[int]:
        """The tokens of a text."""
        return await self.engine.tokenize(text)

    def reset(self, *, is_caching: bool) -> None:
        """Count from nothing, in this way of asking."""
        self.is_caching, self.cpu_s, self.took_s, self.asked = is_caching, 0.0, 0.0, 0

    def _cpu_s(self) -> float:
        times = psutil.Process(self.pid).cpu_times()
        return float(times.user + times.system)


@asynccontextmanager
async def judge_worker(path: Path, threads: int, *, keeps_windows: bool) -> AsyncIterator[JudgeWorker]:
    """Run a worker for a model's file as long as the block lasts.

    keeps_windows: layers that look back only so far keep all of a prompt, and not only what they need next.
    """
    reached: list[tuple[int, str]] = []

    def launcher(record: ModelRecord, plan: Plan, port: int, api_key: str) -> Launch:
        reached.append((port, api_key))
        usual = launch(record, plan, LlamaCppSettings(), port, api_key)
        start = json.loads(usual.spec.stdin)
        start["params"]["swa_full"] = keeps_windows
        return replace(usual, spec=replace(usual.spec, stdin=json.dumps(start) + "\n"))

    def planner(record: ModelRecord, options: LoadOptions, free_bytes: int | None) -> Plan:
        del record, free_bytes
        return Plan(_CONTEXT, 1, options)

    loader = WorkerLoader(launcher, planner, _STALL_S)
    record = record_of_file(path, path.stem)
    worker = await loader.load(record, loader.plan(record, LoadOptions(threads=threads), None))
    try:
        assert isinstance(worker.engine, LlamaCppEngine)
        yield JudgeWorker(worker.engine, worker.pid, *reached[-1])
    finally:
        await worker.stop()
