"""Gives out engines for models: loads on demand, keeps loaded what is used, and asks again where that is safe."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager

from arriero.engines.base import Engine, ignored_by
from arriero.errors import EngineDied, EngineUnreachable
from arriero.runners.admission import files_of
from arriero.runners.carrier import ANYTHING, Answer, Result, Status, keep_alive_ignored
from arriero.runners.dispatcher import Dispatcher
from arriero.runners.residency import Limits
from arriero.runners.runner import Runner, stopping
from arriero.runners.worker import Loader
from arriero.types.chat import TextRequest
from arriero.types.loading import Demand
from arriero.types.models import ModelRecord


class Scheduler:
    """Has models answer in processes of this server's own (see ``Carrier``). One for a server."""

    def __init__(self, loader: Loader, limits: Limits) -> None:
        self._dispatcher = Dispatcher(loader, limits)

    @asynccontextmanager
    async def answer(
        self, record: ModelRecord, request: TextRequest, demand: Demand = ANYTHING
    ) -> AsyncIterator[Answer]:
        """Generate with a model, in one of its slots. What the engine refuses is raised on entering, before any event.

        An engine that turns out to be dead before it got the request is waited for, and the restarted one asked.
        Raises ServerBusy where too many wait, LoadFailed.
        """

        async def begin(engine: Engine) -> tuple[Engine, Answer]:
            ready_ns = time.perf_counter_ns()
            stream = engine.generate(request)
            # How long an engine of its own stays is not for requests to say.
            ignored = keep_alive_ignored(demand, has_say=record.weights is not None)
            return engine, Answer(ready_ns, await anext(stream), stream, [*ignored_by(engine, request), *ignored])

        async with self._runner(record, demand, takes_slot=True) as runner:
            engine, answer = await self._ask(runner, begin)
            async with aclosing(answer.rest):
                with self._noticing_death(runner, engine):
                    yield answer

    async def call(
        self,
        record: ModelRecord,
        work: Callable[[Engine], Awaitable[Result]],
        demand: Demand = ANYTHING,
        *,
        takes_slot: bool = False,
    ) -> Result:
        """Have the model's engine do something, with the same care as ``answer``; what came of it.

        takes_slot: it is work such as texts to embed, and waits for its turn as answers do. Raises ServerBusy where
        too many wait, LoadFailed, and what the work raises.
        """
        async with self._runner(record, demand, takes_slot=takes_slot) as runner:
            return await self._ask(runner, work)

    async def load(self, record: ModelRecord, demand: Demand = ANYTHING) -> None:
        """Load a model if need be. Raises ServerBusy where too many wait, LoadFailed."""
        async with self._runner(record, demand, takes_slot=False) as runner:
            await runner.engine()

    def unload(self, record: ModelRecord) -> None:
        """Stop the model's engine as soon as no answer is under way; nothing happens where it is not loaded."""
        self._dispatcher.unload(record)

    def loaded_context(self, record: ModelRecord) -> int:
        """Tokens of context that the model is loaded with (see ``Carrier``)."""
        runner = self._dispatcher.runners.get(files_of(record))
        return runner.plan.context if runner is not None and runner.loaded is not None else 0

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
        self._dispatcher.end()

    async def aclose(self) -> None:
        """Stop all engines, and wait until they are gone."""
        self.end()
        await asyncio.gather(*(runner.ended for runner in list(self._dispatcher.runners.values())))

    async def _ask(self, runner: Runner, work: Callable[[Engine], Awaitable[Result]]) -> Result:
        """Have an engine do something; where it has not got the request, once more after its restart."""
        engine = await runner.engine()
        try:
            with self._noticing_death(runner, engine):
                return await work(engine)
        except EngineUnreachable:
            await runner.until_lost(engine)
        engine = await runner.engine()
        with self._noticing_death(runner, engine):
            return await work(engine)

    @contextmanager
    def _noticing_death(self, runner: Runner, engine: Engine) -> Iterator[None]:
        try:
            yield
        except EngineDied as error:
            if self._dispatcher.is_over:
                raise stopping() from error
            runner.doubt(engine)
            raise

    @asynccontextmanager
    async def _runner(self, record: ModelRecord, demand: Demand, *, takes_slot: bool) -> AsyncIterator[Runner]:
        runner = await self._dispatcher.join(record, demand, takes_slot=takes_slot)
        try:
            yield runner
        finally:
            self._dispatcher.leave(runner, takes_slot=takes_slot)
