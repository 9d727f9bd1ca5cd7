"""The two words that a judge chooses between, and how likely it takes each to be. Pure but for the tokenizer."""

import math
from collections.abc import Awaitable, Callable, Iterable, Sequence

from msgspec import Struct

from arriero.types.events import TopLogprob

# The tokens of a text, without those that a model wants before a prompt. Raises ArrieroError.
Tokenize = Callable[[str], Awaitable[Sequence[int]]]
# White space, as text and as vocabularies write it.
_SPACE = " \t\r\n▁ĠĊ"
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
    before = list(await tokenize(cue))
    for labels in CANDIDATES:
        behind = [list(await tokenize(f"{cue} {word}")) for word in (labels.simple, labels.complex)]
        if behind[0] != behind[1] and all(tokens[:-1] == before for tokens in behind):
            return labels
    return CANDIDATES[0]


def label_odds(top: Sequence[TopLogprob], labels: Labels) -> Odds | None:
    """What the likeliest first tokens of an answer say; None where they hardly speak of the labels."""
    found = [_logprob(top, word) for word in (labels.simple, labels.complex)]
    if sum(math.exp(each) for each in found if each is not None) < _LEAST_MASS:
        return None
    least = min(each.logprob for each in top)
    simple, hard = (least if each is None else each for each in found)
    return Odds(hard - simple, is_bounded=None in found)


def _logprob(top: Iterable[TopLogprob], word: str) -> float | None:
    """Of a word in all ways of writing it that are listed; None where there are none."""
    listed = [each.logprob for each in top if each.token.strip(_SPACE).lower() == word.lower()]
    if not listed:
        return None
    most = max(listed)
    return most + math.log(sum(math.exp(each - most) for each in listed))
