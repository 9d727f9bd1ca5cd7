"""How good a scorer would have been at choosing, on prompts whose outcomes are known. Pure.

The measures are RouteLLM's (Ong et al. 2024), but over every threshold and not ten. Prompts are sent to the remote
model in the order of their scores, equal ones in any order, which is taken in expectation. PGR(f) is the part of the
sum of all gains that is had with the share f of them sent.
"""

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from arriero.router.calibration import choose_calibration, expected_calibration_error

FOLDS = 5
_RESAMPLES = 300
_SEED = 0
_ENDS = (0.025, 0.975)
_CLOSE = 1e-12

# Learns from prompts and their gains; what it returns gives prompts their scores.
Fit = Callable[[list[str], list[float]], Callable[[list[str]], Sequence[float]]]


@dataclass(frozen=True, slots=True)
class Measures:
    """NaN where a measure means nothing, as where the remote model is no better.

    apgr: the mean of PGR over all shares, 0.5 for a router that guesses. cpt20, cpt50, cpt80: the smallest percentage
    of remote calls that has this much of PGR, in percent. auc: how often a prompt that the remote model answers better
    has a higher score than one that it does not.
    """

    apgr: float = math.nan
    cpt20: float = math.nan
    cpt50: float = math.nan
    cpt80: float = math.nan
    auc: float = math.nan


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Measures, and between what they lie in 95 % of resamplings of the prompts (bootstrap). count: of prompts."""

    count: int
    measures: Measures
    low: Measures
    high: Measures


def evaluate(scores: Sequence[float], gains: Sequence[float], resamples: int = _RESAMPLES) -> Evaluation:
    """Measure a scorer. scores: higher for what should rather go remote; gains: remote quality minus local quality."""
    ranking = _Ranking(scores, gains)
    draw = random.Random(_SEED)  # noqa: S311  # no secret: the same every time
    count = len(gains)
    drawn = [ranking.measures(_resampled(draw, count)) for _ in range(resamples)]
    usable = [each for each in drawn if not math.isnan(each.apgr)]
    low, high = (Measures(*(_quantile(values, end) for values in _columns(usable))) for end in _ENDS)
    return Evaluation(count, ranking.measures([1] * count), low, high)


def quality_at(scores: Sequence[float], q_local: Sequence[float], q_remote: Sequence[float], share: float) -> float:
    """The mean quality with exactly this share of the prompts sent."""
    gains = [remote - local for local, remote in zip(q_local, q_remote, strict=True)]
    curve = _Ranking(scores, gains).curve([1] * len(gains))
    return sum(q_local) / len(gains) + _at(curve, share) / len(gains)


def held_out_scores(fit: Fit, prompts: Sequence[str], gains: Sequence[float], folds: int = FOLDS) -> list[float]:
    """What prompts score by what was learned from others. Equal prompts stay together; ranks make folds comparable.

    Raises what ``fit`` raises.
    """
    groups = sorted(set(prompts))
    random.Random(_SEED).shuffle(groups)  # noqa: S311  # no secret: the same every time
    fold_of = {prompt: place % folds for place, prompt in enumerate(groups)}
    scores = [0.0] * len(prompts)
    for fold in range(folds):
        kept = [index for index, prompt in enumerate(prompts) if fold_of[prompt] != fold]
        held = [index for index, prompt in enumerate(prompts) if fold_of[prompt] == fold]
        if held:
            score = fit([prompts[index] for index in kept], [gains[index] for index in kept])
            for index, rank in zip(held, _ranks(score([prompts[index] for index in held])), strict=True):
                scores[index] = rank / len(held)
    return scores


def held_out_calibration_error(scores: Sequence[float], outcomes: Sequence[bool], folds: int = FOLDS) -> float:
    """The expected calibration error of calibrations, each on outcomes that it was not fitted to."""
    probabilities = [0.0] * len(scores)
    order = list(range(len(scores)))
    random.Random(_SEED).shuffle(order)  # noqa: S311  # no secret: the same every time
    for fold in range(folds):
        kept = [index for place, index in enumerate(order) if place % folds != fold]
        calibration = choose_calibration([scores[index] for index in kept], [outcomes[index] for index in kept])
        for index in order[fold::folds]:
            probabilities[index] = calibration(scores[index])
    return expected_calibration_error(probabilities, outcomes)


class _Ranking:
    """Prompts in the order of their scores, the highest first, those with equal scores together."""

    def __init__(self, scores: Sequence[float], gains: Sequence[float]) -> None:
        order = sorted(range(len(scores)), key=lambda index: -scores[index])
        self._groups = [list(group) for _, group in groupby(order, key=lambda index: scores[index])]
        self._gains = gains
        self._total = len(scores)

    def curve(self, counts: Sequence[int]) -> list[tuple[float, float]]:
        """Share of prompts sent, sum of gains had; each prompt counts as often as it says."""
        total = sum(counts)
        sent, gained = 0, 0.0
        curve = [(0.0, 0.0)]
        for group in self._groups:
            sent += sum(counts[index] for index in group)
            gained += sum(counts[index] * self._gains[index] for index in group)
            curve.append((sent / total, gained))
        return curve

    def measures(self, counts: Sequence[int]) -> Measures:
        """All of them."""
        if self._total == 0:
            return Measures()
        curve = self.curve(counts)
        whole = curve[-1][1]
        auc = self._auc(counts)
        if whole <= 0:
            return Measures(auc=auc)
        area = sum((x1 - x0) * (y0 + y1) / 2 for (x0, y0), (x1, y1) in pairwise(curve))
        cpt20, cpt50, cpt80 = (100 * _first(curve, part * whole) for part in (0.2, 0.5, 0.8))
        return Measures(area / whole, cpt20, cpt50, cpt80, auc)

    def _auc(self, counts: Sequence[int]) -> float:
        better = sum(count for count, gain in zip(counts, self._gains, strict=True) if gain > 0)
        others = sum(counts) - better
        if not better or not others:
            return math.nan
        pairs, others_before = 0.0, 0
        for group in self._groups:
            here = sum(counts[index] for index in group if self._gains[index] > 0)
            others_here = sum(counts[index] for index in group) - here
            pairs += here * (others - others_before - others_here / 2)
            others_before += others_here
        return pairs / (better * others)


def _first(curve: Sequence[tuple[float, float]], wanted: float) -> float:
    """The smallest share with so much gained, on straight lines between the points of the curve."""
    for (x0, y0), (x1, y1) in pairwise(curve):
        if y0 >= wanted - _CLOSE:
            return x0
        if y1 >= wanted - _CLOSE:
            return x0 + (x1 - x0) * (wanted - y0) / (y1 - y0)
    return curve[-1][0]


def _at(curve: Sequence[tuple[float, float]], share: float) -> float:
    for (x0, y0), (x1, y1) in pairwise(curve):
        if share <= x1 and x1 > x0:
            return y0 + (y1 - y0) * (share - x0) / (x1 - x0)
    return curve[-1][1]


def _ranks(scores: Sequence[float]) -> list[float]:
    """1 for the lowest, up to their number; equal scores share the mean."""
    order = sorted(range(len(scores)), key=lambda index: scores[index])
    ranks = [0.0] * len(scores)
    before = 0
    for _, group in groupby(order, key=lambda index: scores[index]):
        members = list(group)
        for index in members:
            ranks[index] = before + (len(members) + 1) / 2
        before += len(members)
    return ranks


def _resampled(draw: random.Random, count: int) -> list[int]:
    counts = [0] * count
    for index in draw.choices(range(count), k=count):
        counts[index] += 1
    return counts


def _columns(measures: Sequence[Measures]) -> list[list[float]]:
    names = ("apgr", "cpt20", "cpt50", "cpt80", "auc")
    return [[value for each in measures if not math.isnan(value := getattr(each, name))] for name in names]


def _quantile(values: Sequence[float], share: float) -> float:
    if not values:
        return math.nan
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)
