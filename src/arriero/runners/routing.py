"""Has routers answer: finds out which of two models a request is for, and has that one answer it, or else the other."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from arriero.engines.base import Engine
from arriero.errors import ArrieroError
from arriero.router.explanation import Explanation
from arriero.router.offer import names_of, record_of_router
from arriero.router.router import Router
from arriero.router.settings import Limits
from arriero.router.subject import subject_of
from arriero.router.tuning import load_tuning, save_share, share_file, tuning_file
from arriero.runners.both_sides import BothSides
from arriero.runners.carrier import ANYTHING, Answer, Carrier, Result, Status
from arriero.runners.route_record import Recorder, Recording
from arriero.runners.routed_answer import Asked, RoutedAnswer
from arriero.runners.router_side import RouterSide, is_fault_of_side
from arriero.runners.side_request import side_request
from arriero.types.chat import ChatPrompt, TextRequest
from arriero.types.events import EventStream
from arriero.types.loading import Demand
from arriero.types.models import ModelRecord
from arriero.types.routing import SIDES, Side, most_private, side_of

logger = logging.getLogger(__name__)

Find = Callable[[str], ModelRecord]

_NOTHING = TextRequest(ChatPrompt(()))


@dataclass(slots=True)
class _Routed:
    """A router with its sides. since: when it was made. known: its record, and the models that it was made of."""

    router: Router
    sides: Mapping[Side, RouterSide]
    since: datetime
    known: tuple[ModelRecord | None, ModelRecord | None, ModelRecord] | None = None

    def record(self) -> ModelRecord:
        """The router as a model, as its models are now."""
        local, remote = self.sides["local"].record, self.sides["remote"].record
        if self.known is None or self.known[0] is not local or self.known[1] is not remote:
            self.known = local, remote, record_of_router(self.router.settings, local, remote, self.since)
        return self.known[2]


class Routing:
    """All routers of a server, as a ``Carrier``, and as models that can be found.

    find: the record of a model by its name; find_near: of a local side's, which is to be as near as it can; None:
    ``find``. carrier: who answers for it. recorder: is told of every decision, and of
    what came of it. data: arriero's own directory, where lies what routers have learned; None: nothing is kept.
    """

    def __init__(
        self,
        routers: Sequence[Router],
        find: Find,
        carrier: Carrier,
        recorder: Recorder,
        data: Path | None = None,
        find_near: Find | None = None,
    ) -> None:
        self._data = data
        self._carrier = carrier
        self._recorder = recorder
        self._both = BothSides(carrier, recorder.log) if recorder.log is not None else None
        self._names: dict[str, tuple[_Routed, Side | None]] = {}
        self._routed: list[_Routed] = []
        finds: Mapping[Side, Find] = {"local": find_near or find, "remote": find}
        for router in routers:
            sides = {side: self._side(router, side, finds[side]) for side in SIDES}
            routed = _Routed(router, sides, datetime.now(UTC))
            self._routed.append(routed)
            self._names |= {name: (routed, side) for name, side in names_of(router.settings.name)}

    def _side(self, router: Router, side: Side, find: Find) -> RouterSide:
        name, server = router.settings.model(side), router.settings.local_upstream
        find = _of_server(find, server) if side == "local" and server else find
        limits = router.settings.limits.get(side, Limits())
        lacks = router.settings.lacks.get(side, ())
        return RouterSide(lambda: find(name), self._carrier.loaded_context, limits, lacks, router.clock)

    def find(self, text: str) -> ModelRecord | None:
        """The router that a request means; its ``reference`` is the side that the name asks for, if any."""
        named = self._names.get(text.strip().lower())
        if named is None:
            return None
        routed, side = named
        record = routed.record()
        return record if side is None else replace(record, reference=side)

    def records(self) -> list[ModelRecord]:
        """All routers, to be listed."""
        return [routed.record() for routed in self._routed]

    def missing(self) -> list[str]:
        """Words on models that routers name and that are not there now."""
        return [
            f"router {routed.router.settings.name}, {side}: {error}"
            for routed in self._routed
            for side in SIDES
            if (error := routed.sides[side].missing())
        ]

    @asynccontextmanager
    async def answer(
        self, record: ModelRecord, request: TextRequest, demand: Demand = ANYTHING
    ) -> AsyncIterator[Answer]:
        """Decide who answers, and have it answer (see ``Carrier``). The decision is the first of the events.

        Where that side fails before its first event, and the request is neither at fault nor private, the other one
        answers.
        """
        routed, named = self._named(record)
        asked = _asked(request, demand, named)
        async with AsyncExitStack() as stack:
            routed_answer = RoutedAnswer(routed.router, routed.sides, self._carrier, asked)
            self._recorder.saw(routed.router, routed_answer.states)
            try:
                found = await routed_answer.begin(stack)
            except ArrieroError as error:
                if routed_answer.plan is not None:
                    self._recorder.failed(routed.router.settings, asked, routed_answer.plan.decision, error)
                raise
            decision, settings = found.plan.decision, routed.router.settings
            recording = self._recorder.decided(settings, asked, decision, found.finding)
            stack.enter_context(recording)
            answer = found.answer
            first = [decision, *recording.told(answer.first)]
            rest = _told(answer.rest, recording)
            try:
                async with aclosing(rest):
                    yield Answer(answer.ready_ns, first, rest, answer.ignored)
            finally:
                if recording.finished is not None:
                    usage = recording.finished.usage
                    routed.router.answered(found.plan, recording.text, usage, found.paid, recording.calls)
                    if self._both is not None and not recording.calls:
                        self._both.answered(routed.router, routed.sides, asked, found.plan, recording.text)

    async def explain(self, record: ModelRecord, request: TextRequest, demand: Demand = ANYTHING) -> Explanation:
        """Who would answer now, and why; only a judge is asked, and nothing is counted. Raises as ``answer`` does."""
        routed, named = self._named(record)
        asked = _asked(request, demand, named)
        states = {side: routed.sides[side].state(request.num_ctx) for side in SIDES}
        return await routed.router.explain(asked.subject, asked.wish, states)

    def read_tunings(self) -> None:
        """Read anew what routers have been taught. Raises ConfigError for a file that is no tuning."""
        if self._data is not None:
            found = [load_tuning(tuning_file(self._data, each.router.settings.name)) for each in self._routed]
            for routed, tuning in zip(self._routed, found, strict=True):
                routed.router.tuning = tuning

    async def call(
        self,
        record: ModelRecord,
        work: Callable[[Engine], Awaitable[Result]],
        demand: Demand = ANYTHING,
        *,
        takes_slot: bool = False,
    ) -> Result:
        """Have one of the two engines do something: the local one, unless it cannot (see ``Carrier``).

        What is told to an engine then is not looked at: where something must stay local, all of it does.
        """

        async def call(side: RouterSide) -> Result:
            model = side.find()
            # As the model is loaded for answers: it would be loaded again for the next one otherwise.
            own = side_request(_NOTHING, demand, model)[1] if demand.options else demand
            return await self._carrier.call(model, work, own, takes_slot=takes_slot)

        routed, _ = self._named(record)
        return await self._on_any_side(record, demand, call, stays=routed.router.knows_private)

    async def load(self, record: ModelRecord, demand: Demand = ANYTHING) -> None:
        """Make sure that one of the models can answer: the local one, where it can."""

        async def load(side: RouterSide) -> None:
            _, own = side_request(_NOTHING, demand, side.find())
            await self._carrier.load(side.find(), own)

        await self._on_any_side(record, demand, load, stays=False)

    async def _on_any_side(
        self, record: ModelRecord, demand: Demand, work: Callable[[RouterSide], Awaitable[Result]], *, stays: bool
    ) -> Result:
        routed, named = self._named(record)
        forced = most_private((named, demand.wish.force))
        if forced is not None:
            return await work(routed.sides[forced])
        try:
            return await work(routed.sides["local"])
        except ArrieroError as error:
            if stays or not is_fault_of_side(error):
                raise
            logger.info("the remote side is asked", extra={"router": record.name, "error": error.message})
            return await work(routed.sides["remote"])

    def unload(self, record: ModelRecord) -> None:
        """Let go of the local model, or of the one of the side that the name asks for."""
        routed, named = self._named(record)
        model = routed.sides[named or "local"].record
        if model is not None:
            self._carrier.unload(model)

    def loaded_context(self, record: ModelRecord) -> int:
        """None: a router is not loaded."""
        del record
        return 0

    def statuses(self) -> list[Status]:
        """Nothing: its models are told of by who has them."""
        return []

    def end(self) -> None:
        """Nothing is under way that its models' carriers do not end."""

    async def aclose(self) -> None:
        """Write down what is still to be written."""
        if self._both is not None:
            await self._both.aclose()
        await self._recorder.aclose()
        await asyncio.to_thread(self._keep)

    def _keep(self) -> None:
        """Keep what is known of shares, so that the next start goes on with them."""
        for routed in self._routed:
            router = routed.router
            if self._data is not None and router.share is not None:
                path = share_file(self._data, router.settings.name)
                try:
                    save_share(path, router.share.to_state())
                except OSError as error:
                    logger.warning("share not kept", extra={"path": str(path), "error": str(error)})

    def _named(self, record: ModelRecord) -> tuple[_Routed, Side | None]:
        routed, _ = self._names[record.name.strip().lower()]
        return routed, side_of(record.reference)


def _asked(request: TextRequest, demand: Demand, named: Side | None) -> Asked:
    """named: the side that the router's name asks for."""
    came_ns = time.perf_counter_ns()
    wish = msgspec.structs.replace(demand.wish, force=most_private((named, demand.wish.force)))
    # What a router's models say is noted, and told with who has said it.
    request = msgspec.structs.replace(request, passing=None)
    return Asked(request, demand, subject_of(request), wish, came_ns)


def _of_server(find: Find, server: str) -> Find:
    """Finds a model of which only one server elsewhere may be asked."""
    known: tuple[ModelRecord, ModelRecord] | None = None

    def find_there(name: str) -> ModelRecord:
        nonlocal known
        record = find(name)
        if known is None or known[0] is not record:
            known = record, replace(record, servers=(server,))
        return known[1]

    return find_there


async def _told(stream: EventStream, recording: Recording) -> EventStream:
    """The rest of an answer, noted as it comes: what was said, and what it took."""
    async for events in stream:
        yield recording.told(events)
