import math

import pytest

from arriero.errors import InvalidRequest
from arriero.types.embeddings import unit_vector


def test_a_vector_gets_the_length_one() -> None:
    assert unit_vector([3.0, 4.0]) == [0.6, 0.8]


@pytest.mark.parametrize(("dimensions", "kept"), [(0, 4), (2, 2), (4, 4), (9, 4), (-1, 4)])
def test_a_cut_vector_has_the_length_one_again(dimensions: int, kept: int) -> None:
    cut = unit_vector([1.0, 2.0, 3.0, 4.0], dimensions)

    assert len(cut) == kept
    assert math.hypot(*cut) == pytest.approx(1.0)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_refused(number: float) -> None:
    # Ollama looks at all of them, also at those that would be cut off.
    with pytest.raises(InvalidRequest, match="embedding contains NaN or Inf values"):
        unit_vector([1.0, number], 1)


def test_zeros_stay() -> None:
    assert unit_vector([0.0, 0.0]) == [0.0, 0.0]
