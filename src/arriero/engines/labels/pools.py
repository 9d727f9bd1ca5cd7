"""What options are called in a prompt: labels that are single tokens in most vocabularies, the best first. Pure."""

from collections.abc import Iterator, Sequence
from itertools import chain, product
from string import ascii_lowercase, ascii_uppercase, digits

from arriero.types.system_one import QuestionKind

# Two texts that mean true and false. All of a set are one token each, or the next set is taken.
_TRUTHS = (("Yes", "No"), ("yes", "no"), ("true", "false"))


def label_sets(kind: QuestionKind, count: int) -> Sequence[Sequence[str]]:
    """Sets of labels for a question with so many options, of which the first that can be had whole is the best."""
    match kind:
        case "noul":
            return _TRUTHS
        case "score" if count <= len(digits):
            return (tuple(digits[:count]),)
        case _:
            return ()


def pool() -> Iterator[str]:
    """Labels of any kind, to take those of that can be had: more than 255, since no vocabulary has them all."""
    return chain(ascii_uppercase, ascii_lowercase, _pairs(ascii_uppercase), _pairs(ascii_lowercase), digits, _numbers())


def _pairs(letters: str) -> Iterator[str]:
    return (first + second for first, second in product(letters, letters))


def _numbers() -> Iterator[str]:
    return map(str, range(10, 1000))
