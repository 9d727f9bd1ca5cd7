"""A scorer fitted to labels of the user's own: plain weights, and pure Python to score with."""

import time
from math import exp
from operator import mul
from pathlib import Path

from msgspec import DecodeError, Struct, json

from arriero.errors import ConfigError
from arriero.router.follow_ups import probability_of
from arriero.router.scoring import ScorerFailed
from arriero.router.subject import Subject
from arriero.router.term_space import Seen, Viewer, shipped
from arriero.types.routing import Score

FORMAT = 1


class FittedModel(Struct, frozen=True):
    """Weights for what is seen of a text, and how a gain is told as a probability.

    space: the name of the term space that the weights are for. terms: by word. cues, nearness: in the space's
    order. lean: for what is thought of a text without labels. gain: of all labels, on average. slope, offset: the
    probability that the remote model is better is sigmoid(slope * gain + offset). labels: how many it was fitted to.
    """

    format: int
    space: str
    terms: dict[str, float]
    cues: list[float]
    nearness: list[list[float]]
    lean: float
    gain: float
    slope: float
    offset: float
    labels: int

    def gain_of(self, seen: Seen) -> float:
        """Return how much better the remote model's answer is thought to be, as the labels measure it."""
        terms = self.terms
        gain: float = self.gain + self.lean * seen.lean + sum(map(mul, self.cues, seen.cues))
        gain += sum(terms.get(term, 0.0) * much for term, much in seen.terms.items())
        for weights, near in zip(self.nearness, seen.nearness, strict=True):
            gain += sum(map(mul, weights, near))
        return gain

    def save(self, path: Path) -> None:
        """Write the model as JSON. Raises ConfigError where that cannot be."""
        try:
            path.write_bytes(json.format(json.encode(self), indent=1))
        except OSError as error:
            raise ConfigError(f"{path} cannot be written: {error.strerror}. Name another file.") from None


def load(path: Path) -> FittedModel:
    """Read a model. Raises ConfigError for what is not there, is none, or is of another version."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}. Make it with: arriero route fit") from None
    try:
        version = json.decode(data, type=_Version).format
        if version == FORMAT:
            return json.decode(data, type=FittedModel)
    except DecodeError as error:
        raise ConfigError(f"{path} is no fitted model: {error}. Make it anew with: arriero route fit") from None
    raise ConfigError(f"{path} has format {version}, not {FORMAT}: make it anew with: arriero route fit")


class _Version(Struct):
    format: int


class FittedScorer:
    """Scores by a fitted model. viewer: of the space that the model was fitted in; the shipped one unless told."""

    name = "fitted"

    def __init__(self, model: FittedModel, viewer: Viewer | None = None) -> None:
        self._model = model
        self._viewer = viewer or shipped()
        if self._viewer.space.name != model.space:
            raise ConfigError(
                f"the fitted model is for the term space {model.space!r}, and this arriero has "
                f"{self._viewer.space.name!r}. Make it anew with: arriero route fit"
            )

    def probability(self, text: str) -> float:
        """Return how likely it is that the remote model answers this better."""
        model = self._model
        logit = model.slope * model.gain_of(self._viewer.look(text)) + model.offset
        return 1 / (1 + exp(-max(-30.0, min(30.0, logit))))

    async def score(self, subject: Subject) -> Score:
        """Return that of the user's last turn, or of what it leans on. Raises ScorerFailed where nothing is asked."""
        started = time.perf_counter()
        if not subject.text.strip():
            raise ScorerFailed("there is no text to score")
        probability = probability_of(subject, self.probability)
        return Score(probability, self.name, took_ms=(time.perf_counter() - started) * 1e3)
