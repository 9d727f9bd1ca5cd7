"""What ``arriero route stats`` tells of a router, out of what it has written down. Pure."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil

from arriero.router.decision_rows import DecisionRow, Outcome
from arriero.router.settings import Prices
from arriero.types.routing import Reason, Side

SIDES: tuple[Side, Side] = ("local", "remote")
SCORE_BINS = 10


@dataclass(frozen=True, slots=True)
class Count:
    """How often something was so, and its share of all decisions."""

    name: str
    count: int
    share: float


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds: of half of all and of 95 % of them it is at most so much; None where nothing was measured."""

    p50_ms: float | None
    p95_ms: float | None


@dataclass(frozen=True, slots=True)
class SideStatistics:
    """What one side has answered. cost: in the user's prices, None where there are none."""

    side: Side
    decisions: int
    share: float
    errors: int
    ttft: Latency
    total: Latency
    prompt_tokens: int
    completion_tokens: int
    cost: float | None


@dataclass(frozen=True, slots=True)
class DayShare:
    """One day (UTC, as in 2026-03-01), and the share of its requests that went remote."""

    day: str
    decisions: int
    remote_share: float


@dataclass(frozen=True, slots=True)
class ScoreBin:
    """Scores from ``low`` on, below ``high``; in the last one, up to it: how many of them each side has answered."""

    low: float
    high: float
    local: int
    remote: int


@dataclass(frozen=True, slots=True)
class JudgeStatistics:
    """How the judge did. cached: verdicts that were known already. mean_ms: of those that were not; None for none."""

    asked: int
    cached: int
    failed: int
    failures: tuple[Count, ...]
    mean_ms: float | None


@dataclass(frozen=True, slots=True)
class Statistics:
    """A router over some time.

    first_s, last_s: seconds since 1970. sides: by who has answered. deciding: what it took. shadow: decisions that
    were not acted upon; differing: those among them that would have gone to the other side. saved: what the local
    side's tokens would have cost on the remote one, in the user's prices.
    """

    decisions: int
    first_s: float | None
    last_s: float | None
    sides: tuple[SideStatistics, ...]
    reasons: tuple[Count, ...]
    scorers: tuple[Count, ...]
    days: tuple[DayShare, ...]
    scores: tuple[ScoreBin, ...]
    judge: JudgeStatistics
    deciding: Latency
    failovers: int
    second_looks: tuple[Count, ...]
    shadow: int
    differing: int
    saved: float | None

    @property
    def remote_share(self) -> float:
        """The share of requests that the remote side has answered; 0 where there are none."""
        return next(side.share for side in self.sides if side.side == "remote")


def statistics_of(rows: Sequence[DecisionRow], prices: Prices | None = None) -> Statistics:
    """Sum up decisions, in any order."""
    total = len(rows)
    times_s = [row.at_s for row in rows]
    sides = {side: _side(side, [row for row in rows if row.decision.side == side], total, prices) for side in SIDES}
    local = sides["local"]
    return Statistics(
        decisions=total,
        first_s=min(times_s, default=None),
        last_s=max(times_s, default=None),
        sides=tuple(sides.values()),
        reasons=_counts((row.decision.reason.value for row in rows), total),
        scorers=_counts((row.decision.score.scorer for row in rows if row.decision.score), total),
        days=_days(rows),
        scores=_score_bins(rows),
        judge=_judge(rows),
        deciding=_latency([row.decision.took_ms for row in rows]),
        failovers=sum(row.decision.reason is Reason.FAILOVER for row in rows),
        second_looks=_counts(
            (row.outcome.second_look for row in rows if row.outcome and row.outcome.second_look), total
        ),
        shadow=sum(row.is_shadow for row in rows),
        differing=sum(row.is_shadow and row.decision.chosen not in {None, row.decision.side} for row in rows),
        saved=_cost(local.prompt_tokens, local.completion_tokens, prices),
    )


def _side(side: Side, rows: Sequence[DecisionRow], total: int, prices: Prices | None) -> SideStatistics:
    outcomes = [row.outcome for row in rows if row.outcome]
    prompt_tokens = sum(_prompt_tokens(row, row.outcome) for row in rows if row.outcome)
    completion_tokens = sum(outcome.completion_tokens or 0 for outcome in outcomes)
    return SideStatistics(
        side=side,
        decisions=len(rows),
        share=len(rows) / total if total else 0.0,
        errors=sum(bool(outcome.error) for outcome in outcomes),
        ttft=_latency([outcome.ttft_ms for outcome in outcomes]),
        total=_latency([outcome.total_ms for outcome in outcomes]),
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
        cost=_cost(prompt_tokens, completion_tokens, prices) if side == "remote" else None,
    )


def _prompt_tokens(row: DecisionRow, outcome: Outcome) -> int:
    """What was counted; of an answer that told nothing, the estimate, and of none at all, nothing."""
    if outcome.prompt_tokens is not None:
        return outcome.prompt_tokens
    return 0 if outcome.error else row.prompt_tokens


def _cost(prompt_tokens: int, completion_tokens: int, prices: Prices | None) -> float | None:
    if prices is None or not (prices.price_in or prices.price_out):
        return None
    return (prompt_tokens * prices.price_in + completion_tokens * prices.price_out) / 1e6


def _counts(names: Iterable[str], total: int) -> tuple[Count, ...]:
    return tuple(Count(name, count, count / total) for name, count in Counter(names).most_common())


def _days(rows: Sequence[DecisionRow]) -> tuple[DayShare, ...]:
    days: Counter[str] = Counter()
    remote: Counter[str] = Counter()
    for row in rows:
        day = datetime.fromtimestamp(row.at_s, UTC).date().isoformat()
        days[day] += 1
        remote[day] += row.decision.side == "remote"
    return tuple(DayShare(day, count, remote[day] / count) for day, count in sorted(days.items()))


def _score_bins(rows: Sequence[DecisionRow]) -> tuple[ScoreBin, ...]:
    counts = {side: [0] * SCORE_BINS for side in SIDES}
    for row in rows:
        if row.decision.score:
            place = int(row.decision.score.probability * SCORE_BINS)
            counts[row.decision.side][max(0, min(place, SCORE_BINS - 1))] += 1
    return tuple(
        ScoreBin(place / SCORE_BINS, (place + 1) / SCORE_BINS, counts["local"][place], counts["remote"][place])
        for place in range(SCORE_BINS)
    )


def _judge(rows: Sequence[DecisionRow]) -> JudgeStatistics:
    spoken = [row.decision.score for row in rows if row.decision.score and row.decision.score.verdict]
    asked_anew_ms = [score.took_ms for score in spoken if "cached" not in score.notes]
    failures = [failure for row in rows if row.decision.score and (failure := row.decision.score.judge_failure)]
    asked = len(spoken) + len(failures)
    return JudgeStatistics(
        asked=asked,
        cached=len(spoken) - len(asked_anew_ms),
        failed=len(failures),
        failures=_counts(failures, asked),
        mean_ms=sum(asked_anew_ms) / len(asked_anew_ms) if asked_anew_ms else None,
    )


def _latency(values_ms: Iterable[float | None]) -> Latency:
    ordered = sorted(value for value in values_ms if value is not None)
    return Latency(_quantile(ordered, 0.5), _quantile(ordered, 0.95))


def _quantile(ordered: Sequence[float], share: float) -> float | None:
    """The smallest value that so large a share of all does not exceed."""
    return ordered[max(0, ceil(share * len(ordered)) - 1)] if ordered else None
