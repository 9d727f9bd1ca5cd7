"""The wire types of OpenAI's text completions, and how a request is read. Pure."""

from collections.abc import Mapping
from typing import Any

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from arriero.errors import InvalidRequest
from arriero.protocol.answer_route import AnswerRoute
from arriero.protocol.ollama import GenerateRequest
from arriero.protocol.openai_answer import CompletionUsage
from arriero.protocol.openai_request import TextBody, read_options, read_tops

_GO_TYPES = {bool: "bool", int: "float64", float: "float64", list: "[]interface {}", dict: "map[string]interface {}"}


class CompletionRequest(TextBody):
    """``POST /v1/completions``. logprobs: how many alternatives to each token are told; absent: nothing of the kind."""

    # A list of tokens is told apart from one of texts where it is read.
    prompt: str | list[Any] = ""
    suffix: str = ""
    echo: bool = False
    logprobs: int | UnsetType = UNSET
    # Ollama always sends both.
    frequency_penalty: float | UnsetType = 0.0
    presence_penalty: float | UnsetType = 0.0


class CompletionLogprobs(Struct):
    """The tokens of a text, each list in their order. text_offset: characters of the text in front of each."""

    tokens: list[str]
    token_logprobs: list[float]
    top_logprobs: list[dict[str, float]] | None
    text_offset: list[int]


class CompletionChoice(Struct):
    """One alternative, or a piece of it."""

    text: str
    index: int
    finish_reason: str | None
    logprobs: CompletionLogprobs | UnsetType = UNSET


class Completion(Struct):
    """An answer in one piece, or one event of a stream."""

    id: str
    object: str
    created: int
    model: str
    system_fingerprint: str
    choices: list[CompletionChoice]
    usage: CompletionUsage | UnsetType = UNSET
    route: AnswerRoute | UnsetType = UNSET


def to_native(body: CompletionRequest) -> GenerateRequest:
    """The request as Ollama's own: the prompt goes through the model's template. Raises InvalidRequest."""
    match body.prompt:
        case str(prompt) | [str(prompt)]:
            return GenerateRequest(body.model, prompt, body.suffix, stream=body.stream)
        case []:
            return GenerateRequest(body.model, "", body.suffix, stream=body.stream)
        case [str(), *_]:
            raise InvalidRequest("prompt must be one text: ask once for each")
        case _:
            raise InvalidRequest(
                "json: cannot unmarshal array into Go struct field CompletionRequest.prompt of type string: "
                "send text, not tokens"
            )


def read_completion_options(body: CompletionRequest) -> Mapping[str, Any]:
    """The request's options; a ``top_p`` of 0 is none."""
    return read_options(body if body.top_p else replace(body, top_p=1.0))


def check_stop(body: CompletionRequest) -> None:
    """Raise InvalidRequest for a text that ends the answer and is none."""
    for text in body.stop if isinstance(body.stop, list) else ():
        if not isinstance(text, str):
            raise InvalidRequest(f"invalid type for 'stop' field: {_GO_TYPES.get(type(text), '<nil>')}")


def read_completion_tops(body: CompletionRequest) -> int | None:
    """How many alternatives to each token are told; None where log probabilities are not asked for."""
    return None if isinstance(body.logprobs, UnsetType) else read_tops("logprobs", body.logprobs)
