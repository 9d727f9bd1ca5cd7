"""Reads the body of ``/v1/systemone``: what is asked, or what is wrong with it. Pure."""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from arriero.errors import BodyTooLarge, InvalidRequest
from arriero.protocol.go_json import decode_body
from arriero.protocol.media import base64_fault
from arriero.protocol.ollama import Loose
from arriero.protocol.systemone import SystemOneRequest
from arriero.types.system_one import DecisionRequest, Option, Question

MOST_QUESTIONS = 64
LEAST_OPTIONS, MOST_OPTIONS = 2, 255
MOST_TEXT_BYTES = 64 << 10
MOST_BYTES = 32 << 20
_FIELDS = frozenset({"type", "instructions", "criteria"})
_TRUE, _FALSE = "true", "false"
_MEANINGS = {_TRUE: "Yes", _FALSE: "No"}


def read_body(body: bytes) -> SystemOneRequest:
    """The body's fields. Raises BodyTooLarge, InvalidRequest."""
    if len(body) > MOST_BYTES:
        raise BodyTooLarge(f"the request is larger than {MOST_BYTES >> 20} MiB: send fewer or smaller images")
    request = decode_body(body, SystemOneRequest)
    if len(body) - sum(map(len, request.images)) > MOST_TEXT_BYTES:
        raise BodyTooLarge(
            f"the text of the request is larger than {MOST_TEXT_BYTES >> 10} KiB: send a shorter state; it is never cut"
        )
    return request


def read_decision(body: SystemOneRequest) -> DecisionRequest:
    """What is asked. Raises InvalidRequest for the first thing that is wrong."""
    if not body.model.strip():
        raise InvalidRequest("model is required")
    if body.stream:
        raise InvalidRequest("stream is not supported: all answers come in one piece; leave it out")
    if body.videos not in (UNSET, []):
        raise InvalidRequest("videos are not supported: send images")
    for number, image in enumerate(body.images):
        if fault := base64_fault(image):
            raise InvalidRequest(f"images[{number}] is no base64: {fault}")
    state = "" if body.state is UNSET and body.images else _content(body.state, "state", may_be_blank=bool(body.images))
    if not 1 <= len(body.questions) <= MOST_QUESTIONS:
        raise InvalidRequest(f"questions must have 1 to {MOST_QUESTIONS} entries, and has {len(body.questions)}")
    questions = tuple(_question(name, question) for name, question in body.questions.items())
    return DecisionRequest(state, questions, tuple(body.images))


# A question is whatever stands in the body.
def _question(name: str, value: Any) -> Question:
    place = f"questions.{name}"
    if not name.strip():
        raise InvalidRequest("questions has an entry without a name: each answer is found by it")
    if not isinstance(value, Mapping):
        raise InvalidRequest(f"{place} must be an object with type, instructions and criteria")
    if unknown := sorted(value.keys() - _FIELDS):
        raise InvalidRequest(f"{place} has unknown fields: {', '.join(unknown)}")
    instructions = _content(value.get("instructions"), f"{place}.instructions")
    criteria, place = value.get("criteria"), f"{place}.criteria"
    match value.get("type"):
        case "choice":
            return Question(name, "choice", instructions, _choices(criteria, place))
        case "noul":
            return Question(name, "noul", instructions, _meanings(criteria, place))
        case "score":
            return Question(name, "score", instructions, _levels(criteria, place))
        case _:
            raise InvalidRequest(f"questions.{name}.type must be choice, noul or score")


def _choices(criteria: Any, place: str) -> tuple[Option, ...]:
    if not isinstance(criteria, Mapping):
        raise InvalidRequest(f"{place} must be an object: each choice with what it means, or null")
    _check_count(len(criteria), place)
    if any(not key.strip() for key in criteria):
        raise InvalidRequest(f"{place} has a choice without a name")
    return tuple(Option(key, _text(text, f"{place}.{key}", key)) for key, text in criteria.items())


def _meanings(criteria: Any, place: str) -> tuple[Option, ...]:
    if criteria is None:
        criteria = {}
    if not isinstance(criteria, Mapping):
        raise InvalidRequest(f'{place} must be an object with "true" and "false", or be left out')
    if unknown := sorted(criteria.keys() - _MEANINGS.keys()):
        raise InvalidRequest(f'{place} may have "true" and "false" only, and has {", ".join(unknown)}')
    return tuple(
        Option(name, _text(criteria.get(name), f"{place}.{name}", meaning)) for name, meaning in _MEANINGS.items()
    )


def _levels(criteria: Any, place: str) -> tuple[Option, ...]:
    if not isinstance(criteria, list):
        raise InvalidRequest(f"{place} must be an array of texts, the lowest level first")
    _check_count(len(criteria), place)
    return tuple(Option(str(level), _text(text, f"{place}[{level}]", "")) for level, text in enumerate(criteria))


def _check_count(count: int, place: str) -> None:
    if not LEAST_OPTIONS <= count <= MOST_OPTIONS:
        raise InvalidRequest(f"{place} must have {LEAST_OPTIONS} to {MOST_OPTIONS} entries, and has {count}")


def _text(value: Any, place: str, default: str) -> str:
    """A description; null is the default. Raises InvalidRequest where none is left."""
    text = default if value is None else value
    if not isinstance(text, str) or not text.strip():
        raise InvalidRequest(f"{place} must be a text that is not blank")
    return text


def _content(value: Loose | UnsetType | None, place: str, *, may_be_blank: bool = False) -> str:
    """A text, or JSON in one line."""
    if isinstance(value, str) and (value.strip() or may_be_blank):
        return value
    if isinstance(value, list | dict):
        return msgspec.json.encode(value).decode()
    raise InvalidRequest(f"{place} is required: a text that is not blank, an object or an array")
