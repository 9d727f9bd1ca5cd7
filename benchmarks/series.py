"""Bursts of answers of a server, directly and through arriero, in turn; and what came of them, as rows of a table."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

from benchmarks.estimates import Interval, median_ratio, percentile
from benchmarks.load import Burst, Load, Outcome

ARRIERO, DIRECT, DIRECT_AGAIN = "arriero", "direct", "direct again"
SPEED_HEAD = ("streams", "tokens/s", "direct", "ratio", "95 % interval", "tokens an answer")


@dataclass(slots=True)
class Series:
    """The outcomes at one number of streams, by the side that was asked; those at one place belong together."""

    streams: int
    outcomes: dict[str, list[Outcome]] = field(default_factory=dict)

    def ratio(self, name: str) -> Interval:
        """Return tokens a second of a side ÷ those of the server asked directly."""
        ours, theirs = self.outcomes[name], self.outcomes[DIRECT]
        return median_ratio([(a.tokens_per_s, b.tokens_per_s) for a, b in zip(ours, theirs, strict=True)])

    def tokens_per_s(self, name: str) -> float:
        """Return the median of a side's bursts."""
        return median(outcome.tokens_per_s for outcome in self.outcomes[name])

    def first_ms(self, name: str, percent: float) -> float:
        """Return a percentile of the time to first token over all of a side's answers."""
        times_s = [answer.first_s for outcome in self.outcomes[name] for answer in outcome.answers]
        return percentile(times_s, percent) * 1000

    def tokens(self, name: str) -> float:
        """Return the mean length of a side's answers."""
        lengths = [answer.tokens for outcome in self.outcomes[name] for answer in outcome.answers]
        return sum(lengths) / len(lengths)


async def measure_series(load: Load, direct: Burst, arriero: Burst, pairs: int) -> Series:
    """Send both bursts so many times, and the direct one once more each time, to see what no difference looks like."""
    bursts = [(DIRECT, direct), (ARRIERO, arriero), (DIRECT_AGAIN, direct)]
    # The first ones fill the cache of prompts, for all.
    for _, burst in bursts:
        await load.send(burst)
    series = Series(direct.concurrency)
    for pair in range(pairs):
        # Each side comes first as often as the others: what a burst leaves behind must favour none.
        start = pair % len(bursts)
        for name, burst in bursts[start:] + bursts[:start]:
            series.outcomes.setdefault(name, []).append(await load.send(burst))
    return series


def speed_rows(series: Series) -> list[tuple[str, ...]]:
    """Return the rows under ``SPEED_HEAD``."""
    return [
        _speed_row(series, f"{series.streams}, arriero ÷ direct", ARRIERO),
        _speed_row(series, f"{series.streams}, direct ÷ direct", DIRECT_AGAIN),
    ]


def first_rows(all_series: Sequence[Series]) -> list[tuple[str, ...]]:
    """Return the times to first token of both sides: what was asked, p50, p99."""
    return [_first_row(series, name) for series in all_series for name in (DIRECT, ARRIERO)]


def _speed_row(series: Series, title: str, name: str) -> tuple[str, ...]:
    ratio = series.ratio(name)
    return (
        title,
        f"{series.tokens_per_s(name):.1f}",
        f"{series.tokens_per_s(DIRECT):.1f}",
        f"{ratio.estimate:.3f}",
        f"{ratio.low:.3f} … {ratio.high:.3f}",
        f"{series.tokens(name):.1f}",
    )


def _first_row(series: Series, name: str) -> tuple[str, ...]:
    p50, p99 = series.first_ms(name, 50), series.first_ms(name, 99)
    return f"{series.streams}, {name}", f"{p50:.1f} ms", f"{p99:.1f} ms"
