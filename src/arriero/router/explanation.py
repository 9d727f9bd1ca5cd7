"""What each stage says of a request, in words. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isclose

from msgspec import UNSET, Struct

from arriero.errors import InvalidRequest
from arriero.protocol.answer_route import to_route
from arriero.protocol.router_explain import ExplainResponse, ExplainStage
from arriero.router.linear import NAME as LINEAR
from arriero.router.linear import score_prompt
from arriero.router.linear_parts import strongest_parts
from arriero.router.rules import Verdict
from arriero.router.session import Latch
from arriero.router.settings import RouterSettings
from arriero.router.stages import Stage
from arriero.router.tuning import is_raw, raw_probability
from arriero.types.routing import Decision, Reason, Score, Side

_NOT_ASKED = "not asked"


class StageTold(Struct, frozen=True):
    """One stage. said: in words, "" where it has nothing to say. side: whom it is for. decides: it is the one heard."""

    stage: str
    said: str = ""
    side: Side | None = None
    decides: bool = False


class Explanation(Struct, frozen=True):
    """What would be decided of a request now, and why. is_private: nobody but the local side would be asked."""

    stages: tuple[StageTold, ...]
    decision: Decision
    is_private: bool = False


def tell_stages(stages: Sequence[Stage]) -> tuple[list[StageTold], Verdict | None]:
    """What all of them say, and the verdict of the one that is heard. Raises InvalidRequest where that one would."""
    told: list[StageTold] = []
    heard: Verdict | None = None
    for stage in stages:
        try:
            verdict = stage.ask()
        except InvalidRequest as error:
            if heard is None:
                raise
            told.append(StageTold(stage.name, error.message))
            continue
        decides = heard is None and verdict is not None
        heard = heard or verdict
        side = verdict.side if verdict else None
        told.append(StageTold(stage.name, _verdict_text(verdict), side, decides))
    return told, heard


def unasked() -> list[StageTold]:
    """The stages of the score, where an earlier one has decided."""
    return [StageTold(name, _NOT_ASKED) for name in ("score", "session", "threshold", "cost")]


@dataclass(frozen=True, slots=True)
class Scored:
    """What the stages of the score are told from.

    text: what is asked. latch, kept: where the conversation was, and stays. left: what may still be spent; None without
    a budget.
    """

    settings: RouterSettings
    decision: Decision
    text: str = ""
    latch: Latch | None = None
    kept: Latch | None = None
    left: float | None = None


def tell_scored(scored: Scored) -> list[StageTold]:
    """The stages of the score."""
    settings, decision, kept = scored.settings, scored.decision, scored.kept
    score, threshold, reason = decision.score, decision.threshold, decision.reason
    assert score is not None
    assert threshold is not None
    aimed: Side = "remote" if score.probability >= threshold else "local"
    decides = reason in {Reason.SCORE, Reason.SHARE}
    return [
        StageTold("score", _score_text(score, scored.text)),
        StageTold("session", _session_text(scored.latch, kept), kept.side if kept else None, reason is Reason.SESSION),
        StageTold(
            *("threshold", _threshold_text(settings, score, decision, is_kept=kept is not None)),
            side=None if kept else decision.side if decides else aimed,
            decides=decides,
        ),
        StageTold(
            *("cost", _cost_text(settings, decision, scored.left)),
            side="local" if reason is Reason.COST else None,
            decides=reason is Reason.COST,
        ),
    ]


def to_response(model: str, explanation: Explanation) -> ExplainResponse:
    """An explanation as it is told. model: what was asked for."""
    stages = [ExplainStage(each.stage, each.said, each.side or UNSET, each.decides) for each in explanation.stages]
    return ExplainResponse(model, stages, to_route(explanation.decision), explanation.is_private)


def tell_shadow(side: Side) -> StageTold:
    """The stage that is none: one side answers whatever is decided."""
    return StageTold("shadow", f"the {side} side answers, whatever is decided", side)


def _verdict_text(verdict: Verdict | None) -> str:
    if verdict is None:
        return ""
    words = verdict.detail or f"{verdict.side} is wanted"
    return f"{words}; nobody else may be asked" if verdict.is_private else words


def _score_text(score: Score, text: str) -> str:
    """A score with its scorer, and all that is known of how it came about."""
    raw = raw_probability(score)
    told = [f"{score.probability:.3f} by {score.scorer}"]
    if raw != score.probability:
        told.append(f"calibrated from {raw:.3f}")
    if score.verdict:
        told.append(f"the judge says {score.verdict}")
    told += [note for note in score.notes if not is_raw(note)]
    told.append(f"{score.took_ms:.3g} ms")
    # A turn that leans on earlier ones has their score.
    if score.scorer == LINEAR and isclose(raw, score_prompt(text), rel_tol=1e-4):
        told += [f"{name} {part:+.2f}" for name, part in strongest_parts(text)]
    return ", ".join(told)


def _session_text(latch: Latch | None, kept: Latch | None) -> str:
    if latch is None or latch.side == "local":
        return ""
    if kept is None or kept.side == "local":
        return "the conversation has had enough low scores, and comes down"
    low = f" (low scores in a row: {kept.low_scores})" if kept.low_scores else ""
    return f"the conversation stays where it is{low}"


def _threshold_text(settings: RouterSettings, score: Score, decision: Decision, *, is_kept: bool) -> str:
    assert decision.threshold is not None
    place = "reaches" if score.probability >= decision.threshold else "is below"
    words = f"{score.probability:.3f} {place} {decision.threshold:.3f}"
    if settings.remote_share is None:
        return words
    share = f"{100 * settings.remote_share:g} % shall go remote"
    if decision.reason is Reason.SHARE and not is_kept:
        return f"{words}, but {share}, and that would not be held"
    return f"{words}; {share}"


def _cost_text(settings: RouterSettings, decision: Decision, left: float | None) -> str:
    if left is None:
        return ""
    if decision.reason is Reason.COST:
        return decision.detail
    return f"{left:.4g} of {settings.prices.budget:.4g} may be spent"
