"""What gives a request its score."""

from typing import Protocol

from arriero.errors import ArrieroError
from arriero.router.subject import Subject
from arriero.types.routing import Score


class ScorerFailed(ArrieroError):
    """A scorer has no score: another one is asked, and the decision says so. Never told to a client.

    kind: what has gone wrong, in a word for notes and metrics: ``timeout``, ``down``, ``unclear`` or ``failed``.
    """

    def __init__(self, message: str, kind: str = "failed") -> None:
        super().__init__(message)
        self.kind = kind


class Scorer(Protocol):
    """Tells how likely it is that the remote model is worth it."""

    @property
    def name(self) -> str:
        """What it goes by in decisions, logs and metrics."""

    async def score(self, subject: Subject) -> Score:
        """The probability, and what it cost. Raises ScorerFailed."""
