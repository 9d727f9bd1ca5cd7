"""What a fetch tells while it runs."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one step is.

    status: the step, in words for the user. total, completed: bytes; total is None where nobody knows it. digest: of
    the blob that the step brings or takes, ``""`` where it is about none.
    """

    status: str
    total: int | None = None
    completed: int = 0
    digest: str = ""


ProgressCallback = Callable[[Progress], None]


def ignore_progress(_progress: Progress) -> None:
    """Take a progress report and do nothing with it."""
