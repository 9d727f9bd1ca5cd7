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
_MOST_PROMPTS = 64
# More would be more than may wait.
_MOST_ANSWERS = 256


class CompletionRequest(TextBody):
    """``POST /v1/completions``.

    logprobs: how many alternatives to each token are told; absent: nothing of the kind. best_of: answers of which the
    best ``n`` are told; no more than those are made here.
    """

    # A list of tokens is told apart from one of texts where it is read.
    prompt: str | list[Any] = ""
    suffix: str = ""
    echo: bool = False
    logprobs: int | UnsetType = UNSET
    best_of: int = 1
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


def to_natives(body: CompletionRequest) -> list[GenerateRequest]:
    """The request as Ollama's own, once for each prompt, which goes through the template. Raises InvalidRequest."""
    return [GenerateRequest(body.model, prompt, body.suffix, stream=body.stream) for prompt in _prompts(body.prompt)]


# A list's members are whatever JSON somebody sends.
def _prompts(prompt: str | list[Any]) -> list[str]:
    if isinstance(prompt, str):
        return [prompt]
    if not all(isinstance(text, str) for text in prompt):
        raise InvalidRequest(
            "json: cannot unmarshal array into Go struct field CompletionRequest.prompt of type string: "
            "send text, not tokens"
        )
    if len(prompt) > _MOST_PROMPTS:
        raise InvalidRequest(f"there are {len(prompt)} prompts: send {_MOST_PROMPTS} at most")
    if len(prompt) > 1 and not all(prompt):
        raise InvalidRequest(f"prompt[{prompt.index('')}] is empty")
    return prompt or [""]


def read_completion_options(body: CompletionRequest) -> Mapping[str, Any]:
    """The request's options; a ``top_p`` of 0 is none."""
    return read_options(body if body.top_p else replace(body, top_p=1.0))


def check(body: CompletionRequest) -> None:
    """Raise InvalidRequest for a text that ends the answer and is none, what is not told of a prompt, and too much."""
    answers = body.n * len(body.prompt) if isinstance(body.prompt, list) else body.n
    if answers > _MOST_ANSWERS:
        raise InvalidRequest(f"{answers} answers are asked for: ask for {_MOST_ANSWERS} at most")
    if body.echo and not isinstance(body.logprobs, UnsetType):
        raise InvalidRequest("log probabilities of a prompt are not told: leave out echo or logprobs")
    stop = () if isinstance(body.stop, UnsetType) else body.stop
    for text in stop if isinstance(stop, list | tuple) else [stop]:
        if not isinstance(text, str):
            raise InvalidRequest(f"invalid type for 'stop' field: {_GO_TYPES.get(type(text), '<nil>')}")


def completion_ignored(body: CompletionRequest) -> tuple[str, ...]:
    """What of a request is passed over."""
    return ("best_of",) if body.best_of > body.n else ()


def read_completion_tops(body: CompletionRequest) -> int | None:
    """How many alternatives to each token are told; None where log probabilities are not asked for."""
    return None if isinstance(body.logprobs, UnsetType) else read_tops("logprobs", body.logprobs)
