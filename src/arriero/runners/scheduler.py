"""Gives out engines for models: loads on demand, keeps loaded what is used, and asks again where that is safe."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from arriero.engines.base import Engine
from arriero.errors import EngineDied, EngineUnreachable, ServerBusy
from arriero.runners.runner import Load, Runner
from arriero.types.chat import TextRequest
from arriero.types.events import Event, EventStream
from arriero.types.models import ModelRecord


@dataclass(frozen=True, slots=True)
class Status:
    """A loaded model, for ``/api/ps``. expires_in_s: ``inf`` for never; negative once it is only finishing."""

    record: ModelRecord
    memory_bytes: int
    context: int
    expires_in_s: float


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer under way. ready_ns: when the engine was had (``time.perf_counter_ns``). first: its first events."""

    ready_ns: int
    first: Sequence[Event]
    rest: EventStream


class Scheduler:
    """One for a server. ``keep_alive_s`` holds for models of which no request has said otherwise."""

    def __init__(self, load: Load, keep_alive_s: float) -> None:
        self._load = load
        self._keep_alive_s = keep_alive_s
        # Two names of one file share a runner.
        self._runners: dict[Path, Runner] = {}
        self._is_closed = False

    @asynccontextmanager
    async def answer(
        self, record: ModelRecord, request: TextRequest, keep_alive_s: float | None = None
    ) -> AsyncIterator[Answer]:
        """Generate with a model. Whatever the engine refuses is raised on entering, before anything was sent on.

        An engine that turns out to be dead before it got the request is waited for, and the restarted one asked.
        """
        for is_last in (False, True):
            runner = await self._join(record, keep_alive_s)
            try:
                engine = await runner.engine()
                ready_ns = time.perf_counter_ns()
                try:
                    async with aclosing(engine.generate(request)) as stream:
                        yield Answer(ready_ns, await anext(stream), stream)
                        return
                except EngineUnreachable:
                    if is_last:
                        raise
                    await runner.until_lost(engine)
                except EngineDied as error:
                    if self._is_closed:
                        raise ServerBusy("the server is shutting down") from error
                    runner.doubt(engine)
                    raise
            finally:
                runner.leave()

    @asynccontextmanager
    async def engine(self, record: ModelRecord, keep_alive_s: float | None = None) -> AsyncIterator[Engine]:
        """The model's engine, loaded if need be, and kept loaded while the context lasts. Raises LoadFailed."""
        runner = await self._join(record, keep_alive_s)
        try:
            yield await runner.engine()
        finally:
            runner.leave()

    def unload(self, record: ModelRecord) -> None:
        """Stop the model's engine as soon as no answer is under way; nothing happens where it is not loaded."""
        runner = self._runners.get(record.path)
        if runner is not None:
            runner.unload()

    def statuses(self) -> list[Status]:
        """The models that are loaded, those that stay longest first."""
        now_s = time.monotonic()
        found = [
            Status(runner.record, loaded.memory_bytes(), loaded.plan.context, runner.expires_in_s(now_s))
            for runner in self._runners.values()
            if (loaded := runner.loaded) is not None
        ]
        return sorted(found, key=lambda status: status.expires_in_s, reverse=True)

    def end(self) -> None:
        """Begin to stop all engines, whoever uses them. Requests that come later raise ServerBusy."""
        self._is_closed = True
        for runner in self._runners.values():
            runner.end()

    async def aclose(self) -> None:
        """Stop all engines, and wait until they are gone."""
        self.end()
        await asyncio.gather(*(runner.ended for runner in list(self._runners.values())))

    async def _join(self, record: ModelRecord, keep_alive_s: float | None) -> Runner:
        """The model's runner with one more user, who must ``leave`` it."""
        while (runner := self._runner(record)).is_ending:
            await asyncio.wait({runner.ended})
        runner.join(keep_alive_s)
        return runner

    def _runner(self, record: ModelRecord) -> Runner:
        if self._is_closed:
            raise ServerBusy("the server is shutting down")
        runner = self._runners.get(record.path)
        if runner is None:
            runner = self._runners[record.path] = Runner(record, self._load, self._keep_alive_s)
            runner.ended.add_done_callback(lambda _: self._forget(record.path, runner))
        return runner

    def _forget(self, path: Path, runner: Runner) -> None:
        if self._runners.get(path) is runner:
            del self._runners[path]
