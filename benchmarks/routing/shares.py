"""Whether the share of remote requests is held, what that costs, and whether probabilities are true.

``python -m benchmarks.routing.shares --data FOLDER``: a folder with an ``evaluate.py`` that says what its sets are, and
recorded outcomes of a weak and a strong model. Every set is a traffic, and all of them one after the other are another.
Each comes as it is filed, shuffled, and by rising and by falling score: no traffic is harder on a threshold.
"""

import gzip
import importlib.util
import itertools
import json
import math
import random
import statistics
import sys
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import click

from arriero.router.calibration import (
    Calibration,
    choose_calibration,
    expected_calibration_error,
    fit_isotonic,
    fit_platt,
)
from arriero.router.linear import LinearScorer
from arriero.router.share import ShareController
from benchmarks.tables import format_table

_WINDOW = 200
_FOLDS = 5
_SHARES = (0.1, 0.3, 0.5, 0.7, 0.9)
_PROVENANCE = "provenance"
# A length of so many characters counts as a score of one half.
_MIDDLE_LENGTH = 500.0


@dataclass(frozen=True, slots=True)
class Traffic:
    """Requests in the order of their file. gains: quality of the strong model less that of the weak one."""

    name: str
    rows: tuple[dict[str, str], ...]
    gains: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Scored:
    """A traffic with what one scorer makes of it. expected: the gain of each score, smoothed so that it rises."""

    traffic: Traffic
    scorer: str
    scores: tuple[float, ...]
    expected: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Run:
    """One order, decided. worst: points that a window of 200 is off. cost: points of PGR less than the highest scores
    of the same number would have had, by expected gain; recorded: by the gains themselves, which is noisier."""

    worst: float
    share: float
    forced: float
    cost: float
    recorded: float


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--data", type=click.Path(exists=True, file_okay=False, path_type=Path), default="../shared/router")
@click.option("--split", default="public", show_default=True, help="A folder in it.")
@click.option("--scorer", "specs", multiple=True, help="As evaluate.py has them. Default: length, LiteLLM's, linear.")
@click.option("--target", type=click.FloatRange(0, 1), default=0.3, show_default=True, help="Share of remote requests.")
@click.option("--shuffles", type=click.IntRange(min=1), default=20, show_default=True)
def main(data: Path, split: str, specs: Sequence[str], target: float, shuffles: int) -> None:
    """Print three tables. Ends with 1 where a window is off by more than three points."""
    evaluate = _load(data / "evaluate.py")
    chosen = specs or ("length", str(data / "baselines" / "litellm_heuristic.csv"), "benchmarks.routing.shares:linear")
    scored = [each for traffic in _traffics(evaluate, data, split) for each in _score(evaluate, traffic, chosen)]
    long_enough = [each for each in scored if len(each.scores) >= _WINDOW]
    rows = [(each, _runs(each, target, shuffles)) for each in long_enough]
    click.echo(_share_table(rows, target, shuffles))
    click.echo(_summary_table(long_enough, shuffles))
    click.echo(_calibration_table(scored))
    sys.exit(1 if any(run.worst > 3 for _, runs in rows for kind in runs.values() for run in kind) else 0)


def linear(prompts: Sequence[str]) -> list[float]:
    """The shipped scorer, as evaluate.py asks for one."""
    scorer = LinearScorer()
    return [scorer.probability(prompt) for prompt in prompts]


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("evaluate", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _traffics(evaluate: ModuleType, data: Path, split: str) -> Iterator[Traffic]:
    singles: list[Traffic] = []
    for name in evaluate.SETS:
        rows, weak, strong = evaluate.load(name, split)
        if rows:
            traffic = Traffic(name, tuple(rows), tuple((strong - weak).tolist()))
            yield traffic
            if name not in evaluate.MIX:
                singles.append(traffic)
    labels = data / split / "provenance_labels.jsonl.gz"
    if labels.exists():
        with gzip.open(labels, "rt") as lines:
            kept = [json.loads(line) for line in lines]
        singles.append(Traffic(_PROVENANCE, tuple(kept), tuple(float(row["label"] == "COMPLEX") for row in kept)))
        yield singles[-1]
    rows_of_all = tuple(row for each in singles for row in each.rows)
    yield Traffic("everything", rows_of_all, tuple(gain for each in singles for gain in each.gains))


def _score(evaluate: ModuleType, traffic: Traffic, specs: Sequence[str]) -> Iterator[Scored]:
    gains = evaluate.np.array(traffic.gains)
    for spec in specs:
        raw = evaluate.get_scorer(spec)(list(traffic.rows), 0.0 * gains, gains).tolist()
        known = [index for index, score in enumerate(raw) if not math.isnan(score)]
        kept = Traffic(
            traffic.name, tuple(traffic.rows[index] for index in known), tuple(traffic.gains[index] for index in known)
        )
        if not known:
            continue
        scores = [raw[index] for index in known]
        if max(scores) > 1.0:
            scores = [score / (score + _MIDDLE_LENGTH) for score in scores]
        yield Scored(
            kept,
            Path(spec).stem if spec.endswith(".csv") else spec.rpartition(":")[2],
            tuple(scores),
            _rising(scores, kept.gains),
        )


def _rising(scores: Sequence[float], gains: Sequence[float]) -> tuple[float, ...]:
    """The mean gain of requests of this score, under the assumption that it rises with it: neighbours are pooled."""
    places = sorted(range(len(scores)), key=scores.__getitem__)
    pools: list[tuple[float, list[int]]] = []
    for _, ties in itertools.groupby(places, key=scores.__getitem__):
        pool = list(ties)
        gain = sum(gains[place] for place in pool)
        while pools and pools[-1][0] * len(pool) >= gain * len(pools[-1][1]):
            before, others = pools.pop()
            gain, pool = gain + before, others + pool
        pools.append((gain, pool))
    found = {place: gain / len(pool) for gain, pool in pools for place in pool}
    return tuple(found[place] for place in range(len(scores)))


def _orders(scores: Sequence[float], shuffles: int) -> dict[str, list[list[int]]]:
    filed = list(range(len(scores)))
    rising = sorted(filed, key=scores.__getitem__)
    mixed = [random.Random(seed).sample(filed, len(filed)) for seed in range(shuffles)]
    return {"as filed": [filed], "shuffled": mixed, "rising": [rising], "falling": [rising[::-1]]}


def _runs(scored: Scored, target: float, shuffles: int) -> dict[str, list[Run]]:
    best = _Best(scored.scores, scored.traffic.gains)
    best_expected = _Best(scored.scores, scored.expected)
    return {
        kind: [_run(scored, order, target, (best_expected, best)) for order in orders]
        for kind, orders in _orders(scored.scores, shuffles).items()
    }


def _run(scored: Scored, order: Sequence[int], target: float, best: "tuple[_Best, _Best]") -> Run:
    controller = ShareController(target)
    verdicts = [controller.decide(scored.scores[place]) for place in order]
    sent = [place for place, verdict in zip(order, verdicts, strict=True) if verdict.side_is_remote]
    expected, recorded = best
    return Run(
        worst=_worst([verdict.side_is_remote for verdict in verdicts], target),
        share=100 * len(sent) / len(order),
        forced=100 * sum(verdict.is_forced for verdict in verdicts) / len(order),
        cost=expected.lost(len(sent), sum(scored.expected[place] for place in sent)),
        recorded=recorded.lost(len(sent), sum(scored.traffic.gains[place] for place in sent)),
    )


class _Best:
    """What the highest scores would have gained; equal scores gain their mean."""

    def __init__(self, scores: Sequence[float], gains: Sequence[float]) -> None:
        falling = sorted(range(len(scores)), key=scores.__getitem__, reverse=True)
        self._numbers, self._sums = [0], [0.0]
        for _, ties in itertools.groupby(falling, key=scores.__getitem__):
            places = list(ties)
            self._numbers.append(self._numbers[-1] + len(places))
            self._sums.append(self._sums[-1] + sum(gains[place] for place in places))

    def lost(self, sent: int, gain: float) -> float:
        """Points of PGR that this gain of so many requests falls behind."""
        after = max(bisect_left(self._numbers, sent), 1)
        part = (sent - self._numbers[after - 1]) / (self._numbers[after] - self._numbers[after - 1])
        ideal = self._sums[after - 1] + part * (self._sums[after] - self._sums[after - 1])
        return 100 * (ideal - gain) / self._sums[-1]


def _worst(are_remote: Sequence[bool], target: float) -> float:
    """Points that the worst window is off, the first two hundred requests being one as well."""
    before = [0, *itertools.accumulate(map(int, are_remote))]
    windows = range(len(are_remote) - _WINDOW + 1)
    return 100 * max(abs((before[end + _WINDOW] - before[end]) / _WINDOW - target) for end in windows)


def _share_table(rows: Sequence[tuple[Scored, dict[str, list[Run]]]], target: float, shuffles: int) -> str:
    kinds = list(rows[0][1])
    head = ["traffic", "scorer", "requests", *kinds]
    body = [
        [each.traffic.name, each.scorer, str(len(each.scores)), *(_cell(runs[kind]) for kind in kinds)]
        for each, runs in rows
    ]
    title = (
        f"Target {100 * target:.0f} %, {shuffles} shuffles: points by which the worst window misses / % remote "
        "/ points of PGR lost to the same number of highest scores, by expected gain (by recorded gain)"
    )
    return format_table(title, head, body)


def _cell(runs: Sequence[Run]) -> str:
    cost, recorded = (statistics.fmean(values) for values in zip(*((r.cost, r.recorded) for r in runs), strict=True))
    share = statistics.fmean(run.share for run in runs)
    return f"{max(run.worst for run in runs):.1f} / {share:.1f} / {cost:.2f} ({recorded:.2f})"


def _summary_table(scored: Sequence[Scored], shuffles: int) -> str:
    """Over all traffics and scorers: the mean of the costs over shares is what APGR loses."""
    runs = {share: [_runs(each, share, min(shuffles, 5)) for each in scored] for share in _SHARES}
    body = []
    for kind in runs[_SHARES[0]][0]:
        at = {share: [run for each in runs[share] for run in each[kind]] for share in _SHARES}
        costs = [statistics.fmean(run.cost for run in at[share]) for share in _SHARES]
        everything = [run for found in at.values() for run in found]
        off = statistics.fmean(abs(run.share - 100 * share) for share, found in at.items() for run in found)
        body.append([kind, f"{max(run.worst for run in everything):.1f}", f"{off:.2f}"])
        body[-1] += [f"{statistics.fmean(run.forced for run in everything):.1f}", *(f"{cost:.2f}" for cost in costs)]
        body[-1].append(f"{statistics.fmean(costs) / 100:.4f}")
    head = ["order", "worst window, points", "share off, points", "decided by the share, %"]
    head += [*(f"PGR lost at {100 * share:.0f} %" for share in _SHARES), "APGR lost"]
    return format_table("All traffics and scorers, targets 10 to 90 %", head, body)


def _calibration_table(scored: Sequence[Scored]) -> str:
    head = ["traffic", "scorer", "outcomes", "remote better, %", "as scored", "Platt", "isotonic", "chosen"]
    return format_table(
        "Expected calibration error, held out over five folds", head, [_errors(each) for each in scored]
    )


def _errors(scored: Scored) -> list[str]:
    outcomes = [gain > 0 for gain in scored.traffic.gains]
    errors = [
        expected_calibration_error(_held_out(scored, outcomes, fit), outcomes)
        for fit in (fit_platt, fit_isotonic, choose_calibration)
    ]
    raw = expected_calibration_error(scored.scores, outcomes)
    counts = [str(len(outcomes)), f"{100 * statistics.fmean(outcomes):.1f}"]
    return [scored.traffic.name, scored.scorer, *counts, *(f"{error:.3f}" for error in (raw, *errors))]


def _held_out(
    scored: Scored, outcomes: Sequence[bool], fit: Callable[[Sequence[float], Sequence[bool]], Calibration]
) -> list[float]:
    """Probabilities from what was fitted on other groups of questions."""
    groups = [row["group"] for row in scored.traffic.rows]
    dealt = sorted(set(groups))
    random.Random(0).shuffle(dealt)
    fold_of = {group: place % _FOLDS for place, group in enumerate(dealt)}
    found = [0.0] * len(outcomes)
    for fold in range(_FOLDS):
        kept = [index for index, group in enumerate(groups) if fold_of[group] != fold]
        calibration = fit([scored.scores[index] for index in kept], [outcomes[index] for index in kept])
        for index, group in enumerate(groups):
            if fold_of[group] == fold:
                found[index] = calibration(scored.scores[index])
    return found


if __name__ == "__main__":
    main()
