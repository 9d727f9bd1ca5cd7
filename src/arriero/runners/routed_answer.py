"""One request on its way through a router: decided, begun on a side, and where that fails, on the other one."""

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from contextvars import ContextVar
from copy import copy
from dataclasses import dataclass, replace

import msgspec

from arriero.errors import ArrieroError, PromptTooLong, UpstreamsDown
from arriero.router.health import SideState
from arriero.router.router import Plan, Router
from arriero.router.rules import can_answer
from arriero.router.second_look import Finding, look_at
from arriero.router.subject import Subject
from arriero.runners.ahead import Ahead
from arriero.runners.carrier import Answer, Carrier
from arriero.runners.router_side import RouterSide, is_fault_of_side
from arriero.runners.side_request import side_request
from arriero.types.chat import TextRequest
from arriero.types.events import Event, EventStream, TextDelta
from arriero.types.loading import Demand
from arriero.types.models import ModelRecord
from arriero.types.routing import SIDES, Decision, Reason, Side, Wish, other

logger = logging.getLogger(__name__)

# Called as soon as a model is asked for its opinion of the request that is being decided.
_when_judging: ContextVar[Callable[[ModelRecord], None] | None] = ContextVar("when_judging", default=None)


def tell_judging(judge: ModelRecord) -> None:
    """Say, from within a scorer, that it will take a while: this judge is asked."""
    if (tell := _when_judging.get()) is not None:
        tell(judge)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request to a router, and what is looked at of it. came_ns: when it came (``time.perf_counter_ns``)."""

    request: TextRequest
    demand: Demand
    subject: Subject
    wish: Wish
    came_ns: int


@dataclass(frozen=True, slots=True)
class Found:
    """An answer that has begun, and why it comes from there.

    finding: what was wrong with the first one. paid: what it was taken to cost.
    """

    answer: Answer
    plan: Plan
    finding: Finding | None = None
    paid: float = 0.0


class RoutedAnswer:
    """One request. ``begin`` it once. states: of the sides, when it came. plan: what was decided, once it is."""

    def __init__(self, router: Router, sides: Mapping[Side, RouterSide], carrier: Carrier, asked: Asked) -> None:
        self._router = router
        self._sides = sides
        self._carrier = carrier
        self._asked = asked
        self._paid = 0.0
        self.plan: Plan | None = None
        self.states: Mapping[Side, SideState] = {side: sides[side].state(asked.request.num_ctx) for side in SIDES}

    async def begin(self, stack: AsyncExitStack) -> Found:
        """Find who answers, and begin; all that the answer holds is in the stack. Raises what ``Carrier`` raises."""
        found = await self._begin(stack)
        return replace(found, paid=self._paid if found.plan.decision.side == "remote" else 0.0)

    async def _begin(self, stack: AsyncExitStack) -> Found:
        ahead = Ahead(self._begin_ahead)
        try:
            plan = self.plan = await self._decide(ahead)
            try:
                return await self._begin_as_planned(plan, ahead, stack)
            except ArrieroError as error:
                return Found(*await self._begin_elsewhere(plan, error, stack))
        finally:
            await ahead.drop()

    async def _decide(self, ahead: Ahead) -> Plan:

        def begin(judge: ModelRecord) -> None:
            if self._has_room(judge):
                ahead.start()

        token = _when_judging.set(begin)
        try:
            return await self._router.decide(self._asked.subject, self._asked.wish, self.states)
        finally:
            _when_judging.reset(token)

    def _has_room(self, judge: ModelRecord) -> bool:
        """Whether there is room for an answer that may not be wanted, and it can be begun at once.

        Two processes of this server's own take each other's processor: both are late then.
        """
        local, settings = self._sides["local"], self._router.settings
        if settings.starts_ahead is False or settings.shadow == "remote" or not local.is_ready():
            return False
        record = local.record
        is_apart = record is not None and (judge.carrier, record.carrier) != ("process", "process")
        return bool(settings.starts_ahead) or is_apart

    async def _begin_ahead(self, stack: AsyncExitStack) -> Answer:
        looks = self._router.settings.looks_twice
        return await self._begin_on("local", stack, is_private=False, is_looked_at=looks)

    async def _begin_as_planned(self, plan: Plan, ahead: Ahead, stack: AsyncExitStack) -> Found:
        side, looks = plan.decision.side, self._looks_twice(plan)
        assert side == "local" or not plan.is_private, "what is private stays"
        async with AsyncExitStack() as held:
            if side == "local" and ahead.is_started:
                answer = await ahead.take(held)
                answer = answer if looks else self._untold(answer)
            else:
                await ahead.drop()
                answer = await self._begin_on(side, held, is_private=plan.is_private, is_looked_at=looks)
            if looks:
                return await self._look_twice(plan, answer, held, stack)
            stack.push_async_exit(held.pop_all())
        return Found(answer, plan)

    async def _begin_on(
        self,
        side: Side,
        stack: AsyncExitStack,
        *,
        is_private: bool,
        is_last: bool = False,
        is_looked_at: bool = False,
    ) -> Answer:
        """Begin on a side. is_last: the prompt is shortened there if need be, whatever the other side has room for."""
        asked, place = self._asked, self._sides[side]
        record = place.find()
        request, demand = side_request(asked.request, asked.demand, record)
        if not (is_last or is_private) and self._has_more_room(other(side)):
            request = msgspec.structs.replace(request, is_truncating=False)
        if is_looked_at and request.top_logprobs is None:
            # Its tokens' probabilities are looked at, and not told.
            request = msgspec.structs.replace(request, top_logprobs=0)
        self._paid = self._router.pay(asked.subject) if side == "remote" else 0.0
        try:
            async with AsyncExitStack() as held:
                held.enter_context(place.answering())
                answer = await held.enter_async_context(self._carrier.answer(record, request, demand))
                stack.push_async_exit(held.pop_all())
        except ArrieroError:
            self._router.refund(self._paid)
            raise
        return answer

    async def _begin_elsewhere(self, plan: Plan, error: ArrieroError, stack: AsyncExitStack) -> tuple[Answer, Plan]:
        """Begin on the other side, where that may help. Raises the error where it may not."""
        side = other(plan.decision.side)
        is_too_long = isinstance(error, PromptTooLong) and self._has_more_room(side)
        if not (is_too_long or is_fault_of_side(error)):
            raise error
        if plan.is_private:
            raise _as_private(error, plan.decision)
        may_shorten = is_too_long and self._asked.request.is_truncating and not plan.is_private
        if not self._may_go(side, plan):
            if may_shorten:
                return await self._begin_shortened(plan, stack)
            raise error
        reason = Reason.CONTEXT if is_too_long else Reason.FAILOVER
        model = self._router.settings.model(side)
        facts = {"router": self._router.settings.name, "side": side, "reason": reason, "error": error.message}
        logger.warning("the other side is asked", extra=facts)
        first, plan = plan, plan.failed_over(model, error.message, reason)
        try:
            return await self._begin_on(side, stack, is_private=False, is_last=True), plan
        except ArrieroError as second:
            if not is_fault_of_side(second):
                raise
            if may_shorten:
                return await self._begin_shortened(first, stack)
            raise self._both_failed(side, error, second) from second

    async def _begin_shortened(self, plan: Plan, stack: AsyncExitStack) -> tuple[Answer, Plan]:
        """Begin where it was planned after all: the side that has more room cannot have the prompt."""
        return await self._begin_on(plan.decision.side, stack, is_private=False, is_last=True), plan

    def _both_failed(self, side: Side, first: ArrieroError, second: ArrieroError) -> ArrieroError:
        settings = self._router.settings
        told = {other(side): first, side: second}
        words = "; ".join(f"{each} ({settings.model(each)}): {told[each].message}" for each in SIDES)
        return UpstreamsDown(f"neither model of {settings.name} can answer now: {words}")

    def _may_go(self, side: Side, plan: Plan) -> bool:
        """Whether the request may be answered there after all."""
        if plan.is_private or not can_answer(self._asked.subject, self.states[side].facts):
            return False
        return side == "local" or self._router.may_spend(self._asked.subject)

    def _has_more_room(self, side: Side) -> bool:
        """Whether a side's context is known to be longer than the other one's."""
        there, here = self.states[side].facts.context, self.states[other(side)].facts.context
        return there is not None and here is not None and there > here

    def _looks_twice(self, plan: Plan) -> bool:
        settings, decision = self._router.settings, plan.decision
        return (
            settings.looks_twice and decision.side == "local" and not decision.is_firm and self._may_go("remote", plan)
        )

    def _untold(self, answer: Answer) -> Answer:
        """An answer without the log probabilities that are only looked at."""
        if not self._router.settings.looks_twice or self._asked.request.top_logprobs is not None:
            return answer
        return replace(answer, first=_bare(answer.first), rest=_all_bare(answer.rest))

    async def _look_twice(self, plan: Plan, answer: Answer, held: AsyncExitStack, stack: AsyncExitStack) -> Found:
        """Read the whole local answer; where it is no good, begin on the remote side, if that can answer."""
        events = await answer.all_events()
        finding = look_at(events, self._asked.request)
        # Its slot is free for others from here on.
        await held.pop_all().aclose()
        whole = self._untold(replace(answer, first=events, rest=_nothing()))
        if finding is None:
            return Found(whole, plan)
        model = self._router.settings.remote
        second = plan.failed_over(model, finding, Reason.SECOND_LOOK)
        try:
            return Found(await self._begin_on("remote", stack, is_private=False, is_last=True), second, finding)
        except ArrieroError as error:
            logger.warning("second look without a second answer", extra={"error": error.message})
            return Found(whole, plan, finding)


def _as_private(error: ArrieroError, decision: Decision) -> ArrieroError:
    """The error, and why nobody else was asked, where the request did not say so itself."""
    if decision.reason is Reason.FORCED:
        return error
    told = copy(error)
    why = f": {decision.detail}" if decision.detail else ""
    told.message = f"{error.message} (only the local model may answer this: {decision.reason.value}{why})"
    told.args = (told.message,)
    return told


async def _all_bare(stream: EventStream) -> EventStream:
    async for events in stream:
        yield _bare(events)


def _bare(events: Sequence[Event]) -> list[Event]:
    """Events without the log probabilities that nobody has asked for."""
    return [TextDelta(event.text) if type(event) is TextDelta else event for event in events]


async def _nothing() -> EventStream:
    nothing: tuple[Sequence[Event], ...] = ()
    for events in nothing:
        yield events
