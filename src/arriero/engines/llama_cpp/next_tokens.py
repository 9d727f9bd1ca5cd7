"""How llama.cpp is asked how likely given tokens are to come next, and what it says. Pure.

It lists the likeliest tokens over the whole vocabulary, as many as one wants, and each costs time. So it is asked for a
few hundred, and where a wanted token is not among them, twice more, with one token to compute each time. First all
wanted ones and the likeliest of all are made equally likelier, so that no other can be chosen, which leaves them in
proportion to each other. Then the likeliest is asked for once more, and gives the scale: the first answer cannot, since
llama.cpp computes 64 tokens at once by another way than one (flash attention), and their logarithms differ by a tenth.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct, field

from arriero.engines.base import NextTokens
from arriero.errors import EngineFailed

# 1,000 take 4 ms more than 20 do, on two cores.
_LISTED = 256
# Others are less likely by e to the power of this, and single precision still tells those with it apart.
_BIAS = 50.0


class ListedToken(Struct):
    """One of the likeliest tokens: with a logarithm over the whole vocabulary, or what is left after sampling."""

    id: int
    logprob: float = -math.inf
    prob: float = 0.0


class _Position(Struct):
    top_logprobs: list[ListedToken] = field(default_factory=list)
    top_probs: list[ListedToken] = field(default_factory=list)


class _Timings(Struct):
    cache_n: int = 0


class Completion(Struct):
    """The answer to one request for a token."""

    completion_probabilities: list[_Position] = field(default_factory=list)
    tokens_evaluated: int = 0
    timings: _Timings = field(default_factory=_Timings)


def listing_body(prompt: str | Sequence[int | str], count: int) -> dict[str, Any]:
    """Asks for so many of the likeliest tokens."""
    return _body(prompt) | {"temperature": 0.0, "n_probs": count}


def most_listed(wanted: int) -> int:
    """How many of the likeliest tokens are asked for where so many are wanted."""
    return max(_LISTED, 2 * wanted)


def weighing_body(prompt: str | Sequence[int | str], tokens: Sequence[int]) -> dict[str, Any]:
    """Asks for the proportions of these tokens."""
    wanted = list(dict.fromkeys(tokens))
    return _body(prompt) | {
        "temperature": 1.0,
        "post_sampling_probs": True,
        "n_probs": len(wanted),
        "logit_bias": [[token, _BIAS] for token in wanted],
    }


def listed(answer: Completion) -> Mapping[int, float]:
    """The natural logarithms of the likeliest tokens, the likeliest first. Raises EngineFailed where there are none."""
    found = {each.id: each.logprob for each in _first(answer).top_logprobs}
    if not found:
        raise EngineFailed("llama.cpp tells no probabilities: this build is too old to decide with")
    return found


def weighed(answer: Completion, anchor: int, anchor_logprob: float, tokens: Sequence[int]) -> list[float]:
    """The natural logarithms of these tokens, by one of which that is known already. Raises EngineFailed."""
    found = {each.id: each.prob for each in _first(answer).top_probs}
    if not found.get(anchor, 0.0) > 0.0:
        raise EngineFailed("llama.cpp tells no proportions: this build is too old to decide with")
    return [anchor_logprob + _log(found.get(token, 0.0) / found[anchor]) for token in tokens]


def next_tokens(answer: Completion, logprobs: Sequence[float]) -> NextTokens:
    """What an answer took, with what was found out."""
    return NextTokens(logprobs, answer.tokens_evaluated, answer.timings.cache_n)


def _body(prompt: str | Sequence[int | str]) -> dict[str, Any]:
    # No sampler but this may look at the tokens: another could leave some out.
    return {"prompt": prompt, "n_predict": 1, "cache_prompt": True, "samplers": ["temperature"], "stream": False}


def _first(answer: Completion) -> _Position:
    return answer.completion_probabilities[0] if answer.completion_probabilities else _Position()


def _log(number: float) -> float:
    return math.log(number) if number > 0 else -math.inf
