"""What a request to the Responses API asks for, in the neutral types. Pure."""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from arriero.errors import InvalidRequest
from arriero.protocol import openai_responses as wire
from arriero.protocol.effort import read_effort
from arriero.protocol.go_json import read_value
from arriero.protocol.media import read_image_url
from arriero.protocol.ollama import Loose
from arriero.protocol.ollama_convert import Think
from arriero.types.chat import JsonFormat, Message, NamedTool, ToolCall, ToolChoice

_NO_PARAMETERS = {"type": "object", "properties": {}}


def read_messages(request: wire.ResponsesRequest) -> tuple[Message, ...]:
    """The turns; instructions are the first. None where there is nothing to answer."""
    turns: tuple[Message, ...]
    instructions = () if request.instructions is UNSET else (Message("system", request.instructions),)
    match request.input:
        case str(text):
            turns = (Message("user", text),) if text else ()
        case list(items):
            turns = _Turns().read(items)
        case UnsetType():
            turns = ()
        case value:
            raise InvalidRequest(f"input must be a string or array: it is {msgspec.json.encode(value).decode()}")
    return (*instructions, *turns)


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


def read_think(request: wire.ResponsesRequest) -> Think:
    """How hard to think; None where the request does not say."""
    reasoning = request.reasoning
    return None if reasoning is UNSET or reasoning.effort is UNSET else read_effort(reasoning.effort)


def read_tools(request: wire.ResponsesRequest) -> tuple[tuple[dict[str, Any], ...], ToolChoice]:
    """The tools that may be called, as functions, and whether one must be.

    OpenAI's own, such as its search, are left out, and refused where they come alone.
    """
    tools = tuple(function for tool in request.tools for function in _functions(tool))
    if request.tools and not tools:
        kinds = ", ".join(sorted({str(tool.get("type")) for tool in request.tools}))
        raise InvalidRequest(f"this server has no tools of its own ({kinds}): send functions, and call them yourself")
    match request.tool_choice:
        case "none":
            return (), "auto"
        case "required":
            return tools, "required"
        case {"type": "function", "name": str(name)}:
            return tools, NamedTool(name)
        case _:
            return tools, "auto"


# A tool is JSON of the caller's.
def _functions(tool: Mapping[str, Any], prefix: str = "") -> list[dict[str, Any]]:
    kind, name = str(tool.get("type")), tool.get("name")
    if kind.startswith("web_search") or not isinstance(name, str) or not name:
        return []
    if kind == "namespace":
        members = tool.get("tools")
        found = [member for member in members if isinstance(member, Mapping)] if isinstance(members, list) else []
        return [function for member in found for function in _functions(member, f"{name}.")]
    function = {"name": prefix + name, "parameters": tool.get("parameters") or _NO_PARAMETERS}
    if tool.get("description"):
        function["description"] = tool["description"]
    return [{"type": "function", "function": function}]


class _Turns:
    """Makes turns of items: the model's thoughts, words and calls, which are items each, belong to one turn."""

    def __init__(self) -> None:
        self._turns: list[Message] = []
        self._thinking = ""
        self._called: dict[str, str] = {}

    # Items are JSON until they have got their types.
    def read(self, items: list[Any]) -> tuple[Message, ...]:
        """All turns. Raises InvalidRequest, with the place, for an item that is none."""
        for number, item in enumerate(items):
            self._read(item, f"input[{number}]: ")
        return tuple(self._turns)

    def _read(self, item: Any, place: str) -> None:
        if not isinstance(item, dict):
            raise InvalidRequest(f"{place}input item must be an object")
        kind = item.get("type") or ("message" if item.get("role") else "")
        match kind:
            case "message":
                self._message(read_value(item, wire.MessageIn), place)
            case "function_call":
                self._call(read_value(item, wire.FunctionCallIn))
            case "function_call_output":
                self._output(read_value(item, wire.FunctionOutputIn), place)
            case "reasoning":
                self._thinking += read_value(item, wire.ReasoningIn).encrypted_content
            case "web_search_call":
                pass
            case "":
                raise InvalidRequest(f"{place}input item missing required 'type' field")
            case _:
                raise InvalidRequest(f'{place}unknown input item type: "{kind}"')

    def _message(self, item: wire.MessageIn, place: str) -> None:
        text, images = _content(item.content, place)
        role = "system" if item.role == "developer" else item.role.lower()
        if role != "assistant":
            self._thinking = ""
            self._turns.append(Message(role, text, images=images))
        elif self._turns and self._turns[-1].tool_calls:
            self._turns[-1] = replace(self._turns[-1], content=self._turns[-1].content + text)
        else:
            self._turns.append(Message(role, text, self._take_thinking(), images))

    def _call(self, item: wire.FunctionCallIn) -> None:
        call = ToolCall(item.name, _arguments(item.arguments), item.call_id)
        self._called[item.call_id] = item.name
        if self._turns and self._turns[-1].role == "assistant":
            turn = self._turns[-1]
            thinking = turn.thinking + self._take_thinking()
            self._turns[-1] = replace(turn, thinking=thinking, tool_calls=(*turn.tool_calls, call))
        else:
            self._turns.append(Message("assistant", "", self._take_thinking(), tool_calls=(call,)))

    def _output(self, item: wire.FunctionOutputIn, place: str) -> None:
        text, images = _content(item.output, place)
        name = self._called.get(item.call_id, "")
        self._turns.append(Message("tool", text, images=images, tool_name=name, tool_call_id=item.call_id))

    def _take_thinking(self) -> str:
        thinking, self._thinking = self._thinking, ""
        return thinking


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
            case "input_text" | "output_text":
                text += read_value(part, wire.TextPart).text
            case "input_image":
                url = read_value(part, wire.ImagePart).image_url
                if url is not UNSET:
                    images.append(read_image_url(url))
            case "input_file":
                raise InvalidRequest("file inputs are not currently supported")
            case _:
                raise InvalidRequest(f"{place}content[{number}]: unknown content type: {kind}")
    return text, tuple(images)


def _arguments(text: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(text, type=dict[str, Any]) if text else {}
    except (msgspec.DecodeError, UnicodeError) as error:
        raise InvalidRequest(f"failed to parse function call arguments: {error}") from error
