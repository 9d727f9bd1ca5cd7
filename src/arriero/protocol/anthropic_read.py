"""What a request to Anthropic's Messages API asks for, in the neutral types. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from arriero.errors import InvalidRequest
from arriero.protocol import anthropic as wire
from arriero.protocol.go_json import read_value
from arriero.protocol.media import base64_fault
from arriero.protocol.ollama import Loose
from arriero.protocol.ollama_convert import Think
from arriero.types.chat import JsonFormat, Message, NamedTool, ThinkLevel, ToolCall, ToolChoice

# Claude Code's first block of the system text is meant for a bill, and different in every request: with it in front of
# the prompt, nothing behind it would be found in the engine's cache.
_BILLING = "x-anthropic-billing-header:"
_EFFORTS: Mapping[str, ThinkLevel] = {"low": "low", "medium": "medium", "high": "high", "xhigh": "high", "max": "max"}
_CHARACTERS_PER_TOKEN = 4


def check(request: wire.MessagesRequest, *, needs_limit: bool = True) -> None:
    """Raise InvalidRequest for the first thing that is missing. needs_limit: ``max_tokens`` is one of them."""
    if not request.model.strip():
        raise InvalidRequest("model is required")
    if needs_limit and request.max_tokens <= 0:
        raise InvalidRequest("max_tokens is required and must be positive")
    if not request.messages:
        raise InvalidRequest("messages is required")


def read_messages(request: wire.MessagesRequest) -> tuple[Message, ...]:
    """The turns; the system text is the first."""
    system = "".join(text for text in _system_texts(request.system) if not text.startswith(_BILLING))
    called: dict[str, str] = {}
    turns = [message for turn in request.messages for message in _turn(turn, called)]
    return (*((Message("system", system),) if system else ()), *turns)


def read_options(request: wire.MessagesRequest) -> Mapping[str, Any]:
    """The request's sampling parameters as Ollama's options, and those that it brings as such."""
    options = {
        "num_predict": request.max_tokens,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "top_k": request.top_k,
        # Without any, the model's own count.
        "stop": request.stop_sequences or UNSET,
        **request.options,
        "num_ctx": request.options.get("num_ctx", UNSET) if request.num_ctx is UNSET else request.num_ctx,
    }
    return {name: value for name, value in options.items() if value is not UNSET}


def read_think(request: wire.MessagesRequest) -> Think:
    """Whether, or how hard, to think; None where the request leaves it to the model."""
    match request.thinking.type:
        case "enabled":
            return True
        case "disabled":
            return False
        case _:
            return _EFFORTS.get(request.output_config.effort)


def read_format(request: wire.MessagesRequest) -> JsonFormat | None:
    """The schema that the answer must keep to, if any."""
    wanted = request.output_config.format
    return JsonFormat(wanted.schema) if wanted.type == "json_schema" and wanted.schema is not UNSET else None


def read_tools(request: wire.MessagesRequest) -> tuple[dict[str, Any], ...]:
    """The tools as functions. Anthropic's own, such as its search, are left out, and refused where they come alone."""
    if request.tool_choice.type == "none":
        return ()
    own = [str(tool.get("type")) for tool in request.tools if _is_web_search(tool)]
    if own and len(own) == len(request.tools):
        raise InvalidRequest(f"this server cannot search the web ({own[0]}): send tools, and call them yourself")
    return tuple(_function(read_value(tool, wire.ToolIn)) for tool in request.tools if not _is_web_search(tool))


def read_tool_choice(request: wire.MessagesRequest) -> ToolChoice:
    """Whether a tool must be called."""
    match request.tool_choice:
        case wire.ToolChoice(type="any"):
            return "required"
        case wire.ToolChoice(type="tool", name=name):
            return NamedTool(name)
        case _:
            return "auto"


# Tools are as ``read_tools`` has made them.
def estimate_tokens(messages: Sequence[Message], tools: Sequence[dict[str, Any]]) -> int:
    """How many tokens a prompt has, roughly: a token is four characters."""
    texts = sum(len(turn.content) + len(turn.thinking) for turn in messages)
    calls = sum(len(msgspec.json.encode(turn.tool_calls)) for turn in messages if turn.tool_calls)
    return (texts + calls + (len(msgspec.json.encode(tools)) if tools else 0)) // _CHARACTERS_PER_TOKEN


def _system_texts(system: Loose | UnsetType) -> Iterator[str]:
    match system:
        case str(text):
            yield text
        case list(blocks):
            for block in blocks:
                if _kind(block) == "text":
                    yield read_value(block, wire.TextIn).text
        case UnsetType():
            return
        case _:
            raise InvalidRequest("system must be a string or an array of text blocks")


def _turn(turn: wire.Turn, called: dict[str, str]) -> list[Message]:
    """The messages that a turn is made of: what tools gave comes before what else is said.

    called: the names of the tools by the ids of their calls, as far as they are known; those of this turn are added.
    """
    text, thinking = "", ""
    images: list[str] = []
    calls: list[ToolCall] = []
    results: list[Message] = []
    for block in _blocks(turn.content):
        match _kind(block):
            case "text":
                text += read_value(block, wire.TextIn).text
            case "thinking":
                thinking = read_value(block, wire.ThinkingIn).thinking
            case "image":
                images.append(_image(read_value(block, wire.ImageIn), "invalid image source"))
            case "tool_use":
                calls.append(_call(read_value(block, wire.ToolUseIn)))
            case "tool_result":
                results.append(_result(read_value(block, wire.ToolResultIn), called))
    called |= {call.id: call.name for call in calls}
    if results and not (text or images or calls or thinking):
        return results
    return [*results, Message(turn.role.lower(), text, thinking, tuple(images), tuple(calls))]


# A block is JSON until its type is known.
def _blocks(content: Loose | UnsetType) -> Sequence[Any]:
    match content:
        case UnsetType():
            return ()
        case str(text):
            return ({"type": "text", "text": text},)
        case list(blocks):
            return blocks
        case _:
            raise InvalidRequest("content must be a string or an array of blocks")


def _kind(block: Any) -> str:
    if not isinstance(block, dict):
        raise InvalidRequest("a content block must be an object")
    return str(block.get("type"))


def _result(block: wire.ToolResultIn, called: Mapping[str, str]) -> Message:
    text = ""
    images: list[str] = []
    for part in _blocks(block.content):
        match _kind(part):
            case "text":
                text += read_value(part, wire.TextIn).text
            case "image":
                images.append(_image(read_value(part, wire.ImageIn), "invalid tool_result image source"))
    # A failure that says nothing must not look like a success.
    text = text or ("error" if block.is_error else "")
    name = called.get(block.tool_use_id, "")
    return Message("tool", text, images=tuple(images), tool_name=name, tool_call_id=block.tool_use_id)


def _image(block: wire.ImageIn, missing: str) -> str:
    if isinstance(block.source, UnsetType):
        raise InvalidRequest(missing)
    if block.source.type != "base64":
        raise InvalidRequest(f"invalid image source type: {block.source.type}. Only base64 images are supported.")
    if not block.source.data or (fault := base64_fault(block.source.data)):
        raise InvalidRequest(f"invalid base64 image data: {fault if block.source.data else 'there is none'}")
    return block.source.data


def _call(block: wire.ToolUseIn) -> ToolCall:
    if not block.id:
        raise InvalidRequest("tool_use block missing required 'id' field")
    if not block.name:
        raise InvalidRequest("tool_use block missing required 'name' field")
    return ToolCall(block.name, block.input, block.id)


# A tool is JSON of the caller's.
def _is_web_search(tool: Mapping[str, Any]) -> bool:
    return str(tool.get("type")).startswith("web_search")


def _function(tool: wire.ToolIn) -> dict[str, Any]:
    schema = {"type": "object", "properties": {}} if isinstance(tool.input_schema, UnsetType) else tool.input_schema
    if not isinstance(schema, dict):
        raise InvalidRequest(f'invalid input_schema for tool "{tool.name}": it must be an object')
    function = {"name": tool.name, "description": tool.description, "parameters": schema}
    return {"type": "function", "function": function}
