"""Asks another scorer where the first one fails."""

from msgspec.structs import replace

from arriero.router.scoring import Scorer, ScorerFailed
from arriero.router.subject import Subject
from arriero.types.routing import Score


class FallbackScorer:
    """The first scorer, and where that has no score, the second, whose score says so (see ``Scorer``)."""

    def __init__(self, first: Scorer, second: Scorer) -> None:
        self.name = first.name
        self._first = first
        self._second = second

    async def score(self, subject: Subject) -> Score:
        """A score. Raises ScorerFailed where neither has one."""
        try:
            return await self._first.score(subject)
        except ScorerFailed as error:
            score = await self._second.score(subject)
            return replace(score, notes=(*score.notes, f"{self.name}_{error.kind}"))
