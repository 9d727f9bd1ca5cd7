"""The scorer that is always there: a weighted sum of what is counted in the request's text. Under a millisecond.

Its weights are shipped. Where they come from stands in ``weights/linear.json``.
"""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from math import exp
from time import perf_counter

import msgspec
from msgspec import Struct

from arriero.router.features import FEATURE_NAMES, features_of
from arriero.router.follow_ups import probability_of
from arriero.router.subject import Subject
from arriero.types.routing import Score

NAME = "linear"


class LinearWeights(Struct, frozen=True):
    """What is shipped: the logit is bias and the sum of weight times feature.

    about; made_by; sources; choices: where the numbers come from.
    """

    bias: float
    weights: Mapping[str, float]
    about: str = ""
    made_by: str = ""
    sources: tuple[Mapping[str, str | int], ...] = ()
    choices: Mapping[str, str | float] = {}


class LinearModel:
    """Gives a text its probability. Never raises, whatever the text is."""

    def __init__(self, weights: LinearWeights) -> None:
        self.weights = weights
        self._bias = weights.bias
        self._weights = tuple(weights.weights[name] for name in FEATURE_NAMES)

    def probability(self, text: str) -> float:
        """Return how likely it is that the remote model is worth it; 0.5 is where it is as likely as not."""
        logit = self._bias + sum(map(float.__mul__, self._weights, features_of(text)))
        return 1 / (1 + exp(-max(-30.0, min(30.0, logit))))

    def probability_of(self, subject: Subject) -> float:
        """Return that of the user's last turn, or of what it leans on; low where the user has said nothing."""
        return probability_of(subject, self.probability)


class LinearScorer:
    """Scores a request by the shipped weights, or by others that were made the same way."""

    def __init__(self, weights: LinearWeights | None = None) -> None:
        self._model = LinearModel(weights) if weights else shipped_model()

    @property
    def name(self) -> str:
        """What it goes by in decisions, logs and metrics."""
        return NAME

    async def score(self, subject: Subject) -> Score:
        """Return the probability. Never raises."""
        began = perf_counter()
        probability = self._model.probability_of(subject)
        return Score(probability, NAME, took_ms=(perf_counter() - began) * 1e3)

    def probability(self, text: str) -> float:
        """Return the probability for a text without a conversation around it."""
        return self._model.probability(text)


def score_prompt(prompt: str) -> float:
    """Return the probability that the shipped weights give a prompt."""
    return shipped_model().probability(prompt)


@cache
def shipped_model() -> LinearModel:
    """Return the model with the weights of this package."""
    content = files("arriero.router").joinpath("weights", "linear.json").read_bytes()
    return LinearModel(msgspec.json.decode(content, type=LinearWeights))
