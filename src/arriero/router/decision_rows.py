"""What is written down of decisions: as values, and as the columns of a table. Pure."""

from collections.abc import Mapping

# A column holds text, a number or nothing; which of them, its table says.
from typing import Any

from msgspec import Struct

from arriero.types.routing import Decision, Reason, Score


class Outcome(Struct, frozen=True):
    """What became of a decision, as far as it is known.

    ttft_ms: until the first byte of the answer; total_ms: until its last. prompt_tokens, completion_tokens: counted by
    who answered. finish_reason: ``stop`` or ``length``; error: the kind of failure, never with a prompt in it.
    second_look: what was found wrong with the first answer, in a word. answered: the decision that took the place of
    the first one, as after a failure.
    """

    ttft_ms: float | None = None
    total_ms: float | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    finish_reason: str = ""
    error: str = ""
    second_look: str = ""
    answered: Decision | None = None


class DecisionRow(Struct, frozen=True):
    """A decision, with what it was about.

    at_s: seconds since 1970. router: the model that was asked for. session: what identifies the conversation, and
    prompt: the text that was judged. Both are written as hashes: what is read has the session's in its place, and the
    prompt's in prompt_hash, with the text itself only where prompts are kept. Within one database the same text has the
    same hash; without that database's salt, guesses cannot be tried. prompt_tokens: an estimate. is_shadow: the
    decision was not acted upon, and ``decision.chosen`` is what it was, where that differs. outcome: None while the
    answer is under way, and where it got lost.
    """

    at_s: float
    router: str
    decision: Decision
    request_id: str = ""
    session: str = ""
    prompt: str = ""
    prompt_hash: str = ""
    prompt_tokens: int = 0
    is_shadow: bool = False
    outcome: Outcome | None = None


_REASONS = frozenset(Reason)

# What a database takes, and gives back.
Value = str | float | int | None


def columns_of(row: DecisionRow) -> dict[str, Value]:
    """A row that is new, by the names of its table."""
    score = row.decision.score
    return {
        "at_s": row.at_s,
        "request_id": row.request_id,
        "router": row.router,
        "session": row.session,
        "prompt_hash": row.prompt_hash,
        "prompt": row.prompt,
        "prompt_tokens": row.prompt_tokens,
        "is_shadow": row.is_shadow,
        **answered_columns(row.decision),
        "score": score.probability if score else None,
        "scorer": score.scorer if score else "",
        "score_ms": score.took_ms if score else None,
        "verdict": score.verdict if score else "",
        "notes": "\n".join(score.notes) if score else "",
        "threshold": row.decision.threshold,
        "took_ms": row.decision.took_ms,
    }


def answered_columns(decision: Decision) -> dict[str, Value]:
    """Who answers, and why."""
    return {
        "side": decision.side,
        "chosen": decision.chosen,
        "model": decision.model,
        "reason": decision.reason.value,
        "detail": decision.detail,
    }


def outcome_columns(outcome: Outcome) -> dict[str, Value]:
    """What became of it."""
    return {
        "is_finished": True,
        "ttft_ms": outcome.ttft_ms,
        "total_ms": outcome.total_ms,
        "answer_prompt_tokens": outcome.prompt_tokens,
        "completion_tokens": outcome.completion_tokens,
        "finish_reason": outcome.finish_reason,
        "error": outcome.error,
        "second_look": outcome.second_look,
        **(answered_columns(outcome.answered) if outcome.answered else {}),
    }


def row_of(values: Mapping[str, Any]) -> DecisionRow | None:
    """A row as it was written; None where another version of this program knows a reason that this one does not."""
    if values["reason"] not in _REASONS:
        return None
    return DecisionRow(
        values["at_s"],
        values["router"],
        Decision(
            values["side"],
            values["model"],
            Reason(values["reason"]),
            detail=values["detail"],
            score=_score(values),
            threshold=values["threshold"],
            chosen=values["chosen"],
            took_ms=values["took_ms"],
        ),
        request_id=values["request_id"],
        session=values["session"],
        prompt=values["prompt"],
        prompt_hash=values["prompt_hash"],
        prompt_tokens=values["prompt_tokens"],
        is_shadow=bool(values["is_shadow"]),
        outcome=_outcome(values) if values["is_finished"] else None,
    )


def _score(values: Mapping[str, Any]) -> Score | None:
    if values["score"] is None:
        return None
    notes = tuple(values["notes"].split("\n")) if values["notes"] else ()
    return Score(values["score"], values["scorer"], values["score_ms"], values["verdict"], notes)


def _outcome(values: Mapping[str, Any]) -> Outcome:
    return Outcome(
        ttft_ms=values["ttft_ms"],
        total_ms=values["total_ms"],
        prompt_tokens=values["answer_prompt_tokens"],
        completion_tokens=values["completion_tokens"],
        finish_reason=values["finish_reason"],
        error=values["error"],
        second_look=values["second_look"],
    )
