"""What a judge says in words, and what judges have said before."""

import hashlib
import re
from collections import OrderedDict
from typing import Literal

from arriero.router.label_tokens import Labels
from arriero.types.routing import Score

Verdict = Literal["SIMPLE", "COMPLEX"]
_THOUGHT = re.compile(r"<think>.*?</think>", re.DOTALL | re.IGNORECASE)
_WORD = re.compile(r"[^\W_]+")


def parse_verdict(text: str, labels: Labels) -> Verdict | None:
    """The verdict that an answer gives; None for one that names both sides, or neither, or is still thinking."""
    spoken = _THOUGHT.sub(" ", text).lower()
    if "<think" in spoken or "</think" in spoken:
        return None
    words = set(_WORD.findall(spoken))
    is_simple = bool(words & {"simple", labels.simple.lower()})
    is_complex = bool(words & {"complex", labels.complex.lower()})
    if is_simple == is_complex or words & {"not", "no", "neither", "never", "isn", "t"}:
        return None
    return "COMPLEX" if is_complex else "SIMPLE"


class VerdictCache:
    """The last scores of one judge, found by what it was shown. Keeps hashes, no texts. most: scores that are kept."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._scores: OrderedDict[bytes, Score] = OrderedDict()

    def __len__(self) -> int:
        return len(self._scores)

    def get(self, digested: str) -> Score | None:
        """What was said of it; None where that is forgotten."""
        key = _key(digested)
        if key not in self._scores:
            return None
        self._scores.move_to_end(key)
        return self._scores[key]

    def put(self, digested: str, score: Score) -> None:
        """Remember a score, and forget the one that was not asked for the longest time."""
        key = _key(digested)
        self._scores[key] = score
        self._scores.move_to_end(key)
        if len(self._scores) > self._most:
            self._scores.popitem(last=False)


def _key(digested: str) -> bytes:
    return hashlib.blake2b(digested.encode("utf-8", "surrogatepass"), digest_size=16).digest()
