"""What a request to Anthropic's Messages API asks for, in the neutral types. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from arriero.errors import InvalidRequest
from arriero.protocol import anthropic as wire
from arriero.protocol.anthropic_parts import blocks_of, kind_of, read_part, read_parts
from arriero.protocol.go_json import read_value
from arriero.protocol.ollama import Loose
from arriero.protocol.ollama_convert import Think
from arriero.protocol.turns import as_one, paragraphs
from arriero.types.chat import JsonFormat, Message, ThinkLevel, ToolCall

# Claude Code's first block of the system text is meant for a bill, and different in every request: with it in front of
# the prompt, nothing behind it would be found in the engine's cache.
_BILLING = "x-anthropic-billing-header:"
_EFFORTS: Mapping[str, ThinkLevel] = {"low": "low", "medium": "medium", "high": "high", "xhigh": "high", "max": "max"}
_CHARACTERS_PER_TOKEN = 4
# Claude Code's own mark for what is not the user's, where it stands among what is.
_REMINDER = "<system-reminder>\n{}\n</system-reminder>"
# Which turns go on with a turn of the role.
_GROWING: Mapping[str, frozenset[str]] = {
    "user": frozenset({"user"}),
    "assistant": frozenset({"assistant"}),
    "system": frozenset({"user", "tool"}),
}


def check(request: wire.MessagesRequest, *, needs_limit: bool = True) -> None:
    """Raise InvalidRequest for the first thing that is missing. needs_limit: ``max_tokens`` is one of them."""
    if not request.model.strip():
        raise InvalidRequest("model is required")
    if needs_limit and request.max_tokens <= 0:
        raise InvalidRequest("max_tokens is required and must be positive")
    if not request.messages:
        raise InvalidRequest("messages is required")


def read_messages(request: wire.MessagesRequest) -> tuple[Message, ...]:
    """The turns; the system text is the first, and what the system says at the beginning belongs to it."""
    system = "".join(text for text in _system_texts(request.system) if not text.startswith(_BILLING))
    called: dict[str, str] = {}
    turns = [message for turn in request.messages for message in _turn(turn, called)]
    leading = list(takewhile(lambda turn: turn.role == "system", turns))
    system = paragraphs([system, *(turn.content for turn in leading)])
    return (*((Message("system", system),) if system else ()), *_combined(turns[len(leading) :]))


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


def read_think_tokens(request: wire.MessagesRequest) -> int | None:
    """How many tokens may be thought, where the request says so."""
    budget = request.thinking.budget_tokens
    if request.thinking.type != "enabled" or isinstance(budget, UnsetType):
        return None
    if budget <= 0:
        raise InvalidRequest("thinking.budget_tokens must be positive")
    return budget


def read_format(request: wire.MessagesRequest) -> JsonFormat | None:
    """The schema that the answer must keep to, if any."""
    wanted = request.output_config.format if request.output_config.format.type else request.output_format
    if not wanted.type:
        return None
    if wanted.type != "json_schema" or isinstance(wanted.schema, UnsetType):
        raise InvalidRequest("output_config.format must be of the type json_schema, and have a schema")
    return JsonFormat(wanted.schema)


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
                if kind_of(block) == "text":
                    yield read_value(block, wire.TextIn).text
        case UnsetType():
            return
        case _:
            raise InvalidRequest("system must be a string or an array of text blocks")


def _combined(turns: Sequence[Message]) -> list[Message]:
    """The turns in a form that every template takes: some want the sides to alternate, and the system to speak first.

    Turns of one side in a row become one, as Anthropic does it. What the system says later, as Claude Code's does, is
    told behind what the user has said, or a tool has given.
    """
    rows: list[list[Message]] = []
    for turn in turns:
        told = replace(turn, role="user", content=_REMINDER.format(turn.content)) if turn.role == "system" else turn
        if rows and rows[-1][0].role in _GROWING.get(turn.role, ()):
            rows[-1].append(told)
        else:
            rows.append([told])
    return [as_one(row) for row in rows]


def _turn(turn: wire.Turn, called: dict[str, str]) -> list[Message]:
    """The messages that a turn is made of: what tools gave comes before what else is said.

    called: the names of the tools by the ids of their calls, as far as they are known; those of this turn are added.
    """
    text = ""
    thoughts: list[str] = []
    images: list[str] = []
    calls: list[ToolCall] = []
    results: list[Message] = []
    for block in blocks_of(turn.content):
        match kind_of(block):
            case "thinking":
                thoughts.append(read_value(block, wire.ThinkingIn).thinking)
            case "tool_use":
                calls.append(_call(read_value(block, wire.ToolUseIn)))
            case "tool_result":
                results.append(_result(read_value(block, wire.ToolResultIn), called))
            case _:
                part = read_part(block)
                text += part.text
                images += part.images
    called |= {call.id: call.name for call in calls}
    if results and not (text or images or calls or any(thoughts)):
        return results
    return [*results, Message(turn.role.lower(), text, paragraphs(thoughts), tuple(images), tuple(calls))]


def _result(block: wire.ToolResultIn, called: Mapping[str, str]) -> Message:
    part = read_parts(block.content, "invalid tool_result image source")
    # A failure that says nothing must not look like a success.
    text = part.text or ("error" if block.is_error else "")
    name = called.get(block.tool_use_id, "")
    return Message("tool", text, images=part.images, tool_name=name, tool_call_id=block.tool_use_id)


def _call(block: wire.ToolUseIn) -> ToolCall:
    if not block.id:
        raise InvalidRequest("tool_use block missing required 'id' field")
    if not block.name:
        raise InvalidRequest("tool_use block missing required 'name' field")
    return ToolCall(block.name, block.input, block.id)
