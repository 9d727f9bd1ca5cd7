"""System One as another server speaks it: what it is asked, and what it says. Pure but for ``ask_server``."""

import math
from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct, field

from arriero.engines.openai.wire import OpenAIWire
from arriero.errors import EngineFailed
from arriero.types.system_one import Decided, DecisionRequest, Question, Reading

PATH = "/v1/systemone"
_TIMEOUT_S = 3600.0
# What adding up in floating point may make of 0 or 1.
_ROUNDING = 1e-6


class _Answer(Struct):
    """An answer of any kind. x_label_mass: SGLang's and ours; x_bounded: ours."""

    noul: float | None = None
    probabilities: dict[str, float] = field(default_factory=dict)
    x_label_mass: float | None = None
    x_bounded: bool = False


class _Diagnostics(Struct):
    """Where vLLM tells the mass."""

    label_mass: float | None = None


class _Usage(Struct):
    input_tokens: int = 0


class ServerAnswer(Struct):
    """All answers, by the ids of their questions."""

    answers: dict[str, _Answer]
    diagnostics: dict[str, _Diagnostics] = field(default_factory=dict)
    usage: _Usage = field(default_factory=_Usage)


async def ask_server(
    wire: OpenAIWire, model: str, request: DecisionRequest, image: Callable[[str], str] = str
) -> Decided:
    """Have a server answer. image: makes of standard base64 what it takes for an image. Raises EngineFailed."""
    answer = await wire.call(PATH, request_body(model, request, image), ServerAnswer, timeout_s=_TIMEOUT_S)
    return read_answer(request, answer)


def request_body(model: str, request: DecisionRequest, image: Callable[[str], str] = str) -> dict[str, Any]:
    """What a server is asked. model: "" for one that has only one."""
    return {
        **({"model": model} if model else {}),
        "state": request.state,
        "questions": {question.id: _question(question) for question in request.questions},
        **({"images": [image(each) for each in request.images]} if request.images else {}),
    }


def read_answer(request: DecisionRequest, answer: ServerAnswer) -> Decided:
    """Readings of what a server has said. Raises EngineFailed where it has not answered what was asked."""
    readings = [_reading(question, answer) for question in request.questions]
    return Decided(tuple(readings), max(0, answer.usage.input_tokens))


def _question(question: Question) -> Mapping[str, Any]:
    texts = {option.name: option.text for option in question.options}
    criteria: Any
    match question.kind:
        case "score":
            criteria = list(texts.values())
        case "choice":
            criteria = {name: None if text == name else text for name, text in texts.items()}
        case "noul":
            criteria = texts
    return {"type": question.kind, "instructions": question.instructions, "criteria": criteria}


def _reading(question: Question, answer: ServerAnswer) -> Reading:
    found = answer.answers.get(question.id) or _Answer()
    if question.kind == "noul" and found.noul is not None:
        likely = {"true": found.noul, "false": 1.0 - found.noul}
    else:
        likely = found.probabilities
    chances = [_chance(likely.get(option.name, math.nan)) for option in question.options]
    total = math.fsum(chances)
    if not total > 0:
        raise EngineFailed(f"the engine's answer to questions.{question.id} has not the probabilities of its options")
    diagnostics = answer.diagnostics.get(question.id, _Diagnostics())
    mass = diagnostics.label_mass if found.x_label_mass is None else found.x_label_mass
    told = None if mass is None or mass < 0 else min(1.0, mass)
    return Reading(tuple(each / total for each in chances), told, found.x_bounded)


def _chance(told: float) -> float:
    """A probability without what rounding has added to it; NaN for what is none."""
    return min(1.0, max(0.0, told)) if -_ROUNDING < told < 1 + _ROUNDING else math.nan
