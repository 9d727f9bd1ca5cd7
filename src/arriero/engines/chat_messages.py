"""The messages of a chat, its tools and its format, as OpenAI writes them and as every engine takes them. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from arriero.protocol.media import media_part
from arriero.types.chat import JsonFormat, Message, ToolCall


# Bodies are JSON in the making.
def message_body(message: Message) -> dict[str, Any]:
    """One turn."""
    wire: dict[str, Any] = {"role": message.role, "content": _content(message)}
    if message.thinking:
        wire["reasoning_content"] = message.thinking
    if message.tool_calls:
        wire["tool_calls"] = [_tool_call(call) for call in message.tool_calls]
    if message.tool_name:
        wire["name"] = message.tool_name
    if message.tool_call_id:
        wire["tool_call_id"] = message.tool_call_id
    return wire


def tool_names(tools: Sequence[Mapping[str, Any]]) -> frozenset[str]:
    """The names of the functions that a model may call."""
    functions = (tool.get("function") for tool in tools)
    return frozenset(str(function.get("name")) for function in functions if isinstance(function, Mapping))


def chat_format(wanted: JsonFormat | None) -> dict[str, Any]:
    """The part of a request that says what the answer must be."""
    if wanted is None:
        return {}
    if wanted.schema is None:
        return {"response_format": {"type": "json_object"}}
    return {"response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": wanted.schema}}}


def _content(message: Message) -> str | list[dict[str, Any]]:
    if not message.images:
        return message.content
    text = [{"type": "text", "text": message.content}] if message.content else []
    return [*(media_part(image) for image in message.images), *text]


def _tool_call(call: ToolCall) -> dict[str, Any]:
    function = {"name": call.name, "arguments": msgspec.json.encode(call.arguments).decode()}
    return {"type": "function", "id": call.id, "function": function}
