"""Makes decisions for tests."""

from arriero.router.decision_rows import DecisionRow, Outcome
from arriero.types.routing import Decision, Reason, Score, Side

NOON_S = 1_772_366_400.0  # 2026-03-01 12:00 UTC

SCORE = Score(0.3, "linear", 0.1)


def decision(
    side: Side = "local",
    *,
    reason: Reason = Reason.SCORE,
    score: Score | None = SCORE,
    chosen: Side | None = None,
    took_ms: float = 1.0,
) -> Decision:
    return Decision(side, f"{side}-model", reason, "why", score, 0.5, chosen, took_ms)


def row(
    decision: Decision,
    outcome: Outcome | None = None,
    *,
    at_s: float = NOON_S,
    is_shadow: bool = False,
    prompt_tokens: int = 10,
) -> DecisionRow:
    return DecisionRow(
        at_s,
        "smart",
        decision,
        request_id="request",
        session="a conversation",
        prompt="Where is Lima?",
        prompt_tokens=prompt_tokens,
        is_shadow=is_shadow,
        outcome=outcome,
    )
