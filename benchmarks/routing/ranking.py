"""How well scores put one kind before another, and how far chance goes in that. Pure."""

import random
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence

_SAMPLES = 500


def area(scores: Sequence[float], outcomes: Sequence[bool]) -> float:
    """The area under the ROC curve: how often a positive has the higher score, ties by half. 0.5 without both kinds."""
    negative = sorted(score for score, outcome in zip(scores, outcomes, strict=True) if not outcome)
    positive = [score for score, outcome in zip(scores, outcomes, strict=True) if outcome]
    if not negative or not positive:
        return 0.5
    won = sum(bisect_left(negative, score) + bisect_right(negative, score) for score in positive)
    return won / (2 * len(negative) * len(positive))


def share_right(probabilities: Sequence[float], outcomes: Sequence[bool]) -> float:
    """How many outcomes lie on the side of one half on which their probability lies."""
    right = sum((probability >= 0.5) == outcome for probability, outcome in zip(probabilities, outcomes, strict=True))
    return right / max(len(outcomes), 1)


def bootstrap(
    measure: Callable[[Sequence[float], Sequence[bool]], float], scores: Sequence[float], outcomes: Sequence[bool]
) -> tuple[float, float]:
    """The interval that holds 95 % of what is measured on samples drawn with replacement."""
    drawn = random.Random(0)
    places = range(len(scores))
    measured = []
    for _ in range(_SAMPLES):
        sample = drawn.choices(places, k=len(scores))
        measured.append(measure([scores[place] for place in sample], [outcomes[place] for place in sample]))
    measured.sort()
    return measured[int(0.025 * _SAMPLES)], measured[int(0.975 * _SAMPLES) - 1]
