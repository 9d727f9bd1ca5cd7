"""Who answers for models, as handlers see it: processes of this server's own, or servers that run elsewhere."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol, TypeVar

from arriero.engines.base import Engine
from arriero.types.chat import TextRequest
from arriero.types.events import Event, EventStream
from arriero.types.loading import Demand
from arriero.types.models import Carrier as Kind
from arriero.types.models import ModelRecord

Result = TypeVar("Result")

ANYTHING = Demand()


@dataclass(frozen=True, slots=True)
class Status:
    """A loaded model, for ``/api/ps``.

    memory_bytes: all that it holds; vram_bytes: of which on GPUs. context: tokens; 0 where nobody tells.
    expires_in_s: ``inf`` for never; negative once it is only finishing.
    """

    record: ModelRecord
    memory_bytes: int
    vram_bytes: int
    context: int
    expires_in_s: float


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer under way.

    ready_ns: when the engine was had (``time.perf_counter_ns``). first: its first events. ignored: what the request
    asked for and the engine cannot do, by the names of ``SamplingParams``.
    """

    ready_ns: int
    first: Sequence[Event]
    rest: EventStream
    ignored: Sequence[str] = ()

    async def all_events(self) -> list[Event]:
        """Read it to its end."""
        events = [*self.first]
        async for batch in self.rest:
            events += batch
        return events


def keep_alive_ignored(demand: Demand, *, has_say: bool) -> Sequence[str]:
    """``keep_alive``, where a request says how long the model is to stay and it has no say in that."""
    return ("keep_alive",) if demand.keep_alive_s and not has_say else ()


class Carrier(Protocol):
    """Has models answer. Every method that may wait raises ServerBusy where too many wait already."""

    def answer(
        self, record: ModelRecord, request: TextRequest, demand: Demand = ANYTHING
    ) -> AbstractAsyncContextManager[Answer]:
        """Generate with a model. What the engine refuses is raised on entering, before any event."""

    async def call(
        self,
        record: ModelRecord,
        work: Callable[[Engine], Awaitable[Result]],
        demand: Demand = ANYTHING,
        *,
        takes_slot: bool = False,
    ) -> Result:
        """Have the model's engine do something; what came of it. takes_slot: it waits for its turn as answers do."""

    async def load(self, record: ModelRecord, demand: Demand = ANYTHING) -> None:
        """Make sure that the model can answer."""

    def unload(self, record: ModelRecord) -> None:
        """Let go of the model as soon as no answer is under way, where that is this server's to decide."""

    def loaded_context(self, record: ModelRecord) -> int:
        """Tokens of context that the model is loaded with; 0 where it is not loaded. Takes no time."""

    def statuses(self) -> list[Status]:
        """The models that are loaded, those that stay longest first."""

    def end(self) -> None:
        """Begin to stop. Requests that wait or come later raise ServerBusy."""

    async def aclose(self) -> None:
        """Stop, and wait until everything is given back."""


class Carriers:
    """One carrier made of several: each model says which of them answers for it."""

    def __init__(self, carriers: Mapping[Kind, Carrier]) -> None:
        self._carriers = carriers

    def answer(
        self, record: ModelRecord, request: TextRequest, demand: Demand = ANYTHING
    ) -> AbstractAsyncContextManager[Answer]:
        """Generate with a model (see ``Carrier``)."""
        return self._carriers[record.carrier].answer(record, request, demand)

    async def call(
        self,
        record: ModelRecord,
        work: Callable[[Engine], Awaitable[Result]],
        demand: Demand = ANYTHING,
        *,
        takes_slot: bool = False,
    ) -> Result:
        """Have the model's engine do something (see ``Carrier``)."""
        return await self._carriers[record.carrier].call(record, work, demand, takes_slot=takes_slot)

    async def load(self, record: ModelRecord, demand: Demand = ANYTHING) -> None:
        """Make sure that the model can answer."""
        await self._carriers[record.carrier].load(record, demand)

    def unload(self, record: ModelRecord) -> None:
        """Let go of the model."""
        self._carriers[record.carrier].unload(record)

    def loaded_context(self, record: ModelRecord) -> int:
        """Tokens of context that the model is loaded with."""
        return self._carriers[record.carrier].loaded_context(record)

    def statuses(self) -> list[Status]:
        """The models that are loaded, those that stay longest first."""
        found = [status for carrier in self._carriers.values() for status in carrier.statuses()]
        return sorted(found, key=lambda status: status.expires_in_s, reverse=True)

    def end(self) -> None:
        """Begin to stop."""
        for carrier in self._carriers.values():
            carrier.end()

    async def aclose(self) -> None:
        """Stop, and wait until everything is given back."""
        for carrier in self._carriers.values():
            await carrier.aclose()
