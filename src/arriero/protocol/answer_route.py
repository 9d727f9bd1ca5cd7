"""Who has answered a request to a router, as all dialects tell it beside their own keys. Pure."""

from collections.abc import Iterable

from msgspec import UNSET, Struct, UnsetType

from arriero.types.events import Event
from arriero.types.routing import Decision


class AnswerRoute(Struct):
    """Who has answered, and why: arriero's own key ``route``, in the last object of an answer.

    side: ``local`` or ``remote``; model: the one that answered. score: how likely it was that the remote model is worth
    it, from 0 to 1; threshold: from which on it would have answered; scorer: whose score that is; judge: what a judge
    has said. chosen: the side that should have answered, where the other one did. took_ms: what the decision took.
    """

    side: str
    model: str
    reason: str
    detail: str | UnsetType = UNSET
    score: float | UnsetType = UNSET
    threshold: float | UnsetType = UNSET
    scorer: str | UnsetType = UNSET
    judge: str | UnsetType = UNSET
    notes: tuple[str, ...] | UnsetType = UNSET
    chosen: str | UnsetType = UNSET
    took_ms: float = 0.0


def route_of(events: Iterable[Event]) -> AnswerRoute | UnsetType:
    """The route of an answer, which comes with its first events; nothing where no router has answered."""
    decision = next((event for event in events if type(event) is Decision), None)
    return UNSET if decision is None else to_route(decision)


def to_route(decision: Decision) -> AnswerRoute:
    """A decision as it is told."""
    score = decision.score
    return AnswerRoute(
        decision.side,
        decision.model,
        decision.reason.value,
        decision.detail or UNSET,
        round(score.probability, 4) if score else UNSET,
        round(decision.threshold, 4) if decision.threshold is not None else UNSET,
        score.scorer if score else UNSET,
        decision.judge or UNSET,
        (score.notes or UNSET) if score else UNSET,
        decision.chosen or UNSET,
        round(decision.took_ms, 3),
    )
