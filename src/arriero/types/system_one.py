"""Questions that are answered by probabilities alone (System One), in no dialect."""

import math
from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

QuestionKind = Literal["choice", "noul", "score"]


class Option(Struct, frozen=True):
    """One of the answers that a question allows.

    name: what the caller calls it: a choice's key, ``true`` or ``false``, a level's number from 0. text: what it means,
    as the model is told.
    """

    name: str
    text: str


class Question(Struct, frozen=True):
    """One question over a state. The options are in the caller's order; of noul, true comes first."""

    id: str
    kind: QuestionKind
    instructions: str
    options: tuple[Option, ...]


class DecisionRequest(Struct, frozen=True):
    """Some questions over one state. images: standard base64, for models that see."""

    state: str
    questions: tuple[Question, ...]
    images: tuple[str, ...] = ()


class Reading(Struct, frozen=True):
    """How likely each of a question's options is, in their order; together they are 1.

    label_mass: how likely any of them was among all that the model might have said; None where its engine only weighs
    the options against each other. is_bounded: some option was not among the likeliest tokens that the engine tells,
    and is taken to be as likely as the last of them: ``label_mass`` is that of the others, and so the least.
    """

    probabilities: tuple[float, ...]
    label_mass: float | None = None
    is_bounded: bool = False


class Decided(Struct, frozen=True):
    """The answers to a ``DecisionRequest``, in the order of its questions.

    input_tokens: of all prompts; cached_tokens: of which so many came out of a cache, where the engine tells.
    """

    readings: tuple[Reading, ...]
    input_tokens: int = 0
    cached_tokens: int = 0


def normalized(logprobs: Sequence[float]) -> tuple[float, ...]:
    """Probabilities that are 1 together, in the proportions that these natural logarithms have. One must be finite."""
    most = max(logprobs)
    weights = [math.exp(each - most) for each in logprobs]
    total = math.fsum(weights)
    return tuple(weight / total for weight in weights)


def confidence(probabilities: Sequence[float]) -> float:
    """How far from even they are: 1 for certainty, 0 where all are alike. It is one less the normalised entropy."""
    entropy = -math.fsum(each * math.log(each) for each in probabilities if each > 0)
    return min(1.0, max(0.0, 1.0 - entropy / math.log(len(probabilities))))
