"""A router's statistics as tables of text. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from arriero.router.statistics import Count, JudgeStatistics, Latency, SideStatistics, Statistics

Row = tuple[str, ...]
_NOTHING = "-"
_BAR = 20


@dataclass(frozen=True, slots=True)
class StatisticsTable:
    """A table: its rows are equally long, and the first one says what the others are."""

    title: str
    rows: tuple[Row, ...]


def tables(statistics: Statistics) -> list[StatisticsTable]:
    """All that there is something to tell about, what matters most first."""
    if not statistics.decisions:
        return []
    return [
        StatisticsTable("Sides", _side_rows(statistics)),
        StatisticsTable("Reasons", _count_rows("REASON", statistics.reasons)),
        *_optional("Scorers", _count_rows("SCORER", statistics.scorers)),
        *_optional("Scores", tuple(_score_rows(statistics))),
        *_optional("Judge", tuple(_judge_rows(statistics.judge))),
        *_optional("Second looks", _count_rows("FINDING", statistics.second_looks)),
        StatisticsTable("Days", _day_rows(statistics)),
        StatisticsTable("Besides", tuple(_other_rows(statistics))),
    ]


def _optional(title: str, rows: tuple[Row, ...]) -> list[StatisticsTable]:
    return [StatisticsTable(title, rows)] if len(rows) > 1 else []


def _side_rows(statistics: Statistics) -> tuple[Row, ...]:
    head = ("SIDE", "ANSWERS", "SHARE", "ERRORS", "TTFT P50", "P95", "TOTAL P50", "P95", "TOKENS IN", "OUT", "COST")
    return (head, *map(_side_row, statistics.sides))


def _side_row(side: SideStatistics) -> Row:
    counted = (str(side.decisions), _percent(side.share), str(side.errors))
    tokens = (str(side.prompt_tokens), str(side.completion_tokens))
    return (side.side, *counted, *_latency(side.ttft), *_latency(side.total), *tokens, _money(side.cost))


def _count_rows(what: str, counts: Sequence[Count]) -> tuple[Row, ...]:
    return ((what, "COUNT", "SHARE"), *((each.name, str(each.count), _percent(each.share)) for each in counts))


def _score_rows(statistics: Statistics) -> Iterator[Row]:
    most = max(each.local + each.remote for each in statistics.scores)
    yield ("SCORE", "LOCAL", "REMOTE", "")
    if most:
        for each in statistics.scores:
            bar = "#" * -(-_BAR * (each.local + each.remote) // most)
            yield (f"{each.low:.1f}-{each.high:.1f}", str(each.local), str(each.remote), bar)


def _judge_rows(judge: JudgeStatistics) -> Iterator[Row]:
    yield ("JUDGE", "COUNT")
    if judge.asked:
        yield ("asked", str(judge.asked))
        yield ("known already", str(judge.cached))
        yield ("failed", str(judge.failed))
        for failure in judge.failures:
            yield (f"failed: {failure.name}", str(failure.count))
        yield ("mean", _milliseconds(judge.mean_ms))


def _day_rows(statistics: Statistics) -> tuple[Row, ...]:
    days = ((each.day, str(each.decisions), _percent(each.remote_share)) for each in statistics.days)
    return (("DAY (UTC)", "REQUESTS", "REMOTE"), *days)


def _other_rows(statistics: Statistics) -> Iterator[Row]:
    p50, p95 = _latency(statistics.deciding)
    yield ("WHAT", "COUNT")
    yield ("deciding, p50", p50)
    yield ("deciding, p95", p95)
    yield ("failovers", str(statistics.failovers))
    if statistics.shadow:
        yield ("in shadow", str(statistics.shadow))
        differing = f"{statistics.differing} ({_percent(statistics.differing / statistics.shadow)})"
        yield ("in shadow, to the other side", differing)
    if statistics.saved is not None:
        yield ("saved by local answers", _money(statistics.saved))


def _latency(latency: Latency) -> tuple[str, str]:
    return (_milliseconds(latency.p50_ms), _milliseconds(latency.p95_ms))


def _milliseconds(value_ms: float | None) -> str:
    if value_ms is None:
        return _NOTHING
    return f"{value_ms / 1000:.2f} s" if value_ms >= 1000 else f"{value_ms:.3g} ms"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _money(amount: float | None) -> str:
    return _NOTHING if amount is None else f"{amount:.4g}"
