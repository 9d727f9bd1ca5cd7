"""Routers whose two sides are scripts, and the carrier that counts what each of them got."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from arriero.engines.base import Engine
from arriero.engines.fake import FakeEngine, Script
from arriero.errors import ArrieroError, ModelNotFound
from arriero.router.router import Router
from arriero.router.scoring import Scorer
from arriero.router.subject import Subject
from arriero.runners.carrier import ANYTHING, Answer, Result, Status
from arriero.runners.route_record import Recorder
from arriero.runners.routed_answer import tell_judging
from arriero.runners.routing import Routing
from arriero.types.chat import ChatPrompt, Message, TextRequest
from arriero.types.events import Event, Finished, TextDelta
from arriero.types.loading import Demand
from arriero.types.models import Architecture, ModelRecord
from arriero.types.routing import NO_WISH, Decision, Score, Wish
from tests.factories_store import record
from tests.router.factories_routing import LOCAL, REMOTE, Clock, ScriptedScorer, settings

JUDGE = "judge"
Find = Callable[[str], ModelRecord]
LOCAL_SAYS = Script((("small",), (" talk",)))
REMOTE_SAYS = Script((("big",), (" words",)))


# The caller names fields of ModelRecord.
def chat_model(name: str, context: int | None = 4096, **changes: Any) -> ModelRecord:
    """A model that can chat, and call tools."""
    values: dict[str, Any] = {"capabilities": ("completion", "tools"), **changes}
    return record(name, architecture=Architecture("llama", 1024, trained_context=context), **values)


@dataclass(slots=True)
class FakeCarrier:
    """Has engines answer for models, by their names.

    errors: what asking a model raises before any engine is asked. loaded: tokens of context, of models that are loaded.
    asked: the models that were asked for an answer, in order, and servers: of which servers only; called, loads,
    unloads: that were asked for something else. began: set as soon as one is asked. held: answers that are not given
    back yet; most_held: so many at once. ending: an answer is given back only once it is set; is_ending: set as soon as
    one waits for that.
    """

    engines: Mapping[str, FakeEngine]
    errors: dict[str, ArrieroError] = field(default_factory=dict)
    loaded: dict[str, int] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    servers: list[tuple[str, ...]] = field(default_factory=list)
    demands: list[Demand] = field(default_factory=list)
    called: list[str] = field(default_factory=list)
    loads: list[str] = field(default_factory=list)
    unloads: list[str] = field(default_factory=list)
    began: asyncio.Event = field(default_factory=asyncio.Event)
    held: int = 0
    most_held: int = 0
    ending: asyncio.Event | None = None
    is_ending: asyncio.Event = field(default_factory=asyncio.Event)

    @asynccontextmanager
    async def answer(
        self, record: ModelRecord, request: TextRequest, demand: Demand = ANYTHING
    ) -> AsyncIterator[Answer]:
        self.asked.append(record.name)
        self.servers.append(record.servers)
        self.began.set()
        self.demands.append(demand)
        if error := self.errors.get(record.name):
            raise error
        self.held += 1
        self.most_held = max(self.most_held, self.held)
        try:
            stream = self.engines[record.name].generate(request)
            async with aclosing(stream):
                yield Answer(time.perf_counter_ns(), await anext(stream), stream)
        finally:
            if self.ending is not None:
                self.is_ending.set()
                await self.ending.wait()
            self.held -= 1

    async def call(
        self,
        record: ModelRecord,
        work: Callable[[Engine], Awaitable[Result]],
        demand: Demand = ANYTHING,
        *,
        takes_slot: bool = False,  # noqa: ARG002
    ) -> Result:
        self.called.append(record.name)
        self.demands.append(demand)
        if error := self.errors.get(record.name):
            raise error
        return await work(self.engines[record.name])

    async def load(self, record: ModelRecord, demand: Demand = ANYTHING) -> None:  # noqa: ARG002
        self.loads.append(record.name)
        if error := self.errors.get(record.name):
            raise error

    def unload(self, record: ModelRecord) -> None:
        self.unloads.append(record.name)

    def loaded_context(self, record: ModelRecord) -> int:
        return self.loaded.get(record.name, 0)

    def statuses(self) -> list[Status]:
        return []

    def end(self) -> None: ...

    async def aclose(self) -> None: ...


class ThinkingScorer(ScriptedScorer):
    """A scripted scorer that says, as judges do, that it will take a while. place: where the judge runs."""

    place: Literal["process", "upstream"] = "upstream"

    async def score(self, subject: Subject) -> Score:
        tell_judging(chat_model(JUDGE, carrier=self.place))
        return await ScriptedScorer.score(self, subject)


@dataclass(frozen=True, slots=True)
class Told:
    """An answer: its events, the decision first."""

    events: Sequence[Event]

    @property
    def decision(self) -> Decision:
        """Who has answered, and why."""
        first = self.events[0]
        assert isinstance(first, Decision)
        return first

    @property
    def text(self) -> str:
        """What was said."""
        return "".join(event.text for event in self.events if isinstance(event, TextDelta))

    @property
    def finished(self) -> Finished:
        """Its end."""
        last = self.events[-1]
        assert isinstance(last, Finished)
        return last


@dataclass(slots=True)
class Bench:
    """A router named ``smart`` over two models, ``small`` and ``big``, and a judge.

    models: those that can be found; a test may take one away.
    """

    routing: Routing
    router: Router
    carrier: FakeCarrier
    models: dict[str, ModelRecord]
    clock: Clock

    @property
    def local(self) -> FakeEngine:
        """The engine of the local side."""
        return self.carrier.engines[LOCAL]

    @property
    def remote(self) -> FakeEngine:
        """The engine of the remote side."""
        return self.carrier.engines[REMOTE]

    @property
    def judge(self) -> FakeEngine:
        """The engine of the judge."""
        return self.carrier.engines[JUDGE]

    def fails(self, model: str, error: ArrieroError) -> None:
        """From now on, asking a model raises this."""
        self.carrier.errors[model] = error

    async def ask(self, *texts: str, name: str = "smart", wish: Wish = NO_WISH, **changes: Any) -> Told:
        """Have a conversation answered: turns of the user's and the model's."""
        # The caller names fields of TextRequest.
        return await self.send(chat(*texts, **changes), name=name, wish=wish)

    async def send(self, request: TextRequest, *, name: str = "smart", wish: Wish = NO_WISH) -> Told:
        """Have a request answered."""
        async with self.begun(request, name=name, wish=wish) as answer:
            events = [*answer.first]
            async for batch in answer.rest:
                events += batch
        return Told(events)

    @asynccontextmanager
    async def begun(self, request: TextRequest, *, name: str = "smart", wish: Wish = NO_WISH) -> AsyncIterator[Answer]:
        """An answer that has begun."""
        async with self.routing.answer(self.found(name), request, Demand(wish=wish)) as answer:
            yield answer

    def found(self, name: str = "smart") -> ModelRecord:
        """The router as a model."""
        record = self.routing.find(name)
        assert record is not None
        return record


# The caller names fields of TextRequest.
def chat(*texts: str, **changes: Any) -> TextRequest:
    """A conversation: turns of the user's and the model's."""
    roles = ("user", "assistant")
    return TextRequest(ChatPrompt(tuple(Message(roles[n % 2], text) for n, text in enumerate(texts))), **changes)


# The caller names fields of RouterSettings.
def bench(
    scorer: Scorer | None = None,
    judged_by: Callable[[Find, FakeCarrier], Scorer] | None = None,
    recorder: Recorder | None = None,
    models: Mapping[str, ModelRecord] | None = None,
    **changes: Any,
) -> Bench:
    """A router over two fake models. judged_by: makes the scorer of how models are found and asked."""
    engines = {LOCAL: FakeEngine(LOCAL_SAYS), REMOTE: FakeEngine(REMOTE_SAYS), JUDGE: FakeEngine(Script((("x",),)))}
    carrier = FakeCarrier(engines)
    there = dict(models) if models is not None else {name: chat_model(name) for name in engines}

    def find(name: str) -> ModelRecord:
        if name not in there:
            raise ModelNotFound(f"model '{name}' not found")
        return there[name]

    clock = Clock()
    made = judged_by(find, carrier) if judged_by else scorer or ScriptedScorer()
    router = Router(settings(**changes), made, clock)
    return Bench(Routing([router], find, carrier, recorder or Recorder()), router, carrier, there, clock)


async def gone(task: "asyncio.Task[Any]") -> None:
    """Cancel what somebody waited for, and wait until it has ended."""
    task.cancel()
    await asyncio.wait({task})
