"""What arriero costs where it matters: the speed of a real model, through arriero and straight from its worker."""

from dataclasses import dataclass, field
from statistics import median

from arriero.types.models import ModelRecord
from benchmarks.estimates import Interval, median_ratio, percentile
from benchmarks.load import Burst, Load, Outcome
from benchmarks.questions import arriero_side, ask_arriero, ask_worker, prompts, worker_side
from benchmarks.server_process import Setup, Started, running_server
from benchmarks.tables import format_table

_STREAMS = (1, 4, 16)
_CONTEXT = 1024
_WHEEL = "wheel"
_ARRIERO, _DIRECT, _DIRECT_AGAIN = "arriero", "direct", "direct again"


@dataclass(frozen=True, slots=True)
class EnginePlan:
    """How much to measure. pairs: at each number of streams. tokens: of each answer."""

    pairs: int = 12
    tokens: int = 64


@dataclass(slots=True)
class _Series:
    """The outcomes at one number of streams, by the side that was asked; those at one place belong together."""

    streams: int
    outcomes: dict[str, list[Outcome]] = field(default_factory=dict)

    def ratio(self, name: str) -> Interval:
        """Return tokens a second of a side ÷ those of the worker asked directly."""
        ours, theirs = self.outcomes[name], self.outcomes[_DIRECT]
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


async def measure_engine(load: Load, record: ModelRecord, plan: EnginePlan) -> str:
    """Measure everything and return the tables."""
    setup = Setup(record.name, _WHEEL, _CONTEXT, slots=max(_STREAMS), environment={})
    async with running_server(setup) as started:
        series = [await _measure(load, started, record, streams, plan) for streams in _STREAMS]
    speeds = [row for one in series for row in _speed_rows(one)]
    firsts = [_first_row(one, name) for one in series for name in (_DIRECT, _ARRIERO)]
    speed_head = ("streams", "tokens/s", "direct", "ratio", "95 % interval", "tokens an answer")
    return "\n".join(
        [
            format_table(f"Speed, {record.name}, {plan.pairs} pairs", speed_head, speeds),
            format_table(f"Time to first token, {record.name}", ("streams", "p50", "p99"), firsts),
        ]
    )


async def _measure(load: Load, started: Started, record: ModelRecord, streams: int, plan: EnginePlan) -> _Series:
    asked = prompts(streams)
    to_worker = [ask_worker(record, prompt, plan.tokens) for prompt in asked]
    to_arriero = [ask_arriero(record, prompt, plan.tokens) for prompt in asked]
    bursts = [
        (_DIRECT, Burst(worker_side(started), to_worker, streams, streams)),
        (_ARRIERO, Burst(arriero_side(started, keeps_alive=True), to_arriero, streams, streams)),
        (_DIRECT_AGAIN, Burst(worker_side(started), to_worker, streams, streams)),
    ]
    # The first ones fill the cache of prompts, for all.
    for _, burst in bursts:
        await load.send(burst)
    series = _Series(streams)
    for pair in range(plan.pairs):
        # Each side comes first as often as the others: what a burst leaves behind must favour none.
        start = pair % len(bursts)
        for name, burst in bursts[start:] + bursts[:start]:
            series.outcomes.setdefault(name, []).append(await load.send(burst))
    return series


def _speed_rows(series: _Series) -> list[tuple[str, ...]]:
    return [
        _speed_row(series, f"{series.streams}, arriero ÷ direct", _ARRIERO),
        _speed_row(series, f"{series.streams}, direct ÷ direct", _DIRECT_AGAIN),
    ]


def _speed_row(series: _Series, title: str, name: str) -> tuple[str, ...]:
    ratio = series.ratio(name)
    return (
        title,
        f"{series.tokens_per_s(name):.1f}",
        f"{series.tokens_per_s(_DIRECT):.1f}",
        f"{ratio.estimate:.3f}",
        f"{ratio.low:.3f} … {ratio.high:.3f}",
        f"{series.tokens(name):.1f}",
    )


def _first_row(series: _Series, name: str) -> tuple[str, ...]:
    p50, p99 = series.first_ms(name, 50), series.first_ms(name, 99)
    return f"{series.streams}, {name}", f"{p50:.1f} ms", f"{p99:.1f} ms"
