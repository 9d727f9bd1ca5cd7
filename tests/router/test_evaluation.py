import math
import random
from collections.abc import Callable, Sequence

import pytest

from arriero.router.evaluation import evaluate, held_out_calibration_error, held_out_scores, quality_at

# Twelve prompts, with ties; another program of the same definitions says what they come to.
SCORES = [0.2, 0.7, 0.7, 0.2, 0.2, 0.7, 0.4, 0.9, 0.7, 0.1, 0.7, 0.1]
LOCAL = [0.0, 1.0, 0.5, 0.0, 0.0, 0.5, 1.0, 0.5, 0.5, 1.0, 0.0, 0.5]
REMOTE = [1.0, 1.0, 1.0, 0.5, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.5]
GAINS = [remote - local for local, remote in zip(LOCAL, REMOTE, strict=True)]
EXPECTED = {
    "apgr": 0.5654761904761904,
    "cpt20": 13.888888888888868,
    "cpt50": 43.05555555555554,
    "cpt80": 71.66666666666667,
    "auc": 0.7222222222222222,
}


@pytest.mark.parametrize("name", EXPECTED)
def test_the_measures_are_the_defined_ones(name: str) -> None:
    assert getattr(evaluate(SCORES, GAINS, resamples=0).measures, name) == pytest.approx(EXPECTED[name])


@pytest.mark.parametrize(("share", "quality"), [(0.1, 0.505), (0.2, 0.535), (0.3, 0.565), (0.5, 0.625)])
def test_the_quality_at_a_share_is_the_defined_one(share: float, quality: float) -> None:
    assert quality_at(SCORES, LOCAL, REMOTE, share) == pytest.approx(quality)


def test_the_ends_of_the_curve_are_the_two_models() -> None:
    assert quality_at(SCORES, LOCAL, REMOTE, 0.0) == pytest.approx(sum(LOCAL) / 12)
    assert quality_at(SCORES, LOCAL, REMOTE, 1.0) == pytest.approx(sum(REMOTE) / 12)


def test_equal_scores_are_a_guess() -> None:
    found = evaluate([0.5] * 12, GAINS, resamples=0).measures

    assert (found.apgr, found.cpt50, found.auc) == pytest.approx((0.5, 50.0, 0.5))


def test_the_order_counts_and_not_the_size() -> None:
    assert evaluate([score**3 - 7 for score in SCORES], GAINS, 0).measures == evaluate(SCORES, GAINS, 0).measures


def test_the_intervals_hold_the_measures_and_narrow_with_more_prompts() -> None:
    few, many = evaluate(SCORES * 5, GAINS * 5), evaluate(SCORES * 50, GAINS * 50)

    for found in (few, many):
        assert found.low.apgr < found.measures.apgr < found.high.apgr
        assert found.low.auc < found.measures.auc < found.high.auc
    assert many.high.apgr - many.low.apgr < few.high.apgr - few.low.apgr
    assert evaluate(SCORES * 5, GAINS * 5) == few


def test_without_a_better_model_there_is_nothing_to_measure() -> None:
    found = evaluate(SCORES, [0.0] * 12)

    assert math.isnan(found.measures.apgr)
    assert math.isnan(found.measures.cpt50)
    assert math.isnan(found.measures.auc)
    assert evaluate([], []).count == 0


def test_held_out_prompts_are_never_among_those_learned_from() -> None:
    prompts = [f"prompt {number % 17}" for number in range(50)]
    learned: list[set[str]] = []

    def fit(known: list[str], gains: list[float]) -> Callable[[list[str]], Sequence[float]]:
        assert len(known) == len(gains)
        learned.append(set(known))

        def score(asked: list[str]) -> list[float]:
            assert not learned[-1] & set(asked)
            return [float(prompt.split()[1]) for prompt in asked]

        return score

    scores = held_out_scores(fit, prompts, [0.0] * 50)

    assert len(learned) == 5
    assert set(prompts) == set.union(*learned)
    assert all(0 < score <= 1 for score in scores)


def test_calibrations_are_measured_on_outcomes_that_they_have_not_seen() -> None:
    draw = random.Random(1)
    scores = [draw.random() for _ in range(600)]
    told = [draw.random() < 0.2 + 0.1 * score for score in scores]

    assert held_out_calibration_error(scores, told) < 0.06
