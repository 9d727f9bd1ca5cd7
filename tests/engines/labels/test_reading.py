"""Readings of what an engine tells."""

import math

import pytest

from arriero.engines.labels.reading import bounded_reading, exact_reading
from arriero.errors import EngineFailed
from arriero.types.events import TopLogprob


def top(**chances: float) -> list[TopLogprob]:
    return [TopLogprob(token.replace("_", " "), math.log(chance)) for token, chance in chances.items()]


def test_all_that_is_known_is_exact() -> None:
    reading = exact_reading([math.log(0.1), math.log(0.3), -math.inf])
    assert reading.probabilities == pytest.approx((0.25, 0.75, 0))
    assert reading.label_mass == pytest.approx(0.4)
    assert not reading.is_bounded


def test_a_mass_of_more_than_all_is_all() -> None:
    assert exact_reading([math.log(0.9), math.log(0.1007)]).label_mass == 1


def test_what_is_never_said_is_an_error() -> None:
    with pytest.raises(EngineFailed, match="none of the answers"):
        exact_reading([-math.inf, -math.inf])


def test_ways_of_writing_a_label_count_together_but_for_its_case() -> None:
    reading = bounded_reading(top(A=0.2, _A=0.2, a=0.3, B=0.1, x=0.01), ["A", "B"])
    assert reading.probabilities == pytest.approx((0.8, 0.2))
    assert reading.label_mass == pytest.approx(0.5)
    assert not reading.is_bounded


def test_a_label_that_is_not_listed_is_as_likely_as_the_last_that_is() -> None:
    reading = bounded_reading(top(A=0.6, x=0.2), ["A", "B"])
    assert reading.probabilities == pytest.approx((0.75, 0.25))
    assert reading.label_mass == pytest.approx(0.6)
    assert reading.is_bounded


def test_a_list_without_any_label_is_no_reading() -> None:
    with pytest.raises(EngineFailed, match="none of the 1 likeliest tokens"):
        bounded_reading(top(x=0.6), ["A", "B"])
