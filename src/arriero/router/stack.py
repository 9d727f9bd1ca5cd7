"""Several scorers as one: the weighted mean of what they say, as log odds."""

import time
from collections.abc import Sequence
from math import exp, log

from arriero.errors import ConfigError
from arriero.router.scoring import Scorer, ScorerFailed
from arriero.router.subject import Subject
from arriero.types.routing import Score

# No scorer is surer than this, so that one that says 0 or 1 does not silence the others.
_MARGIN = 1e-4


class StackScorer:
    """Asks one scorer after another. Those that fail are left out; it fails where all do."""

    name = "stack"

    def __init__(self, scorers: Sequence[tuple[Scorer, float]]) -> None:
        if not scorers or any(weight <= 0 for _, weight in scorers):
            raise ConfigError("a stack needs one scorer or more, each with a weight above 0.")
        self._scorers = tuple(scorers)

    async def score(self, subject: Subject) -> Score:
        """Return the mean of those that answer; notes tell who has failed. Raises ScorerFailed where all do."""
        scores: list[tuple[Score, float]] = []
        failed: list[str] = []
        lost_ms = 0.0
        for scorer, weight in self._scorers:
            began = time.perf_counter()
            try:
                scores.append((await scorer.score(subject), weight))
            except ScorerFailed as error:
                lost_ms += (time.perf_counter() - began) * 1e3
                failed.append(f"{scorer.name}: {error}")
        if not scores:
            raise ScorerFailed("; ".join(failed))
        total = sum(weight for _, weight in scores)
        logit = sum(weight * _log_odds(score.probability) for score, weight in scores) / total
        return Score(
            1 / (1 + exp(-logit)),
            self.name,
            took_ms=lost_ms + sum(score.took_ms for score, _ in scores),
            verdict=next((score.verdict for score, _ in scores if score.verdict), ""),
            notes=tuple(_notes([score for score, _ in scores], [note.split(":")[0] for note in failed])),
        )


def _notes(scores: Sequence[Score], failed: Sequence[str]) -> list[str]:
    """Return what each has noted, under its name, and who has failed."""
    notes = [f"{score.scorer}_{note}" for score in scores for note in score.notes]
    return notes + [f"{name}_failed" for name in failed]


def _log_odds(probability: float) -> float:
    inside = min(1 - _MARGIN, max(_MARGIN, probability))
    return log(inside / (1 - inside))
