"""Scores become probabilities, and thresholds are found for shares."""

import itertools
import math
import random
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arriero.router.calibration import (
    Calibration,
    Isotonic,
    Platt,
    choose_calibration,
    expected_calibration_error,
    fit_isotonic,
    fit_platt,
    threshold_for_share,
)


def _labelled(probability: Callable[[float], float], number: int, seed: int = 0) -> tuple[list[float], list[bool]]:
    """Scores spread evenly, and outcomes that are as likely as told."""
    chance = random.Random(seed)
    scores = [chance.random() for _ in range(number)]
    return scores, [chance.random() < probability(score) for score in scores]


def _probabilities(calibration: Calibration, scores: list[float]) -> list[float]:
    return [calibration(score) for score in scores]


def test_platt_as_it_begins_changes_nothing() -> None:
    assert Platt()(0.3) == pytest.approx(0.3)


def test_platt_finds_the_line_that_has_made_the_outcomes() -> None:
    truth = Platt(0.5, -1.0)
    fitted = fit_platt(*_labelled(truth, 20_000))
    assert (fitted.a, fitted.b) == pytest.approx((0.5, -1.0), abs=0.06)


@pytest.mark.parametrize("fit", [fit_platt, fit_isotonic, choose_calibration])
def test_what_was_sure_of_itself_is_calibrated(fit: Callable[[list[float], list[bool]], Calibration]) -> None:
    scores, outcomes = _labelled(Platt(0.3, -0.5), 3000)
    others, their_outcomes = _labelled(Platt(0.3, -0.5), 3000, seed=1)
    assert expected_calibration_error(others, their_outcomes) > 0.1
    assert expected_calibration_error(_probabilities(fit(scores, outcomes), others), their_outcomes) < 0.04


def test_isotonic_is_chosen_where_no_line_fits_and_outcomes_are_many() -> None:
    def steps(score: float) -> float:
        return 0.1 if score < 0.3 else 0.5 if score < 0.9 else 0.95

    assert isinstance(choose_calibration(*_labelled(steps, 4000)), Isotonic)
    assert isinstance(choose_calibration(*_labelled(steps, 500)), Platt)
    assert isinstance(choose_calibration(*_labelled(Platt(0.7, 0.4), 4000)), Platt)


@pytest.mark.parametrize("fit", [fit_platt, fit_isotonic])
@given(
    pairs=st.lists(st.tuples(st.floats(0.0, 1.0), st.booleans()), max_size=60),
    asked=st.lists(st.floats(0.0, 1.0), min_size=2, max_size=20),
)
def test_the_order_is_kept_and_nothing_is_certain(
    fit: Callable[[list[float], list[bool]], Calibration], pairs: list[tuple[float, bool]], asked: list[float]
) -> None:
    calibration = fit([score for score, _ in pairs], [outcome for _, outcome in pairs])
    found = _probabilities(calibration, sorted(asked))
    assert all(0.0 < each < 1.0 for each in found)
    assert all(later >= earlier - 1e-12 for earlier, later in itertools.pairwise(found))


def test_scores_that_say_the_opposite_get_the_mean_outcome() -> None:
    scores, outcomes = _labelled(lambda score: 1.0 - score, 2000)
    mean = sum(outcomes) / len(outcomes)
    assert _probabilities(fit_platt(scores, outcomes), [0.1, 0.9]) == pytest.approx([mean, mean], abs=0.01)
    assert _probabilities(fit_isotonic(scores, outcomes), [0.1, 0.9]) == pytest.approx([mean, mean], abs=0.01)


def test_few_outcomes_of_one_kind_make_no_certainty() -> None:
    assert fit_platt([0.4, 0.5, 0.6], [True, True, True])(0.5) == pytest.approx(0.8)
    assert fit_platt([], [])(0.3) == pytest.approx(0.5)
    assert fit_isotonic([], [])(0.3) == pytest.approx(0.5)


def test_outcomes_that_are_told_apart_entirely_do_not_run_away() -> None:
    fitted = fit_platt([0.1, 0.2, 0.8, 0.9] * 10, [False, False, True, True] * 10)
    assert math.isfinite(fitted.a)
    assert fitted(0.1) < 0.1
    assert fitted(0.9) > 0.9


def test_isotonic_pools_what_is_out_of_order() -> None:
    fitted = fit_isotonic([0.1, 0.2, 0.3, 0.4], [False, True, False, True])
    assert fitted.points == ((0.1, 0.0), (0.25, 0.5), (0.4, 1.0))
    assert fitted(0.175) == pytest.approx(0.25)
    assert fitted(0.0) < 0.001
    assert fitted(1.0) > 0.999


def test_equal_scores_are_one_step() -> None:
    assert fit_isotonic([0.5] * 4, [False, True, False, False]).points == ((0.5, 0.25),)


def test_the_calibration_error_is_weighted_over_bins() -> None:
    # Two in the lowest bin, off by 0.05; two in the highest, off by 0.45.
    assert expected_calibration_error([0.05, 0.05, 0.9, 1.0], [False, False, True, False]) == pytest.approx(0.25)
    assert expected_calibration_error([], []) == 0.0


def test_calibrations_are_kept_as_json() -> None:
    for calibration in (Platt(0.7, -0.2), Isotonic(((0.1, 0.2), (0.4, 0.9)))):
        raw = msgspec.json.encode(calibration)
        assert msgspec.json.decode(raw, type=Platt | Isotonic) == calibration


@pytest.mark.parametrize("share", [0.0, 0.1, 0.3, 0.5, 1.0])
def test_a_threshold_is_reached_by_the_wanted_share(share: float) -> None:
    chance = random.Random(0)
    scores = [chance.random() for _ in range(1000)]
    threshold = threshold_for_share(scores, share)
    assert sum(score >= threshold for score in scores) == pytest.approx(1000 * share)


def test_ties_go_to_the_side_that_is_nearer() -> None:
    scores = [0.2] * 60 + [0.8] * 40
    assert threshold_for_share(scores, 0.3) == 0.8
    assert threshold_for_share(scores, 0.1) > 0.8
    assert threshold_for_share(scores, 0.8) == 0.2
    assert threshold_for_share([], 0.3) == 0.5
