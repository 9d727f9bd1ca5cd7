"""Makes probabilities of scores, as learned from outcomes. Pure.

An outcome is whether the remote model was worth it for a request that had this score. What is fitted never turns the
order of scores round, so that it changes what a score means, not whom it prefers.
"""

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from operator import itemgetter

from msgspec import Struct

# No probability is nearer to 0 or 1: nothing is so sure, and a logarithm of it stays finite.
_MARGIN = 0.0001
# The same for scores, which may well be: judges are.
_SCORE_MARGIN = 1e-9
_NEWTON_STEPS = 100
# A curve of many steps is only worth learning from so many outcomes, and from so many of the rarer kind.
_ISOTONIC_OUTCOMES = 1000
_ISOTONIC_RARER = 100
# A step of the curve is made of at least this share of all outcomes.
_STEP = 0.02
_FOLDS = 5


class Platt(Struct, frozen=True, tag="platt"):
    """A straight line from the log odds of a score to those of the outcome: a times, plus b. (1, 0) changes nothing.

    a is not below 0. Scores are probabilities.
    """

    a: float = 1.0
    b: float = 0.0

    def __call__(self, score: float) -> float:
        """The probability."""
        return _within(_logistic(self.a * _log_odds(score) + self.b))


class Isotonic(Struct, frozen=True, tag="isotonic"):
    """A line through points, level outside of them. points: (score, probability), both rising; at least one."""

    points: tuple[tuple[float, float], ...]

    def __call__(self, score: float) -> float:
        """The probability."""
        before = bisect_left(self.points, score, key=itemgetter(0))
        if before == 0:
            return _within(self.points[0][1])
        if before == len(self.points):
            return _within(self.points[-1][1])
        (x0, y0), (x1, y1) = self.points[before - 1 : before + 1]
        return _within(y0 + (y1 - y0) * (score - x0) / (x1 - x0))


Calibration = Platt | Isotonic


def fit_platt(scores: Sequence[float], outcomes: Sequence[bool]) -> Platt:
    """The line under which the outcomes are likeliest, by Newton's method.

    Targets are drawn in from 0 and 1 as by Platt (1999), so that few outcomes, or none of a kind, make no certainty.
    Scores that say nothing, or the opposite, get the mean outcome.
    """
    inputs = [_log_odds(each) for each in scores]
    positive = sum(map(bool, outcomes))
    high, low = (positive + 1) / (positive + 2), 1 / (len(outcomes) - positive + 2)
    targets = [high if outcome else low for outcome in outcomes]
    mean = sum(targets) / len(targets) if targets else 0.5
    flat = Platt(0.0, _log_odds(mean))
    if len(set(inputs)) < 2:
        return flat
    fitted = _newton(inputs, targets, flat)
    return fitted if fitted.a > 0.0 else flat


def fit_isotonic(scores: Sequence[float], outcomes: Sequence[bool]) -> Isotonic:
    """The rising line that is nearest to the outcomes, by pooling what is out of order (PAV).

    Steps are of at least a fiftieth of the outcomes, since a shorter one at an end is all of a kind by chance. Each is
    a point at its mean score. Without outcomes: one half.
    """
    pairs = sorted(zip(scores, map(float, outcomes), strict=True))
    pools: list[_Pool] = []
    for group in _groups(pairs, math.ceil(_STEP * len(pairs))):
        pools.append(group)
        while len(pools) > 1 and pools[-2].mean >= pools[-1].mean:
            last = pools.pop()
            pools[-1] = pools[-1].with_(last)
    return Isotonic(tuple((pool.middle, pool.mean) for pool in pools) or ((0.5, 0.5),))


def choose_calibration(scores: Sequence[float], outcomes: Sequence[bool]) -> Calibration:
    """Whichever tells outcomes better that it has not seen; Platt's where they are few.

    By the mean log loss over five folds, dealt in turn.
    """
    positive = sum(map(bool, outcomes))
    if len(outcomes) < _ISOTONIC_OUTCOMES or min(positive, len(outcomes) - positive) < _ISOTONIC_RARER:
        return fit_platt(scores, outcomes)
    if _held_out_loss(fit_isotonic, scores, outcomes) < _held_out_loss(fit_platt, scores, outcomes):
        return fit_isotonic(scores, outcomes)
    return fit_platt(scores, outcomes)


def expected_calibration_error(probabilities: Sequence[float], outcomes: Sequence[bool], bins: int = 10) -> float:
    """How far mean probability and share of outcomes are apart, over bins of equal width, weighted by their size."""
    gaps = [0.0] * bins
    for probability, outcome in zip(probabilities, outcomes, strict=True):
        gaps[min(max(int(probability * bins), 0), bins - 1)] += probability - bool(outcome)
    return sum(map(abs, gaps)) / max(len(outcomes), 1)


def threshold_for_share(scores: Sequence[float], share: float) -> float:
    """The threshold that the wanted share of these scores reaches, or as nearly as their ties allow.

    Just above the highest where that is nearest to none; 0.5 without scores.
    """
    if not scores:
        return 0.5
    ordered = sorted(scores, reverse=True)
    best, best_miss = math.nextafter(ordered[0], math.inf), share
    for reached, score in enumerate(ordered, 1):
        is_last_of_ties = reached == len(ordered) or ordered[reached] != score
        miss = abs(reached / len(ordered) - share)
        if is_last_of_ties and miss < best_miss:
            best, best_miss = score, miss
    return best


class _Pool(Struct, frozen=True):
    """Neighbours. score, outcome: their sums."""

    score: float
    outcome: float
    number: int

    @property
    def middle(self) -> float:
        return self.score / self.number

    @property
    def mean(self) -> float:
        return self.outcome / self.number

    def with_(self, other: "_Pool") -> "_Pool":
        return _Pool(self.score + other.score, self.outcome + other.outcome, self.number + other.number)


def _groups(pairs: Sequence[tuple[float, float]], smallest: int) -> list[_Pool]:
    """Neighbours, together where their scores are equal and until they are enough."""
    groups: list[_Pool] = []
    last_score = math.nan
    for score, outcome in pairs:
        one = _Pool(score, outcome, 1)
        if groups and (groups[-1].number < smallest or score == last_score):
            groups[-1] = groups[-1].with_(one)
        else:
            groups.append(one)
        last_score = score
    if len(groups) > 1 and groups[-1].number < smallest:
        last = groups.pop()
        groups[-1] = groups[-1].with_(last)
    return groups


def _newton(inputs: Sequence[float], targets: Sequence[float], start: Platt) -> Platt:
    """Steps are halved until they gain something, since a full one may overshoot."""
    line, loss = start, _log_loss(start, inputs, targets)
    for _ in range(_NEWTON_STEPS):
        step_a, step_b = _newton_step(line, inputs, targets)
        size = 1.0
        while size > 1e-10:
            next_line = Platt(line.a + size * step_a, line.b + size * step_b)
            next_loss = _log_loss(next_line, inputs, targets)
            if next_loss < loss - 1e-12:
                break
            size /= 2
        else:
            return line
        line, loss = next_line, next_loss
    return line


def _newton_step(line: Platt, inputs: Sequence[float], targets: Sequence[float]) -> tuple[float, float]:
    # Twelve digits below what counts: keeps the division finite where one outcome tells all.
    aa = bb = 1e-12
    ab = gradient_a = gradient_b = 0.0
    for x, target in zip(inputs, targets, strict=True):
        p = _logistic(line.a * x + line.b)
        weight = p * (1.0 - p)
        aa, ab, bb = aa + weight * x * x, ab + weight * x, bb + weight
        gradient_a += (target - p) * x
        gradient_b += target - p
    determinant = aa * bb - ab * ab
    return (bb * gradient_a - ab * gradient_b) / determinant, (aa * gradient_b - ab * gradient_a) / determinant


def _log_loss(line: Platt, inputs: Sequence[float], targets: Sequence[float]) -> float:
    total = 0.0
    for x, target in zip(inputs, targets, strict=True):
        z = line.a * x + line.b
        total += max(z, 0.0) - z * target + math.log1p(math.exp(-abs(z)))
    return total


def _held_out_loss(
    fit: Callable[[Sequence[float], Sequence[bool]], Calibration], scores: Sequence[float], outcomes: Sequence[bool]
) -> float:
    loss = 0.0
    for fold in range(_FOLDS):
        kept = [index for index in range(len(scores)) if index % _FOLDS != fold]
        calibration = fit([scores[index] for index in kept], [outcomes[index] for index in kept])
        for score, outcome in zip(scores[fold::_FOLDS], outcomes[fold::_FOLDS], strict=True):
            probability = calibration(score)
            loss -= math.log(probability if outcome else 1.0 - probability)
    return loss / max(len(scores), 1)


def _log_odds(probability: float) -> float:
    inside = min(max(probability, _SCORE_MARGIN), 1.0 - _SCORE_MARGIN)
    return math.log(inside / (1.0 - inside))


def _logistic(z: float) -> float:
    return 1.0 / (1.0 + math.exp(-z)) if z >= 0.0 else math.exp(z) / (1.0 + math.exp(z))


def _within(probability: float) -> float:
    return min(max(probability, _MARGIN), 1.0 - _MARGIN)
