"""Finds a threshold and calibrations in what a router has written down, and in labels. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from arriero.router.calibration import (
    Calibration,
    choose_calibration,
    expected_calibration_error,
    threshold_for_share,
)
from arriero.router.decision_rows import DecisionRow
from arriero.router.evaluation import held_out_calibration_error
from arriero.router.label_file import Label
from arriero.router.settings import RouterSettings
from arriero.router.tuning import raw_probability
from arriero.types.routing import Reason, Score

WINDOW = 200
_MOST_WINDOWS = 10
FEWEST_LABELS = 20


@dataclass(frozen=True, slots=True)
class ThresholdFound:
    """A threshold, from so many scores. share: of them that reaches it; windows: of the last 200s of them, in order."""

    threshold: float
    scores: int
    share: float
    windows: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class CalibrationFound:
    """What a scorer's numbers are worth, from so many labels.

    error_before, error: the expected calibration error of the scores as they are, and of calibrated ones on labels that
    the calibration had not seen.
    """

    scorer: str
    calibration: Calibration
    labels: int
    error_before: float
    error: float

    @property
    def is_flat(self) -> bool:
        """Whether the scores say nothing of these labels: calibrated, all of them would be the same."""
        return self.calibration(0.0) == self.calibration(1.0)


def scorers_of(settings: RouterSettings) -> tuple[str, ...]:
    """Whose names stand at a router's scores: the cascade's first scorer tells what it is sure of in its own."""
    kind = settings.scorer or ("cascade" if settings.judge is not None else "linear")
    return ("linear", "cascade") if kind == "cascade" else (kind,)


def deciding_scores(rows: Iterable[DecisionRow], scorers: Sequence[str]) -> list[Score]:
    """The scores of these scorers that a threshold was for: where a conversation stays where it is, none is."""
    return [
        row.decision.score
        for row in rows
        if row.decision.score and row.decision.score.scorer in scorers and row.decision.reason is not Reason.SESSION
    ]


def find_threshold(scores: Sequence[Score], calibrations: Mapping[str, Calibration], share: float) -> ThresholdFound:
    """The threshold that this share of the scores reaches once they are calibrated. scores: the oldest first."""
    values = [_calibrated(score, calibrations) for score in scores]
    threshold = threshold_for_share(values, share)
    is_high = [value >= threshold for value in values]
    whole = len(is_high) // WINDOW
    ends = [len(is_high) - WINDOW * back for back in range(min(whole, _MOST_WINDOWS))]
    windows = [sum(is_high[end - WINDOW : end]) / WINDOW for end in reversed(ends)]
    return ThresholdFound(threshold, len(values), sum(is_high) / max(len(values), 1), tuple(windows))


def find_calibrations(labels: Sequence[Label]) -> list[CalibrationFound]:
    """A calibration of each scorer that has enough labels with scores of its own."""
    found = []
    for scorer in sorted({label.scorer for label in labels if label.score is not None}):
        of_scorer = [label for label in labels if label.scorer == scorer and label.score is not None]
        scores = [label.score for label in of_scorer if label.score is not None]
        outcomes = [label.gain > 0 for label in of_scorer]
        if len(scores) >= FEWEST_LABELS:
            error = held_out_calibration_error(scores, outcomes)
            before = expected_calibration_error(scores, outcomes)
            found.append(CalibrationFound(scorer, choose_calibration(scores, outcomes), len(scores), before, error))
    return found


def _calibrated(score: Score, calibrations: Mapping[str, Calibration]) -> float:
    raw = raw_probability(score)
    calibration = calibrations.get(score.scorer)
    return raw if calibration is None else calibration(raw)
