"""What is known of words before any label is seen: which of them speak of the same subjects. Pure apart from reading.

Every word has a short vector, in two parts: one learned from which words occur together, one from which words tell the
subjects of exam questions apart. A text lies where its words lie; how near it is to each of the landmarks says what it
is about. It is shipped, and a fitted model is good only together with the space it was fitted in.
"""

import re
from array import array
from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files
from math import exp, log, sqrt
from operator import mul

from msgspec import DecodeError, Struct, json

from arriero.errors import ConfigError
from arriero.router.linear import shipped_model
from arriero.router.terms import CUE_NAMES, cues_of, terms_of

FORMAT = 1
# The nearness of two texts at an angle t is exp(-(2 - 2 cos t) / WIDTH).
WIDTH = 0.8
_SHIPPED = "term_space.json"
_WORDS = re.compile(r"\S+")


class TermSpace(Struct, frozen=True):
    """Words and where they lie.

    name: tells one space from another. words: space-separated. rarity: the inverse document frequency of each word in
    sixteenths; a word that is not listed is as rare as `unlisted`. vectors: signed bytes, a row a word, the parts one
    after another; steps: what one unit is worth, a number a column. widths: the columns of each part. landmarks: by
    part. cue_means, cue_scales: of each of the cues.
    """

    format: int
    name: str
    words: str
    rarity: bytes
    unlisted: float
    vectors: bytes
    steps: list[float]
    widths: list[int]
    landmarks: list[list[list[float]]]
    cue_means: list[float]
    cue_scales: list[float]


class Seen(Struct, frozen=True):
    """What a model looks at of a text.

    terms: of length 1 as a vector. cues: standardised. nearness: to each landmark, by part. lean: the log odds of the
    remote model's being worth it, as they are thought to be without labels.
    """

    terms: dict[str, float]
    cues: list[float]
    nearness: list[list[float]]
    lean: float


class Viewer:
    """Looks at texts in a space. leaning: what gives a text its probability without labels; none, and all are alike."""

    def __init__(self, space: TermSpace, leaning: Callable[[str], float] | None = None) -> None:
        self.space = space
        self._leaning = leaning
        words = _WORDS.findall(space.words)
        width = sum(space.widths)
        numbers = array("b", space.vectors)
        self._rarity = {word: tenth / 16 for word, tenth in zip(words, space.rarity, strict=True)}
        self._rows = {word: numbers[at * width : (at + 1) * width] for at, word in enumerate(words)}

    def look(self, text: str) -> Seen:
        """Return what there is to see; the same for the same text, whatever else is looked at."""
        space = self.space
        rarity = self._rarity
        weighed = {term: much * rarity.get(term, space.unlisted) for term, much in terms_of(text).items()}
        cues = [
            max(-3.0, min(3.0, (value - mean) / scale))
            for value, mean, scale in zip(cues_of(text), space.cue_means, space.cue_scales, strict=True)
        ]
        probability = self._leaning(text) if self._leaning else 0.5
        return Seen(_of_length_one(weighed), cues, self._nearness(weighed), _log_odds(probability))

    def _nearness(self, weighed: Mapping[str, float]) -> list[list[float]]:
        place = [0.0] * len(self.space.steps)
        for term, much in weighed.items():
            row = self._rows.get(term)
            if row is not None:
                place = [here + much * number for here, number in zip(place, row, strict=True)]
        place = list(map(mul, place, self.space.steps))
        found: list[list[float]] = []
        start = 0
        for width, landmarks in zip(self.space.widths, self.space.landmarks, strict=True):
            found.append(_near(place[start : start + width], landmarks))
            start += width
        return found


def _near(place: list[float], landmarks: list[list[float]]) -> list[float]:
    size = sqrt(sum(map(mul, place, place)))
    if size < 1e-9:
        return [exp(-2 / WIDTH)] * len(landmarks)
    return [exp((2 * sum(map(mul, place, landmark)) / size - 2) / WIDTH) for landmark in landmarks]


def _log_odds(probability: float) -> float:
    inside = max(1e-4, min(1 - 1e-4, probability))
    return log(inside / (1 - inside))


def _of_length_one(weighed: Mapping[str, float]) -> dict[str, float]:
    size = sqrt(sum(much * much for much in weighed.values())) or 1.0
    return {term: much / size for term, much in weighed.items()}


def space_from(data: bytes) -> TermSpace:
    """Read a space. Raises ConfigError for what is none, or one of another version of arriero."""
    try:
        space = json.decode(data, type=TermSpace)
    except DecodeError as error:
        raise ConfigError(f"this is no term space of arriero's: {error}. Install arriero again.") from None
    if space.format != FORMAT or len(space.cue_means) != len(CUE_NAMES):
        raise ConfigError(f"the term space {space.name!r} is of another version of arriero: install arriero again.")
    return space


@cache
def shipped() -> Viewer:
    """Return the viewer of the space that comes with arriero, leaning as `linear` does; read at the first call."""
    data = (files("arriero.router") / "weights" / _SHIPPED).read_bytes()
    return Viewer(space_from(data), shipped_model().probability)
