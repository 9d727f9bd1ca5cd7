"""What a request to OpenAI's chat completions asks for, in the neutral types. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from arriero.errors import InvalidRequest
from arriero.protocol import openai_chat as wire
from arriero.protocol.effort import read_effort
from arriero.protocol.ollama_convert import Think
from arriero.protocol.openai_request import read_options, read_tops
from arriero.types.chat import JsonFormat


def read_chat_options(body: wire.ChatCompletionRequest) -> Mapping[str, Any]:
    """The request's options; the newer name of the limit wins."""
    limit = body.max_completion_tokens
    return read_options(body if limit is UNSET else replace(body, max_tokens=limit))


def read_format(body: wire.ChatCompletionRequest) -> JsonFormat | None:
    """What the answer must be: JSON, of a schema or any, or just text."""
    match _format_kind(body):
        case "json_object":
            return JsonFormat()
        case "json_schema":
            return JsonFormat(body.response_format.json_schema.schema)
        case _:
            return None


def passed_over(body: wire.ChatCompletionRequest) -> Sequence[str]:
    """What of a request is of a kind that nobody here knows, as ``x-arriero-ignored`` tells it."""
    is_known = _format_kind(body) in {"", "text", "json_object", "json_schema"}
    return () if is_known else ("response_format",)


def _format_kind(body: wire.ChatCompletionRequest) -> str:
    return body.response_format.type.strip().lower()


def read_think(body: wire.ChatCompletionRequest) -> Think:
    """How much the model is to think; None where the request does not say."""
    return read_effort(body.reasoning_effort if isinstance(body.reasoning, UnsetType) else body.reasoning.effort)


def read_chat_tops(body: wire.ChatCompletionRequest) -> int | None:
    """How many alternatives to each token are told; None where log probabilities are not asked for."""
    tops = read_tops("top_logprobs", body.top_logprobs)
    return tops if body.logprobs else None


def check_modalities(body: wire.ChatCompletionRequest) -> None:
    """Raise InvalidRequest where anything but text is to come back."""
    for modality in body.modalities:
        if modality != "text":
            raise InvalidRequest(f"modalities: no model of this server answers with {modality!r}: ask for text")
