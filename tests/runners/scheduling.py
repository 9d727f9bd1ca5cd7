"""Models that take a gibibyte each, and clients that ask them."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from arriero.engines.base import Plan
from arriero.runners.planning import estimate_bytes
from arriero.runners.scheduler import Scheduler
from arriero.types.chat import TextPrompt, TextRequest
from arriero.types.events import TextDelta
from arriero.types.loading import Demand, LoadOptions
from arriero.types.models import Architecture, ModelRecord
from tests.factories_store import record

GIB = 1 << 30
ASK = TextRequest(TextPrompt("hi"))
ANYTHING = Demand()
ANSWER = "Hello there."
# A worker's overhead is not nothing: two fit into so much, three do not.
ROOM_FOR_TWO = 3 * GIB


def model(name: str, size_bytes: int = GIB) -> ModelRecord:
    """A model whose memory is its file, but for a little."""
    architecture = Architecture("llama", size_bytes, trained_context=8192, kv_bytes_per_token=1)
    return record(name, weights=Path(f"/{name}"), size_bytes=size_bytes, architecture=architecture)


def memory_of(name: str) -> int:
    """What is counted for it."""
    return estimate_bytes(model(name), Plan(2048, 4))


@dataclass(slots=True)
class Client:
    """A request under way: it has its engine when ``has_begun`` is set, and ends when ``may_end`` is."""

    task: "asyncio.Task[str]"
    has_begun: asyncio.Event
    may_end: asyncio.Event

    async def begun(self) -> None:
        """Wait until it has its engine; raise what it raises instead."""
        begin = asyncio.create_task(self.has_begun.wait())
        await asyncio.wait({begin, self.task}, timeout=5, return_when=asyncio.FIRST_COMPLETED)
        begin.cancel()
        if not self.has_begun.is_set():
            assert self.task.done(), "nothing came"
            self.task.result()

    async def end(self) -> str:
        """Let it end; what it was answered."""
        self.may_end.set()
        return await asyncio.wait_for(self.task, 5)

    async def cancel(self) -> None:
        """Have it go away."""
        self.task.cancel()
        with suppress(asyncio.CancelledError):
            await self.task


def client(scheduler: Scheduler, record: ModelRecord, demand: Demand = ANYTHING) -> Client:
    """Begin a request that holds its slot until it is told to end."""
    has_begun, may_end = asyncio.Event(), asyncio.Event()

    async def ask() -> str:
        async with scheduler.answer(record, ASK, demand) as answer:
            has_begun.set()
            await may_end.wait()
            events = [*answer.first, *[event async for batch in answer.rest for event in batch]]
        return "".join(event.text for event in events if isinstance(event, TextDelta))

    return Client(asyncio.create_task(ask()), has_begun, may_end)


async def ask(scheduler: Scheduler, record: ModelRecord, demand: Demand = ANYTHING) -> str:
    """One whole answer."""
    asking = client(scheduler, record, demand)
    return await asking.end()


def wants(context: int | None = None, *, is_shifting: bool = False, batch: int | None = None) -> Demand:
    """A demand for a load."""
    return Demand(options=LoadOptions(context=context, is_shifting=is_shifting, batch=batch))


def names(scheduler: Scheduler) -> set[str]:
    """The models that are loaded."""
    return {status.record.name for status in scheduler.statuses()}


async def settle() -> None:
    """Let everything happen that can happen without a wait."""
    for _ in range(50):
        await asyncio.sleep(0)
