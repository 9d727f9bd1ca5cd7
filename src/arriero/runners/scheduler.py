"""Gives out engines for models: loads on demand, keeps loaded what is used, and asks again where that is safe."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass

from arriero.engines.base import Engine, Plan
from arriero.errors import EngineDied, EngineUnreachable, ServerBusy
from arriero.runners.admission import files_of
from arriero.runners.dispatcher import Dispatcher
from arriero.runners.residency import Limits
from arriero.runners.runner import Runner
from arriero.runners.worker import Loader
from arriero.types.chat import TextRequest
from arriero.types.events import Event, EventStream
from arriero.types.loading import Demand
from arriero.types.models import ModelRecord

_ANYTHING = Demand()


@dataclass(frozen=True, slots=True)
class Status:
    """A loaded model, for ``/api/ps``.

    memory_bytes: all that it holds; vram_bytes: of which on GPUs. expires_in_s: ``inf`` for never; negative once it is
    only finishing.
    """

    record: ModelRecord
    memory_bytes: int
    vram_bytes: int
    context: int
    expires_in_s: float


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer under way.

    ready_ns: when the engine was had (``time.perf_counter_ns``). first: its first events. plan: how the model was
    loaded.
    """

    ready_ns: int
    first: Sequence[Event]
    rest: EventStream
    plan: Plan


class Scheduler:
    """One for a server."""

    def __init__(self, loader: Loader, limits: Limits) -> None:
        self._dispatcher = Dispatcher(loader, limits)
        self._is_closed = False

    @asynccontextmanager
    async def answer(
        self, record: ModelRecord, request: TextRequest, demand: Demand = _ANYTHING
    ) -> AsyncIterator[Answer]:
        """Generate with a model, in one of its slots. What the engine refuses is raised on entering, before any event.

        An engine that turns out to be dead before it got the request is waited for, and the restarted one asked.
        Raises ServerBusy where too many wait, LoadFailed.
        """
        async with self._runner(record, demand, takes_slot=True) as runner:
            for is_last in (False, True):
                engine = await runner.engine()
                ready_ns = time.perf_counter_ns()
                try:
                    async with aclosing(engine.generate(request)) as stream:
                        yield Answer(ready_ns, await anext(stream), stream, runner.plan)
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

    @asynccontextmanager
    async def engine(
        self, record: ModelRecord, demand: Demand = _ANYTHING, *, takes_slot: bool = False
    ) -> AsyncIterator[Engine]:
        """The model's engine, loaded if need be, and kept loaded while the context lasts.

        takes_slot: it will be given work, such as texts to embed, and waits for its turn as answers do. Raises
        ServerBusy where too many wait, LoadFailed.
        """
        async with self._runner(record, demand, takes_slot=takes_slot) as runner:
            yield await runner.engine()

    def unload(self, record: ModelRecord) -> None:
        """Stop the model's engine as soon as no answer is under way; nothing happens where it is not loaded."""
        runner = self._dispatcher.runners.get(files_of(record))
        if runner is not None:
            runner.unload()

    def statuses(self) -> list[Status]:
        """The models that are loaded, those that stay longest first. One that is still loading is not among them."""
        now_s = time.monotonic()
        found = []
        for runner in self._dispatcher.runners.values():
            if (loaded := runner.loaded) is not None:
                memory_bytes, vram_bytes = loaded.memory_bytes(), loaded.vram_bytes()
                expires_in_s = -1.0 if self._dispatcher.is_finishing(runner) else runner.expires_in_s(now_s)
                found.append(Status(runner.record, memory_bytes, vram_bytes, runner.plan.context, expires_in_s))
        return sorted(found, key=lambda status: status.expires_in_s, reverse=True)

    def end(self) -> None:
        """Begin to stop all engines, whoever uses them. Requests that wait or come later raise ServerBusy."""
        self._is_closed = True
        self._dispatcher.end()

    async def aclose(self) -> None:
        """Stop all engines, and wait until they are gone."""
        self.end()
        await asyncio.gather(*(runner.ended for runner in list(self._dispatcher.runners.values())))

    @asynccontextmanager
    async def _runner(self, record: ModelRecord, demand: Demand, *, takes_slot: bool) -> AsyncIterator[Runner]:
        runner = await self._dispatcher.join(record, demand, takes_slot=takes_slot)
        try:
            yield runner
        finally:
            self._dispatcher.leave(runner, takes_slot=takes_slot)
