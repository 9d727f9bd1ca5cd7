"""The two words that a judge chooses between, and how likely it takes each to be. Pure but for the tokenizer."""

import math
from collections.abc import Sequence

from msgspec import Struct

from arriero.engines.labels.choosing import Checked, Place, Tokenize, whole_set
from arriero.engines.labels.reading import listed_logprob
from arriero.types.events import TopLogprob

# Judges that put less than this on both labels together do not do what they were asked.
_LEAST_MASS = 0.01


class Labels(Struct, frozen=True):
    """The words for what a small model can do, and for what it cannot. Both are lower case."""

    simple: str
    complex: str


# Words that are single tokens, behind a space, in the vocabularies of most models; the best judges of themselves first.
CANDIDATES = (Labels("easy", "hard"), Labels("low", "high"), Labels("simple", "complex"), Labels("A", "B"))


class Odds(Struct, frozen=True):
    """What a judge takes for likelier. log_odds: of complex against simple (natural logarithm).

    is_bounded: one label was not listed, and taken to be as likely as the last that was.
    """

    log_odds: float
    is_bounded: bool


async def choose_labels(tokenize: Tokenize, cue: str) -> Labels:
    """The first candidates that are one token each behind the cue, and not the same; the first of all if none are.

    Raises ArrieroError where the tokenizer fails.
    """
    sets = [(labels.simple, labels.complex) for labels in CANDIDATES]
    found = await whole_set(Checked(Place(cue, " ")), tokenize, sets)
    return Labels(*(label.text for label in found)) if found else CANDIDATES[0]


def label_odds(top: Sequence[TopLogprob], labels: Labels) -> Odds | None:
    """What the likeliest first tokens of an answer say; None where they hardly speak of the labels."""
    found = [listed_logprob(top, word, is_any_case=True) for word in (labels.simple, labels.complex)]
    if sum(math.exp(each) for each in found if each is not None) < _LEAST_MASS:
        return None
    least = min(each.logprob for each in top)
    simple, hard = (least if each is None else each for each in found)
    return Odds(hard - simple, is_bounded=None in found)
