"""What a request to the Responses API asks for, in the neutral types. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from arriero.errors import InvalidRequest
from arriero.protocol import openai_responses as wire
from arriero.protocol.effort import read_effort
from arriero.protocol.ollama_convert import Think
from arriero.protocol.openai_request import read_tops
from arriero.protocol.openai_responses_turns import Turns
from arriero.protocol.turns import as_one
from arriero.types.chat import JsonFormat, Message

_LOGPROBS = "message.output_text.logprobs"


def check(request: wire.ResponsesRequest) -> None:
    """Raise InvalidRequest for what refers to something that is kept: without it, half a conversation were answered."""
    if request.previous_response_id:
        raise InvalidRequest(
            f"Previous response with id {request.previous_response_id[:80]!r} not found: nothing is kept here; "
            "send the whole conversation as input"
        )
    if not isinstance(request.conversation, UnsetType):
        raise InvalidRequest("conversation: nothing is kept here; send the whole conversation as input")
    if not isinstance(request.prompt, UnsetType):
        raise InvalidRequest("prompt: nothing is kept here; send its text as instructions or input")


def read_messages(request: wire.ResponsesRequest) -> tuple[Message, ...]:
    """The turns; instructions are the first. None where there is nothing to answer."""
    turns: tuple[Message, ...]
    match request.input:
        case str(text):
            turns = (Message("user", text),) if text else ()
        case list(items):
            turns = Turns().read(items)
        case UnsetType():
            turns = ()
        case value:
            raise InvalidRequest(f"input must be a string or array: it is {msgspec.json.encode(value).decode()}")
    if isinstance(request.instructions, UnsetType):
        return turns
    instructions = Message("system", request.instructions)
    if turns and turns[0].role == "system":
        return (as_one([instructions, turns[0]]), *turns[1:])
    return (instructions, *turns)


def read_options(request: wire.ResponsesRequest) -> Mapping[str, Any]:
    """The request's sampling parameters as Ollama's options, and those that it brings as such."""
    options = {
        "num_predict": request.max_output_tokens,
        "temperature": request.temperature,
        "top_p": request.top_p,
        **request.options,
        "num_ctx": request.options.get("num_ctx", UNSET) if request.num_ctx is UNSET else request.num_ctx,
    }
    return {name: value for name, value in options.items() if value is not UNSET}


def read_format(request: wire.ResponsesRequest) -> JsonFormat | None:
    """What the answer must be: JSON, of a schema or any, or just text."""
    wanted = request.text.format
    if wanted.type == "json_object":
        return JsonFormat()
    if wanted.type == "json_schema" and wanted.schema is not UNSET:
        return JsonFormat(wanted.schema)
    return None


def passed_over(request: wire.ResponsesRequest) -> Sequence[str]:
    """What of a request can mean nothing here, as ``x-arriero-ignored`` tells it."""
    has_format = request.text.format.type in {"", "text"} or read_format(request) is not None
    items = request.input if isinstance(request.input, list) else ()
    ignored = [] if has_format else ["text.format"]
    return [*ignored, "input_image.file_id"] if any(map(_has_kept_image, items)) else ignored


def read_think(request: wire.ResponsesRequest) -> Think:
    """How hard to think; None where the request does not say."""
    reasoning = request.reasoning
    return None if reasoning is UNSET or reasoning.effort is UNSET else read_effort(reasoning.effort)


def read_response_tops(request: wire.ResponsesRequest) -> int | None:
    """How many alternatives to each token are told; None where log probabilities are not asked for."""
    tops = read_tops("top_logprobs", request.top_logprobs)
    return tops if tops or _LOGPROBS in request.include else None


# Items are JSON, not looked at yet.
def _has_kept_image(item: Any) -> bool:
    """Whether an item has a picture that OpenAI's own servers would have kept."""
    content = item.get("content", item.get("output")) if isinstance(item, Mapping) else None
    parts = [part for part in content if isinstance(part, Mapping)] if isinstance(content, list) else []
    return any(part.get("type") == "input_image" and part.get("image_url") is None for part in parts)
