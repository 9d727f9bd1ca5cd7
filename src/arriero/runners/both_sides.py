"""Has both sides answer some of the requests, so that there is something to learn from."""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Mapping

from arriero.errors import ArrieroError
from arriero.router.decision_log import DecisionLog
from arriero.router.pairs import Pair
from arriero.router.router import Plan, Router
from arriero.router.rules import can_answer
from arriero.router.tuning import raw_probability
from arriero.runners.carrier import Carrier
from arriero.runners.routed_answer import Asked
from arriero.runners.router_side import RouterSide
from arriero.runners.side_request import side_request
from arriero.types.events import Event, Finished, text_and_thinking
from arriero.types.routing import Side, other

logger = logging.getLogger(__name__)

# The second answer is nobody's: one that takes longer is not worth having.
_MOST_S = 300.0
_MOST_AT_ONCE = 2


class BothSides:
    """Asks the other side as well, after the answer, for a share of the requests. draw: a number from 0 to 1.

    Private requests are never taken, nor those that only one side can answer, nor what costs more than may be spent,
    nor while the other side is not well or has enough to do. Of routers whose decisions are not written down, none are.
    """

    def __init__(self, carrier: Carrier, log: DecisionLog, draw: Callable[[], float] = random.random) -> None:
        self._carrier = carrier
        self._log = log
        self._draw = draw
        self._tasks: set[asyncio.Task[None]] = set()

    def answered(self, router: Router, sides: Mapping[Side, RouterSide], asked: Asked, plan: Plan, answer: str) -> None:
        """One side has answered this; ask the other one too, if the lot says so."""
        share = router.settings.asks_both if router.settings.keeps_log else 0.0
        if not share or self._draw() >= share or len(self._tasks) >= _MOST_AT_ONCE:
            return
        side = other(plan.decision.side)
        is_open = not (plan.is_private or plan.decision.is_firm)
        state = sides[side].state(asked.request.num_ctx)
        may_ask = can_answer(asked.subject, state.facts) and not (state.error or state.is_full)
        if is_open and may_ask and (side == "local" or router.may_spend(asked.subject)):
            task = asyncio.create_task(self._ask(router, sides[side], asked, plan, answer), name="the other side too")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def aclose(self) -> None:
        """Give up what is under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _ask(self, router: Router, place: RouterSide, asked: Asked, plan: Plan, answer: str) -> None:
        side = other(plan.decision.side)
        paid = router.pay(asked.subject) if side == "remote" else 0.0
        try:
            async with asyncio.timeout(_MOST_S):
                events = await self._answer(place, asked)
        except (ArrieroError, TimeoutError) as error:
            router.refund(paid)
            logger.warning("no second answer to learn from", extra={"side": side, "error": str(error)})
            return
        if side == "remote" and isinstance(finished := events[-1], Finished):
            router.settle(finished.usage, paid)
        answers = {plan.decision.side: answer, side: text_and_thinking(events)[0]}
        score = plan.decision.score
        self._log.write_pair(
            Pair(
                time.time(),
                router.settings.name,
                asked.subject.text,
                answers["local"],
                answers["remote"],
                local_chars=len(answers["local"]),
                remote_chars=len(answers["remote"]),
                score=raw_probability(score) if score else None,
                scorer=score.scorer if score else "",
            )
        )

    async def _answer(self, place: RouterSide, asked: Asked) -> list[Event]:
        record = place.find()
        request, demand = side_request(asked.request, asked.demand, record)
        with place.answering():
            async with self._carrier.answer(record, request, demand) as answer:
                return await answer.all_events()
