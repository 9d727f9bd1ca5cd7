"""What the linear scorer's opinion of a text is made of, for people. Pure."""

from arriero.router.features import FEATURE_NAMES, features_of
from arriero.router.linear import shipped_model

_MOST = 4
# A part of the logit that is smaller changes a probability by less than a hundredth.
_LEAST = 0.05


def strongest_parts(text: str) -> list[tuple[str, float]]:
    """The features that count most, and what each adds to the logit: above 0 for remote, below for local."""
    weights = shipped_model().weights.weights
    parts = [(name, weights[name] * value) for name, value in zip(FEATURE_NAMES, features_of(text), strict=True)]
    parts.sort(key=lambda part: -abs(part[1]))
    return [(name, part) for name, part in parts[:_MOST] if abs(part) >= _LEAST]
