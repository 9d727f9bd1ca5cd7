"""The wire types of ``POST /v1/systemone``, in the order of its published answers."""

from typing import Any

from msgspec import UNSET, Struct, UnsetType, field

from arriero.protocol.ollama import Loose


class SystemOneRequest(Struct):
    """``POST /v1/systemone``. What is in it is read by ``systemone_read``."""

    model: str = ""
    """The model that decides."""
    state: Loose | UnsetType = UNSET
    """What the questions are about: a text, or JSON, which is shown to the model in one line."""
    # A question is read by its type.
    questions: dict[str, Any] = field(default_factory=dict)
    """The questions by ids of the caller's, which are answered in this order."""
    keep_alive: Loose | UnsetType = UNSET
    """How long the model stays loaded, as in ``/api/chat``."""
    images: list[str] = field(default_factory=list)
    """Standard base64, for a model that sees."""
    videos: Loose | UnsetType = UNSET
    """Refused: no engine here looks at them."""
    stream: bool = False
    """Refused where it is true: an answer comes in one piece."""


class NoulAnswer(Struct):
    """How likely ``true`` is."""

    type: str
    noul: float
    x_label_mass: float | UnsetType = UNSET
    x_bounded: bool | UnsetType = UNSET


class ChoiceAnswer(Struct):
    """The likeliest choice, and how likely each is."""

    type: str
    choice: str
    probabilities: dict[str, float]
    confidence: float
    x_label_mass: float | UnsetType = UNSET
    x_bounded: bool | UnsetType = UNSET


class ScoreAnswer(Struct):
    """The level that is to be expected, counted from 0, and how likely each is."""

    type: str
    score: float
    legend: dict[str, str]
    probabilities: dict[str, float]
    confidence: float
    x_label_mass: float | UnsetType = UNSET
    x_bounded: bool | UnsetType = UNSET


class SystemOneUsage(Struct):
    """Tokens of all prompts; one token is read for each question."""

    input_tokens: int
    output_tokens: int


class SystemOneResponse(Struct):
    """The answers by the ids of their questions. model: as asked for."""

    model: str
    answers: dict[str, NoulAnswer | ChoiceAnswer | ScoreAnswer]
    usage: SystemOneUsage
