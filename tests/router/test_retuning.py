import random
from dataclasses import replace

import pytest

from arriero.router.calibration import Platt
from arriero.router.label_file import Label
from arriero.router.retuning import deciding_scores, find_calibrations, find_threshold, scorers_of
from arriero.router.settings import RouterSettings
from arriero.types.routing import Reason, Score
from tests.router.factories_decisions import decision, row

SMART = RouterSettings("small", "big")


def scores(*values: float, scorer: str = "linear") -> list[Score]:
    return [Score(value, scorer) for value in values]


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        (SMART, ("linear",)),
        (replace(SMART, judge="j"), ("linear", "cascade")),
        (replace(SMART, judge="j", scorer="judge"), ("judge",)),
        (replace(SMART, scorer="mine"), ("mine",)),
    ],
)
def test_the_scorers_of_a_router_are_those_that_its_scores_name(
    settings: RouterSettings, names: tuple[str, ...]
) -> None:
    assert scorers_of(settings) == names


def test_only_scores_that_a_threshold_was_for_count() -> None:
    rows = [
        row(decision(score=Score(0.1, "linear"))),
        row(decision(score=Score(0.2, "judge"))),
        row(decision(score=Score(0.3, "linear"), reason=Reason.SESSION)),
        row(decision(score=None, reason=Reason.FORCED)),
        row(decision("remote", score=Score(0.9, "linear"), reason=Reason.SHARE)),
    ]

    assert [score.probability for score in deciding_scores(rows, ("linear",))] == [0.1, 0.9]


def test_the_share_of_scores_reaches_the_threshold() -> None:
    draw = random.Random(0)
    found = find_threshold(scores(*(draw.random() for _ in range(1050))), {}, 0.3)

    assert found.scores == 1050
    assert found.share == pytest.approx(0.3, abs=0.001)
    assert found.threshold == pytest.approx(0.7, abs=0.05)
    assert len(found.windows) == 5
    assert all(0.2 < share < 0.4 for share in found.windows)


def test_windows_are_told_in_order() -> None:
    found = find_threshold(scores(*[0.1] * 200, *[0.9] * 200), {}, 0.5)

    assert found.windows == (0.0, 1.0)


def test_the_threshold_is_for_calibrated_scores_whatever_they_were_when_they_were_written_down() -> None:
    calibrations = {"linear": Platt(1.0, -2.0)}
    raw = [place / 10 for place in range(1, 10)]
    written = [Score(0.999, "linear", notes=(f"raw={value:.6g}",)) for value in raw]

    assert find_threshold(written, calibrations, 0.3) == find_threshold(scores(*raw), calibrations, 0.3)
    assert find_threshold(written, {}, 0.3) == find_threshold(scores(*raw), {}, 0.3)


def test_each_scorer_is_calibrated_by_its_own_labels() -> None:
    draw = random.Random(2)
    labels = [
        Label("p", float(draw.random() < score**2), score=score, scorer=scorer)
        for scorer in ("judge", "linear")
        for score in (draw.random() for _ in range(400))
    ]

    found = find_calibrations(
        [*labels, *(Label("p", 1.0, score=0.1, scorer="rare") for _ in range(3)), Label("p", 1.0)]
    )

    assert [(each.scorer, each.labels) for each in found] == [("judge", 400), ("linear", 400)]
    assert all(each.error < each.error_before for each in found)
    assert all(each.calibration(0.5) == pytest.approx(0.25, abs=0.08) for each in found)
