"""What a request to OpenAI's chat completions asks for, in the neutral types. Pure."""

from collections.abc import Mapping
from typing import Any

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from arriero.errors import InvalidRequest
from arriero.protocol import openai_chat as wire
from arriero.protocol.effort import read_effort
from arriero.protocol.ollama_convert import Think
from arriero.protocol.openai_request import read_options, read_tops
from arriero.types.chat import JsonFormat, NamedTool, ToolChoice

_CHOICES = '"none", "auto", "required" or {"type": "function", "function": {"name": …}}'


def read_chat_options(body: wire.ChatCompletionRequest) -> Mapping[str, Any]:
    """The request's options; the newer name of the limit wins."""
    limit = body.max_completion_tokens
    return read_options(body if limit is UNSET else replace(body, max_tokens=limit))


def read_format(body: wire.ChatCompletionRequest) -> JsonFormat | None:
    """What the answer must be: JSON, of a schema or any, or just text."""
    match body.response_format.type.strip().lower():
        case "json_object":
            return JsonFormat()
        case "json_schema":
            return JsonFormat(body.response_format.json_schema.schema)
        case _:
            return None


def read_think(body: wire.ChatCompletionRequest) -> Think:
    """How much the model is to think; None where the request does not say."""
    return read_effort(body.reasoning_effort if isinstance(body.reasoning, UnsetType) else body.reasoning.effort)


def read_chat_tops(body: wire.ChatCompletionRequest) -> int | None:
    """How many alternatives to each token are told; None where log probabilities are not asked for."""
    tops = read_tops("top_logprobs", body.top_logprobs)
    return tops if body.logprobs else None


def read_tools(body: wire.ChatCompletionRequest) -> tuple[tuple[dict[str, Any], ...], ToolChoice]:
    """The tools that may be called, and whether one must be. Raises InvalidRequest for a choice that cannot be made."""
    # A tool need not say that it is a function: there are no others.
    tools = tuple({"type": "function", **tool} for tool in body.tools)
    if not tools:
        return (), "auto"
    match body.tool_choice:
        case UnsetType() | "auto":
            return tools, "auto"
        case "none":
            return (), "auto"
        case "required":
            return tools, "required"
        case {"function": {"name": str(name)}}:
            if all(_name(tool) != name for tool in tools):
                raise InvalidRequest(f"tool_choice names {name!r}, which is none of the tools")
            return tools, NamedTool(name)
        case _:
            raise InvalidRequest(f"invalid tool_choice (must be {_CHOICES})")


# A tool is JSON of the caller's own, not looked at yet.
def _name(tool: Mapping[str, Any]) -> object:
    function = tool.get("function")
    return function.get("name") if isinstance(function, Mapping) else None
