"""Reads the messages of OpenAI's chat completions. Pure; all of it raises InvalidRequest in Ollama's words."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import UnsetType

from arriero.errors import InvalidRequest
from arriero.protocol import openai_chat as wire
from arriero.protocol.media import read_image_url
from arriero.protocol.ollama import Loose
from arriero.protocol.ollama_convert import check_base64
from arriero.protocol.openai_custom_tools import custom_arguments
from arriero.protocol.openai_engine import UNREADABLE
from arriero.types.chat import Message, ToolCall

_GO_TYPES = {bool: "bool", int: "float64", float: "float64", dict: "map[string]interface {}"}
# A turn of a function's is older than tools are.
_ROLES = {"developer": "system", "function": "tool"}


def read_messages(messages: Sequence[wire.InMessage]) -> tuple[Message, ...]:
    """The turns of a request. A tool's result that does not name its tool is told by the call that it answers."""
    if not messages:
        raise InvalidRequest("[] is too short - 'messages'")
    names: dict[str, str] = {}
    return tuple(_message(message, names) for message in messages)


def _message(message: wire.InMessage, names: dict[str, str]) -> Message:
    """A turn. names: of the tools by the ids of their calls so far; some clients begin anew with them in each turn."""
    role = _ROLES.get(message.role.lower(), message.role.lower())
    calls = tuple(_call(call) for call in _calls_of(message))
    names |= {call.id: call.name for call in calls}
    content, images = _content(message.content, may_be_missing=bool(calls or message.refusal))
    name = message.name or names.get(message.tool_call_id, "")
    return Message(
        role,
        content or message.refusal,
        message.reasoning or message.reasoning_content,
        images,
        calls,
        name if role == "tool" else "",
        message.tool_call_id,
    )


def _calls_of(message: wire.InMessage) -> Sequence[wire.InToolCall]:
    older = message.function_call
    return message.tool_calls if isinstance(older, UnsetType) else [*message.tool_calls, wire.InToolCall("", older)]


def _content(content: Loose | UnsetType, *, may_be_missing: bool) -> tuple[str, tuple[str, ...]]:
    """The text of a turn, and its pictures and sounds."""
    match content:
        case str():
            return content, ()
        case list():
            parts = [_part(part) for part in content]
            # A line of its own for each part: words of two must not become one.
            return "\n".join(text for text, _ in parts if text), tuple(image for _, image in parts if image)
        case UnsetType() if may_be_missing:
            return "", ()
        case _:
            raise InvalidRequest(f"invalid message content type: {_GO_TYPES.get(type(content), '<nil>')}")


# A part of a message is JSON whose shape its own `type` decides.
def _part(part: Any) -> tuple[str, str]:
    """The text or the image of a part; the other is empty."""
    match part:
        case {"type": "text", "text": str(text)} | {"type": "refusal", "refusal": str(text)}:
            return text, ""
        case {"type": "image_url", "image_url": str(url) | {"url": str(url)}}:
            return "", read_image_url(url)
        case {"type": "input_audio", "input_audio": audio}:
            return "", _sound(audio)
        case {"type": str(kind)} if kind not in {"text", "image_url", "input_audio"}:
            raise InvalidRequest(f"invalid message format: parts of type {kind!r} are not supported")
        case _:
            raise InvalidRequest("invalid message format")


# A sound is whatever JSON stands there.
def _sound(audio: Any) -> str:
    if not isinstance(audio, Mapping):
        raise InvalidRequest("invalid input_audio format")
    match audio.get("data"):
        case str(data) if data:
            pass
        case _:
            raise InvalidRequest("invalid input_audio format: missing data")
    try:
        check_base64([data])
    except InvalidRequest as error:
        raise InvalidRequest(f"invalid input_audio base64 data: {error.message}") from error
    return data


def _call(call: wire.InToolCall) -> ToolCall:
    if not isinstance(call.custom, UnsetType):
        return ToolCall(call.custom.name, custom_arguments(call.custom.input), call.id)
    arguments = call.function.arguments
    try:
        # Some clients send the object itself.
        read = msgspec.json.decode(arguments) if isinstance(arguments, str) else arguments
    except UNREADABLE:
        read = None
    if not isinstance(read, dict):
        raise InvalidRequest("invalid tool call arguments")
    return ToolCall(call.function.name, read, call.id)
