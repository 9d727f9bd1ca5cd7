"""Tells what a router does while it does it, in a few lines, and in them only what is true."""

from collections.abc import Callable
from contextvars import ContextVar

from arriero.router.scoring import ScorerFailed
from arriero.types.routing import Decision, Reason, Side

Tell = Callable[[str], object]
# What a side is called, by what was found there.
Locate = Callable[[Side], str]
_USUAL_THRESHOLD = 0.5


class Commentary:
    """Of one request. tell: takes a line; None: nothing is told."""

    def __init__(self, tell: Tell | None) -> None:
        self._tell = tell
        self._told: Decision | None = None

    def judge_failed(self, error: ScorerFailed) -> None:
        """A judge was asked, and has no verdict."""
        self._say(f"LLM Judge failed: {error}")

    def scored(self, decision: Decision) -> None:
        """What the judge has said, or what else decides."""
        for line in reasons_of(decision):
            self._say(line)

    def decided(self, decision: Decision, locate: Locate, model: str) -> None:
        """Who is asked, and why."""
        self.scored(decision)
        self._say(f"-> {locate(decision.side)} | Model: {model}")
        self._told = decision

    def began(self, decision: Decision, locate: Locate, model: str) -> None:
        """Who answers: where that is not who was asked first, what has gone wrong there."""
        first = self._told
        if first is None or first.side == decision.side:
            return
        if decision.reason is Reason.SECOND_LOOK:
            self._say(f"Rule: second look ({decision.detail})")
        else:
            self._say(f"{locate(first.side)} failed: {decision.detail}, falling back...")
        self._say(f"-> {locate(decision.side)} | Model: {model}")
        self._told = decision

    def failed(self, error: Exception) -> None:
        """Nobody answers."""
        self._say(f"Failed: {error}")

    def _say(self, line: str) -> None:
        if self._tell is not None:
            self._tell(f"[Router] {line}")


# The commentary on the request that is being decided here and now.
commentary: ContextVar[Commentary] = ContextVar("commentary", default=Commentary(None))  # noqa: B039  # it tells nobody


def reasons_of(decision: Decision) -> list[str]:
    """Why a side was chosen: the judge's word only where a judge spoke, then the score and the rule that counted."""
    lines = []
    score, threshold = decision.score, decision.threshold
    if score is not None and threshold is not None:
        if score.verdict:
            lines.append(f"LLM Judge: {score.verdict}")
        is_told = score.scorer == "judge" and (score.verdict == "COMPLEX") == (score.probability >= threshold)
        if not (score.verdict and is_told):
            at = "" if threshold == _USUAL_THRESHOLD else f", threshold {threshold:.2f}"
            whose = "nothing to judge" if "empty" in score.notes else score.scorer
            lines.append(f"Score: {score.probability:.2f} ({whose}){at}")
    if decision.reason is not Reason.SCORE:
        lines.append(f"Rule: {rule_of(decision)}")
    return lines


def rule_of(decision: Decision) -> str:
    """The rule that has decided, in a word and what there is to tell of it."""
    if decision.reason is Reason.FORCED:
        return f"forced {decision.side}"
    word = decision.reason.value.replace("_", " ")
    return f"{word} ({decision.detail})" if decision.detail else word


def reason_text(decision: Decision, locate: Locate) -> str:
    """Why a side answers, in the words that the answer has for it."""
    side, there = locate(decision.side), locate("local" if decision.side == "remote" else "remote")
    texts = {
        Reason.FORCED: f"Forced {decision.side}",
        Reason.SCORE: "Complex task" if decision.side == "remote" else "Simple task",
        Reason.FAILOVER: f"Fallback from {there}",
        Reason.UNHEALTHY: f"{there} cannot answer",
        Reason.BUSY: f"{there} is busy",
        Reason.SESSION: f"Conversation stays with {side}",
        Reason.TOOL_LOOP: f"Tool was called by {side}",
        Reason.SHARE: "Share of remote answers is held",
        Reason.COST: "Budget is spent",
        Reason.PRIVATE_RULE: f"Private: {decision.detail}",
        Reason.USER_RULE: f"Rule: {decision.detail}",
    }
    text = texts.get(decision.reason) or decision.detail or decision.reason.value
    return text[:1].upper() + text[1:]
