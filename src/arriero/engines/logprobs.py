"""Log probabilities as engines write them. Pure."""

import math
from collections.abc import Sequence

from arriero.protocol.openai_engine import EngineLogprob
from arriero.types.events import TokenLogprob, TopLogprob

# llama.cpp writes null for minus infinity, which JSON has no number for.
_LEAST = -3.4028235e38


def read_logprobs(tokens: Sequence[EngineLogprob], most: int) -> tuple[TokenLogprob, ...]:
    """The tokens of a chunk, each with at most so many alternatives, the likeliest first."""
    return tuple(TokenLogprob(token.token, _finite(token.logprob), _read_top(token, most)) for token in tokens)


def _read_top(token: EngineLogprob, most: int) -> tuple[TopLogprob, ...]:
    others = (TopLogprob(other.token, _finite(other.logprob)) for other in token.top_logprobs)
    return tuple(sorted(others, key=lambda other: other.logprob, reverse=True)[:most])


def _finite(logprob: float | None) -> float:
    return min(0.0, logprob) if logprob is not None and math.isfinite(logprob) else _LEAST
