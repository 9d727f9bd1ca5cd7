"""Makes readings of what an engine tells of tokens. Pure."""

import math
from collections.abc import Sequence

from arriero.errors import EngineFailed
from arriero.types.events import TopLogprob
from arriero.types.system_one import Reading, normalized

# White space, as text and as vocabularies write it.
_SPACE = " \t\r\n▁ĠĊ"


def exact_reading(logprobs: Sequence[float]) -> Reading:
    """Of the natural logarithms of all labels' probabilities. Raises EngineFailed where none is possible."""
    if not any(math.isfinite(each) for each in logprobs):
        raise EngineFailed("the model takes none of the answers for possible at all")
    # Engines add a vocabulary up in single precision: all of it may come to 1.0007.
    return Reading(normalized(logprobs), min(1.0, math.fsum(map(math.exp, logprobs))))


def bounded_reading(top: Sequence[TopLogprob], labels: Sequence[str]) -> Reading:
    """Of the likeliest tokens alone. A label that is not listed is taken to be as likely as the last that is.

    Raises EngineFailed where no label is listed.
    """
    found = [listed_logprob(top, label) for label in labels]
    listed = [each for each in found if each is not None]
    if not listed:
        raise EngineFailed(
            f"none of the {len(top)} likeliest tokens that the engine tells is an answer to the question: "
            "ask another model, or run this one on an engine that tells the probability of any token"
        )
    least = min(each.logprob for each in top)
    logprobs = [least if each is None else each for each in found]
    return Reading(normalized(logprobs), min(1.0, math.fsum(map(math.exp, listed))), is_bounded=None in found)


def listed_logprob(top: Sequence[TopLogprob], text: str, *, is_any_case: bool = False) -> float | None:
    """Of a label in all ways of writing it that are listed; None where there are none.

    With space before it or without, and in upper and lower case, where that makes no other label of it.
    """
    wanted = text.lower() if is_any_case else text
    written = ((each.token.strip(_SPACE), each.logprob) for each in top)
    listed = [logprob for token, logprob in written if (token.lower() if is_any_case else token) == wanted]
    if not listed:
        return None
    most = max(listed)
    return most + math.log(math.fsum(math.exp(each - most) for each in listed))
