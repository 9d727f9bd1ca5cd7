"""A ridge towards a prior, over several sources of outcomes. Deterministic.

Inside a source gains are centred by subject, and so learned is what makes a prompt hard among its like: that one
subject of one collection is harder than another does not hold elsewhere. Sources count by the root of their size, and
so do subjects.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.routing.sources import Floats, Source

# Labels by provenance are a weak source: they say where a prompt is from, and not who answers it well.
_LABELS_WEIGHT = 0.1
# A feature that hardly varies in what we have must not decide elsewhere, where it does.
_LEAST_DEVIATION = 0.1


@dataclass(frozen=True, slots=True)
class Choice:
    """How strongly weights are held to the prior, and how large that is."""

    hold: float
    size: float


@dataclass(frozen=True, slots=True)
class Scale:
    """The mean and deviation of every feature, over sources of equal weight. Knows of no outcome."""

    mean: Floats
    deviation: Floats


@dataclass(frozen=True, slots=True)
class Moments:
    """What a part of a source adds to the normal equations; count: its prompts."""

    product: Floats
    target: Floats
    count: int


def scale_of(features: Mapping[str, Floats]) -> Scale:
    """Return what the features are measured in."""
    mean = np.mean([found.mean(axis=0) for found in features.values()], axis=0)
    spread = np.mean([((found - mean) ** 2).mean(axis=0) for found in features.values()], axis=0)
    return Scale(mean, np.maximum(np.sqrt(spread), _LEAST_DEVIATION))


def moments_of(source: Source, features: Floats, scale: Scale, without: Sequence[str] = ()) -> Moments:
    """Return those of a source; without: subjects to be left out."""
    kept = ~np.isin(source.kinds, list(without))
    values = (features[kept] - scale.mean) / scale.deviation
    gains = source.gains[kept].copy()
    kinds, kind_of, counts = np.unique(source.kinds[kept], return_inverse=True, return_counts=True)
    for kind in range(len(kinds)):
        values[kind_of == kind] -= values[kind_of == kind].mean(axis=0)
        gains[kind_of == kind] -= gains[kind_of == kind].mean()
    weights = 1 / np.sqrt(counts[kind_of])
    weights /= weights.sum()
    gains /= np.sqrt(weights @ gains**2)
    weighted = values * weights[:, None]
    return Moments(weighted.T @ values, weighted.T @ gains, int(kept.sum()))


def fit(parts: Mapping[str, Moments], prior: Floats, choice: Choice) -> Floats:
    """Return the weight of each feature, in units of its deviation; parts: by the name of their source."""
    sizes = {name: np.sqrt(part.count) for name, part in parts.items() if name != "provenance_labels"}
    total = sum(sizes.values())
    product = choice.hold * np.eye(len(prior))
    target = choice.hold * choice.size * prior
    for name, part in parts.items():
        weight = sizes[name] / total if name in sizes else _LABELS_WEIGHT
        product += weight * part.product
        target += weight * part.target
    return np.asarray(np.linalg.solve(product, target), dtype=float)


def fit_logistic(scores: Floats, is_better: Floats, weights: Floats) -> tuple[float, float]:
    """Return slope and shift of Platt's curve, by Newton's method."""
    rows = np.stack([scores, np.ones(len(scores))], axis=1)
    curve = np.zeros(2)
    for _ in range(50):
        found = 1 / (1 + np.exp(-rows @ curve))
        bend = rows.T @ (rows * (weights * found * (1 - found))[:, None]) + 1e-9 * np.eye(2)
        curve += np.linalg.solve(bend, rows.T @ (weights * (is_better - found)))
    return float(curve[0]), float(curve[1])
