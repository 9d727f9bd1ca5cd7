"""What embeddings are, in no dialect, and what is computed of them."""

import math
from collections.abc import Sequence

import msgspec

from arriero.errors import InvalidRequest

# A single number of 32 bits has no more.
_DECIMALS = 9
_LEAST_LENGTH = 1e-12


class Embeddings(msgspec.Struct, frozen=True):
    """One vector for each input, in order, as the engine gives them. tokens: of all inputs together."""

    vectors: list[list[float]]
    tokens: int


def unit_vector(vector: Sequence[float], dimensions: int = 0) -> list[float]:
    """A vector's first ``dimensions``, all where that is 0 or more than there are, at the length 1.

    Raises InvalidRequest, in Ollama's words, where a number is none or infinite. One of zeros only stays as it is.
    """
    if not math.isfinite(math.hypot(*vector)):
        raise InvalidRequest("embedding contains NaN or Inf values")
    kept = vector[:dimensions] if dimensions > 0 else vector
    scale = 1.0 / max(math.hypot(*kept), _LEAST_LENGTH)
    return [round(number * scale, _DECIMALS) for number in kept]
