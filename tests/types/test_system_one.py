"""What probabilities come to."""

import math

import pytest

from arriero.types.system_one import confidence, normalized


def test_logarithms_become_probabilities_that_are_one_together() -> None:
    assert normalized([math.log(0.1), math.log(0.3)]) == pytest.approx((0.25, 0.75))


def test_what_is_never_said_has_the_probability_nothing() -> None:
    assert normalized([-1000.0, -math.inf, -1000.0]) == pytest.approx((0.5, 0.0, 0.5))


@pytest.mark.parametrize(
    ("probabilities", "expected"), [((1.0, 0.0), 1.0), ((0.25,) * 4, 0.0), ((0.0125, 0.9781, 0.0093), 0.8906)]
)
def test_confidence_is_how_far_from_even_they_are(probabilities: tuple[float, ...], expected: float) -> None:
    assert confidence(probabilities) == pytest.approx(expected, abs=1e-3)
