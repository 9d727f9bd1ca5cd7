"""Makes the turns of a conversation of the items that the Responses API has. Pure."""

from typing import Any

import msgspec
from msgspec import UnsetType
from msgspec.structs import replace

from arriero.errors import InvalidRequest
from arriero.protocol import openai_responses as wire
from arriero.protocol.go_json import read_value
from arriero.protocol.media import read_image_url
from arriero.protocol.ollama import Loose
from arriero.protocol.openai_custom_tools import custom_arguments
from arriero.protocol.openai_engine import UNREADABLE
from arriero.protocol.openai_responses_tools import full_name
from arriero.protocol.turns import as_one, paragraphs
from arriero.types.chat import Message, ToolCall

# How OpenAI's own servers begin what only they can read.
_ENCRYPTED = "gAAAA"
# What the developer says when the conversation has begun.
_LATER = "<developer>\n{}\n</developer>"


class Turns:
    """Makes turns of items: the model's thoughts, words and calls, which are items each, belong to one turn."""

    def __init__(self) -> None:
        # What belongs to one turn, put together once: there may be very many.
        self._rows: list[list[Message]] = []
        self._thoughts: list[str] = []
        self._called: dict[str, str] = {}

    # Items are JSON until they have got their types.
    def read(self, items: list[Any]) -> tuple[Message, ...]:
        """All turns. Raises InvalidRequest, with the place, for an item that is none."""
        for number, item in enumerate(items):
            self._read(item, f"input[{number}]: ")
        return tuple(as_one(row) for row in self._rows)

    def _read(self, item: Any, place: str) -> None:
        if not isinstance(item, dict):
            raise InvalidRequest(f"{place}input item must be an object")
        kind = item.get("type") or ("message" if item.get("role") else "")
        match kind:
            case "message":
                self._message(read_value(item, wire.MessageIn), place)
            case "reasoning":
                self._thoughts.append(_thoughts(read_value(item, wire.ReasoningIn)))
            case "function_call" | "custom_tool_call" | "local_shell_call" | "shell_call" | "apply_patch_call":
                self._call(_call(kind, item))
            case "function_call_output" | "custom_tool_call_output":
                self._output(read_value(item, wire.ToolOutputIn), place)
            case "local_shell_call_output" | "shell_call_output" | "apply_patch_call_output":
                self._output(read_value(item, wire.ToolOutputIn), place)
            case "web_search_call" | "file_search_call" | "code_interpreter_call" | "image_generation_call":
                pass
            case "item_reference":
                raise InvalidRequest(f"{place}nothing is kept here: send the item itself, as with store: false")
            case "":
                raise InvalidRequest(f"{place}input item missing required 'type' field")
            case _:
                raise InvalidRequest(f'{place}unknown input item type: "{kind}"')

    def _message(self, item: wire.MessageIn, place: str) -> None:
        text, images = _content(item.content, place)
        role = "system" if item.role.lower() == "developer" else item.role.lower()
        if role == "assistant":
            self._append(Message(role, text, self._take_thinking(), images))
        else:
            self._thoughts.clear()
            self._add(Message(role, text, images=images))

    def _add(self, turn: Message) -> None:
        """Add a turn of the system's or the user's, in a form that every template takes.

        Many want the system to speak once, and first, and the sides to alternate; Codex does neither.
        """
        if turn.role == "system" and self._rows and self._rows[-1][0].role != "system":
            turn = replace(turn, role="user", content=_LATER.format(turn.content))
        self._append(turn)

    def _append(self, turn: Message) -> None:
        """Add what belongs to the last turn where that is of the same side."""
        if self._rows and self._rows[-1][0].role == turn.role:
            self._rows[-1].append(turn)
        else:
            self._rows.append([turn])

    def _call(self, call: ToolCall) -> None:
        self._called[call.id] = call.name
        self._append(Message("assistant", "", self._take_thinking(), tool_calls=(call,)))

    def _output(self, item: wire.ToolOutputIn, place: str) -> None:
        output = item.output
        if isinstance(output, dict) or (isinstance(output, list) and not all(map(_is_part, output))):
            output = msgspec.json.encode(output).decode()
        text, images = _content(output, place)
        ident = item.call_id or item.id
        name = self._called.get(ident, "")
        self._rows.append([Message("tool", text, images=images, tool_name=name, tool_call_id=ident)])

    def _take_thinking(self) -> str:
        thoughts, self._thoughts = self._thoughts, []
        return paragraphs(thoughts)


def _call(kind: str, item: dict[str, Any]) -> ToolCall:
    """A call in an earlier turn, of whatever kind of tool, under the name that the model knows."""
    match kind:
        case "function_call":
            call = read_value(item, wire.FunctionCallIn)
            return ToolCall(full_name(call.name, call.namespace), _arguments(call.arguments), call.call_id)
        case "custom_tool_call":
            custom = read_value(item, wire.CustomCallIn)
            return ToolCall(full_name(custom.name, custom.namespace), custom_arguments(custom.input), custom.call_id)
        case _:
            own = read_value(item, wire.OwnCallIn)
            return ToolCall(kind.removesuffix("_call"), own.action or own.operation, own.call_id or own.id)


def _thoughts(item: wire.ReasoningIn) -> str:
    """What was thought, as this server has told it, or another."""
    if item.encrypted_content and not item.encrypted_content.startswith(_ENCRYPTED):
        return item.encrypted_content
    return "".join(part.text for part in item.content or item.summary)


# What a tool gave is any JSON.
def _is_part(part: Any) -> bool:
    return isinstance(part, dict) and "type" in part


def _content(content: Loose | UnsetType, place: str) -> tuple[str, tuple[str, ...]]:
    """Text and images of a turn; the parts' texts are one text."""
    if isinstance(content, UnsetType):
        return "", ()
    if isinstance(content, str):
        return content, ()
    if not isinstance(content, list):
        raise InvalidRequest(f"{place}content must be a string or array")
    text, images = "", []
    for number, part in enumerate(content):
        kind = part.get("type") if isinstance(part, dict) else None
        match kind:
            case "input_text" | "output_text" | "text":
                text += read_value(part, wire.TextPart).text
            case "refusal":
                text += read_value(part, wire.RefusalPart).refusal
            case "input_image":
                url = read_value(part, wire.ImagePart).image_url
                if not isinstance(url, UnsetType):
                    images.append(read_image_url(url))
            case "input_file":
                raise InvalidRequest("file inputs are not currently supported")
            case _:
                raise InvalidRequest(f"{place}content[{number}]: unknown content type: {kind}")
    return text, tuple(images)


def _arguments(text: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(text, type=dict[str, Any]) if text else {}
    except UNREADABLE as error:
        raise InvalidRequest(f"failed to parse function call arguments: {error}") from error
