"""Log probabilities as engines write them. Pure."""

import math
from collections.abc import Sequence

from arriero.protocol.openai_engine import EngineLogprob, Logprobs
from arriero.types.events import TokenLogprob, TopLogprob

# llama.cpp writes null for minus infinity, which JSON has no number for.
_LEAST = -3.4028235e38


def read_chunk_logprobs(logprobs: Logprobs, most: int) -> tuple[TokenLogprob, ...]:
    """The tokens of a chunk, of chat or of text, each with at most so many alternatives, the likeliest first."""
    return read_logprobs(logprobs.content or _rows(logprobs), most)


def read_logprobs(tokens: Sequence[EngineLogprob], most: int) -> tuple[TokenLogprob, ...]:
    """Tokens, each with at most so many alternatives, the likeliest first."""
    return tuple(TokenLogprob(token.token, _finite(token.logprob), _read_top(token, most)) for token in tokens)


def _rows(logprobs: Logprobs) -> list[EngineLogprob]:
    """The columns of a text completion as tokens; the alternatives may be missing."""
    tokens, chosen, tops = logprobs.tokens or (), logprobs.token_logprobs or (), logprobs.top_logprobs or ()
    rows = []
    for place, (token, logprob) in enumerate(zip(tokens, chosen, strict=False)):
        top = (tops[place] if place < len(tops) else None) or {}
        rows.append(EngineLogprob(token, logprob, [EngineLogprob(*other) for other in top.items()]))
    return rows


def _read_top(token: EngineLogprob, most: int) -> tuple[TopLogprob, ...]:
    if not most or not token.top_logprobs:
        return ()
    others = (TopLogprob(other.token, _finite(other.logprob)) for other in token.top_logprobs)
    return tuple(sorted(others, key=lambda other: other.logprob, reverse=True)[:most])


def _finite(logprob: float | None) -> float:
    return min(0.0, logprob) if logprob is not None and math.isfinite(logprob) else _LEAST
