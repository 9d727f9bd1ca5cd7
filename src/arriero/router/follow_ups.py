"""Which turns of a conversation say too little to be looked at alone: "yes, do it", "and in Python?". Pure."""

from collections.abc import Callable

from arriero.router.subject import Subject

_SHORT_CHARS = 80
_SHORT_WORDS = 10
# A turn of so few words leans back whatever they are, unless they end the matter.
_FEW_WORDS = 3

_OPENERS = frozenset({"and", "but", "now", "also", "then", "so", "or", "yes", "ok", "okay", "sure", "please", "go"})
_POINTING = """it that this those these them they same above previous again instead one ones continue more shorter
longer better simpler faster answer code next try"""
_CLOSING = """hello hi hey thanks thank you so much very a lot bye goodbye cool great nice good perfect awesome lol wow
that that's was is it all got no never mind see later cheers ok okay right helpful i"""
_POINTERS = frozenset(_POINTING.split())
_CLOSINGS = frozenset(_CLOSING.split())
_AGREEMENTS = frozenset({"ok", "okay"})
# What is left of an earlier turn's probability, for each turn that it lies back.
_FADES = 0.9
_TURNS_BACK = 3


def probability_of(subject: Subject, probability: Callable[[str], float]) -> float:
    """Return the probability of the user's last turn, or of what it leans on where that is higher."""
    own = probability(subject.text)
    if not leans_back(subject.text):
        return own
    earlier = map(probability, subject.earlier[:_TURNS_BACK])
    return max([own, *(found * _FADES**back for back, found in enumerate(earlier, 1))])


def leans_back(text: str) -> bool:
    """Whether a turn is to be seen with what was asked before it. Thanks, greetings and full questions are not."""
    if len(text) > _SHORT_CHARS:
        return False
    words = "".join(char if char.isalpha() or char == "'" else " " for char in text.lower()).split()
    if not words or len(words) > _SHORT_WORDS:
        return False
    if not _AGREEMENTS.issuperset(words) and _CLOSINGS.issuperset(words):
        return False
    return len(words) <= _FEW_WORDS or words[0] in _OPENERS or not _POINTERS.isdisjoint(words)
