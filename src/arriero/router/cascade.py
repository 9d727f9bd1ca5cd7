"""Asks the judge only where a cheaper scorer is not sure."""

import math

from msgspec.structs import replace

from arriero.router.scoring import Scorer, ScorerFailed
from arriero.router.subject import Subject
from arriero.types.routing import Score

# Where the linear scorer's probability lies between these, it is often wrong. Chosen, with the weight, so that most
# requests are outside, and the order is as good as if the judge had always been asked (``benchmarks.routing.cascade``).
DEFAULT_BAND = (0.25, 0.5)
# The judge's log odds are several times as large as the first one's: with the same weight for both, what the judge has
# seen would stand before and behind all that it has not, and not among it.
_FIRST_WEIGHT = 0.75


class CascadeScorer:
    """Scores by a cheap scorer, and where that is not sure by it and a judge together (see ``Scorer``).

    band: the first one's probabilities between which the judge is asked, the ends with it.
    """

    name = "cascade"

    def __init__(self, first: Scorer, judge: Scorer, band: tuple[float, float] = DEFAULT_BAND) -> None:
        self._first = first
        self._judge = judge
        self._band = band

    async def score(self, subject: Subject) -> Score:
        """The first one's score outside the band, or where the judge fails; both together inside."""
        first = await self._first.score(subject)
        low, high = self._band
        if not low <= first.probability <= high:
            return first
        try:
            judged = await self._judge.score(subject)
        except ScorerFailed as error:
            return replace(first, notes=(*first.notes, f"judge_{error.kind}"))
        probability = _together(first.probability, judged.probability)
        took_ms = first.took_ms + judged.took_ms
        return Score(probability, self.name, took_ms, judged.verdict, judged.notes)


def _together(first: float, judged: float) -> float:
    mixed = _FIRST_WEIGHT * _log_odds(first) + (1 - _FIRST_WEIGHT) * _log_odds(judged)
    return 1 / (1 + math.exp(-mixed))


def _log_odds(probability: float) -> float:
    inside = min(max(probability, 0.001), 0.999)
    return math.log(inside / (1 - inside))
