"""What a list of measured values says. Pure."""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

_RESAMPLES = 4000


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate and the bounds that hold it with 95 % confidence."""

    estimate: float
    low: float
    high: float


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the value below which ``percent`` of the values lie, interpolated between its two neighbours."""
    ordered = sorted(values)
    place = (len(ordered) - 1) * percent / 100
    below, above = ordered[math.floor(place)], ordered[math.ceil(place)]
    return below + (above - below) * (place % 1)


def median_ratio(pairs: Sequence[tuple[float, float]], seed: int = 1) -> Interval:
    """Return the median of first ÷ second over pairs measured side by side, with its bootstrap interval.

    Pairs are drawn again as pairs: what slows the machine down for a while slows both of them.
    """
    ratios = [first / second for first, second in pairs]
    draw = random.Random(seed)
    medians = [median(draw.choices(ratios, k=len(ratios))) for _ in range(_RESAMPLES)]
    return Interval(median(ratios), percentile(medians, 2.5), percentile(medians, 97.5))


def cost_per_chunk(short: float, long: float, extra_chunks: int) -> float:
    """Return what one chunk costs, from the cost of a short answer and of one with so many chunks more."""
    return (long - short) / extra_chunks
