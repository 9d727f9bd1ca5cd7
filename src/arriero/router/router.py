"""Decides who answers: asks one stage after the other, and the first that has something to say is heard."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from dataclasses import replace as replace_fields

from msgspec.structs import replace

from arriero.router.cost import AnswerLength, CostCap, price
from arriero.router.explanation import Explanation, Scored, tell_scored, tell_shadow, tell_stages, unasked
from arriero.router.health import States
from arriero.router.rules import Verdict
from arriero.router.scoring import Scorer
from arriero.router.session import Latch, SessionMemory, by_session
from arriero.router.settings import RouterSettings
from arriero.router.share import ShareController
from arriero.router.stages import stages_before_score
from arriero.router.subject import Subject
from arriero.router.tuning import NO_TUNING, Tuning, calibrated
from arriero.types.chat import Message, ToolCall
from arriero.types.routing import Decision, Reason, Score, Side, Wish, other
from arriero.types.usage import Usage

_USUAL_THRESHOLD = 0.5
# What would go remote without a score, and waits for the local side where that costs more than may be spent.
_CAPPED = frozenset({Reason.UNHEALTHY, Reason.BUSY})
_SPENT = "the budget is spent; it fills up with time"


@dataclass(frozen=True, slots=True)
class Plan:
    """A decision, and what follows from it. is_private: nobody but the local side may be asked.

    latch, marks: where the conversation is from now on, and by what it is known.
    """

    decision: Decision
    is_private: bool
    latch: Latch
    marks: Sequence[int] = ()

    def failed_over(self, model: str, detail: str, reason: Reason = Reason.FAILOVER) -> "Plan":
        """The plan with the other side, whose model this is, because of what has gone wrong with the first one."""
        first = self.decision
        side = other(first.side)
        decision = replace(first, side=side, model=model, reason=reason, detail=detail, chosen=first.side)
        return Plan(decision, self.is_private, self.latch, self.marks)


class Router:
    """Decides for one router. All that it remembers is here, and changes on one event loop.

    clock: seconds that only grow. tuning: what it has been taught; may change while it runs.
    """

    def __init__(
        self,
        settings: RouterSettings,
        scorer: Scorer,
        clock: Callable[[], float] = time.monotonic,
        tuning: Tuning = NO_TUNING,
    ) -> None:
        self.settings = settings
        self.scorer = scorer
        self.tuning = tuning
        self.clock = clock
        self._memory = SessionMemory(settings.sessions.most)
        self.share = None if settings.remote_share is None else ShareController(settings.remote_share, tuning.threshold)
        prices = settings.prices
        self._cost = CostCap(prices.budget, prices.period_s, clock()) if prices.budget is not None else None
        self._length = AnswerLength()

    async def decide(self, subject: Subject, wish: Wish, states: States) -> Plan:
        """Find who answers. Raises InvalidRequest for what neither side can do, ScorerFailed where no score is had."""
        began_ns = time.perf_counter_ns()
        marks = self._memory.marks(subject, wish)
        latch = self._memory.find(marks, subject, wish)
        stages = stages_before_score(self.settings, subject, wish, states, latch)
        verdict = next((verdict for stage in stages if (verdict := stage.ask())), None)
        if verdict is None:
            plan = self._by_score(await self._score(subject), subject, latch, self.share)
        else:
            plan = self._by_verdict(verdict, subject, latch)
        took_ms = (time.perf_counter_ns() - began_ns) / 1e6
        # What is private stays so, though conversations may go where they like.
        kept = marks if self.settings.sessions.are_kept or plan.latch.is_private else ()
        plan = Plan(replace(self._shadowed(plan), took_ms=took_ms), plan.is_private, plan.latch, kept)
        self._memory.remember(kept, plan.latch)
        return plan

    async def explain(self, subject: Subject, wish: Wish, states: States) -> Explanation:
        """What ``decide`` would do now, and why. Nothing of it is remembered or counted, but a judge is asked.

        Raises what ``decide`` raises.
        """
        marks = self._memory.marks(subject, wish)
        latch = self._memory.find(marks, subject, wish)
        told, verdict = tell_stages(stages_before_score(self.settings, subject, wish, states, latch))
        if verdict is not None:
            plan = self._by_verdict(verdict, subject, latch)
            told += unasked()
        else:
            score = await self._score(subject)
            kept = self._kept(score, self.threshold, subject, latch)
            # A copy decides, so that nothing is counted.
            share = ShareController.from_state(self.share.to_state()) if self.share else None
            plan = self._by_score(score, subject, latch, share)
            left = self._cost.left(self.clock()) if self._cost else None
            told += tell_scored(Scored(self.settings, plan.decision, subject.text, latch, kept, left))
        decision = self._shadowed(plan)
        if decision.chosen is not None:
            told.append(tell_shadow(decision.side))
        return Explanation(tuple(told), decision, plan.is_private)

    def answered(self, plan: Plan, text: str, usage: Usage, paid: float = 0.0, calls: Sequence[ToolCall] = ()) -> None:
        """An answer is complete: the conversation goes on with it. paid: what its tokens were taken to cost."""
        # What its tools answer belongs to who has called them, though that be the side that has only stood in.
        latch = replace_fields(plan.latch, side=plan.decision.side) if calls else plan.latch
        self._memory.answered(plan.marks, Message("assistant", text, tool_calls=tuple(calls)), latch)
        if plan.decision.side == "remote":
            self.settle(usage, paid)

    def settle(self, usage: Usage, paid: float) -> None:
        """A remote answer is complete: put right what its tokens were taken to cost."""
        is_told = usage.prompt_tokens or usage.completion_tokens
        # Of a server that does not tell, the estimate has to do.
        if self._cost is not None and is_told:
            cost = price(self.settings.prices, usage.prompt_tokens, usage.completion_tokens)
            self._cost.settle(self.clock(), paid, cost)
            self._length = self._length.after(usage.completion_tokens)

    def pay(self, subject: Subject) -> float:
        """Take what a remote answer will probably cost out of the budget: how much that is."""
        if self._cost is None:
            return 0.0
        estimated = self._estimated(subject)
        self._cost.spend(self.clock(), estimated)
        return estimated

    def refund(self, paid: float) -> None:
        """Put back what was taken for an answer that never began."""
        if self._cost is not None:
            self._cost.refund(self.clock(), paid)

    def _estimated(self, subject: Subject) -> float:
        answer_tokens = self._length.expected_tokens(subject.wanted_tokens)
        return price(self.settings.prices, subject.prompt_tokens, answer_tokens)

    async def _score(self, subject: Subject) -> Score:
        return calibrated(await self.scorer.score(subject), self.tuning.calibrations)

    def _by_verdict(self, verdict: Verdict, subject: Subject, latch: Latch | None) -> Plan:
        side, reason, detail = verdict.side, verdict.reason, verdict.detail
        if side == "remote" and reason in _CAPPED and not self.may_spend(subject):
            side, reason, detail = "local", Reason.COST, _SPENT
        decision = Decision(side, self.settings.model(side), reason, detail)
        kept = Latch("local", is_private=True) if verdict.is_private else latch or Latch(side)
        return Plan(decision, verdict.is_private, kept)

    def _by_score(self, score: Score, subject: Subject, latch: Latch | None, share: ShareController | None) -> Plan:
        """Session, then score and budget."""
        threshold = self.threshold
        kept = self._kept(score, threshold, subject, latch)
        if kept is not None:
            return self._within_budget(kept.side, Reason.SESSION, (score, threshold), kept, subject)
        if share is None:
            side: Side = "remote" if score.probability >= threshold else "local"
            return self._within_budget(side, Reason.SCORE, (score, threshold), Latch(side), subject)
        held = share.decide(score.probability)
        side = "remote" if held.side_is_remote else "local"
        reason = Reason.SHARE if held.is_forced else Reason.SCORE
        return self._within_budget(side, reason, (score, held.threshold), Latch(side), subject)

    def _kept(self, score: Score, threshold: float, subject: Subject, latch: Latch | None) -> Latch | None:
        is_high = score.probability >= threshold
        return by_session(latch, is_high=is_high, subject=subject, settings=self.settings.sessions)

    def _within_budget(
        self, side: Side, reason: Reason, score: tuple[Score, float], latch: Latch, subject: Subject
    ) -> Plan:
        detail = ""
        if side == "remote" and not self.may_spend(subject):
            side, reason, detail = "local", Reason.COST, _SPENT
        decision = Decision(side, self.settings.model(side), reason, detail, *score)
        return Plan(decision, is_private=False, latch=latch)

    @property
    def threshold(self) -> float:
        """The probability from which on a request goes remote now."""
        if self.share is not None:
            return self.share.threshold
        if self.settings.threshold is not None:
            return self.settings.threshold
        return _USUAL_THRESHOLD if self.tuning.threshold is None else self.tuning.threshold

    @property
    def knows_private(self) -> bool:
        """Whether some conversations must stay local: by a rule, or since one of their turns had to."""
        return self._memory.has_private or any(rule.route == "private" for rule in self.settings.rules)

    def may_spend(self, subject: Subject) -> bool:
        """Whether a remote answer is within the budget."""
        if self._cost is None:
            return True
        return self._cost.may_spend(self.clock(), self._estimated(subject))

    def _shadowed(self, plan: Plan) -> Decision:
        """In shadow, one side answers whatever is decided, but for what only the other one may or can do."""
        side, decision = self.settings.shadow, plan.decision
        if side is None or plan.is_private or decision.is_firm or side == decision.side:
            return decision
        return replace(decision, side=side, model=self.settings.model(side), chosen=decision.side)
