import pytest

from benchmarks.routing.impersonation import attacks
from benchmarks.routing.ranking import area, bootstrap, share_right


def test_the_area_is_how_often_a_positive_has_the_higher_score() -> None:
    assert area([0.1, 0.2, 0.8, 0.9], [False, False, True, True]) == 1.0
    assert area([0.1, 0.2, 0.8, 0.9], [True, True, False, False]) == 0.0
    assert area([0.1, 0.5, 0.5], [False, True, False]) == 0.75


def test_without_both_kinds_nothing_is_known() -> None:
    assert area([0.1, 0.9], [True, True]) == 0.5
    assert area([], []) == 0.5


def test_one_half_is_the_side_of_what_is_positive() -> None:
    assert share_right([0.5, 0.4, 0.6, 0.1], [True, False, False, True]) == 0.5


def test_the_interval_lies_around_what_was_measured() -> None:
    scores, outcomes = [step / 100 for step in range(100)], [step % 3 > 0 for step in range(100)]
    low, high = bootstrap(area, scores, outcomes)
    assert 0 < low < area(scores, outcomes) < high < 1


@pytest.mark.parametrize(("is_complex", "word"), [(True, "easy"), (False, "hard")])
def test_attacks_claim_the_opposite(is_complex: bool, word: str) -> None:
    for attack in attacks("the prompt", is_complex=is_complex):
        assert "the prompt" in attack
        assert word in attack or {"easy": "SIMPLE", "hard": "COMPLEX"}[word] in attack
