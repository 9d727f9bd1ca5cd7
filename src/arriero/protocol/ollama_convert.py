"""Between Ollama's wire and the neutral types. Pure: what time it is comes in as an argument."""

import binascii
import json
import re
from collections.abc import Sequence
from typing import get_args

import msgspec
from msgspec import UnsetType
from msgspec.structs import replace

from arriero.errors import InvalidRequest
from arriero.protocol import ollama as wire
from arriero.protocol.go_template import render_template
from arriero.types.chat import (
    ChatPrompt,
    InfillPrompt,
    JsonFormat,
    Message,
    Prompt,
    TextPrompt,
    ThinkLevel,
    ToolCall,
)
from arriero.types.durations import parse_keep_alive
from arriero.types.models import ModelRecord

Think = bool | ThinkLevel | None
_THINK_WORDS = '"high", "medium", "low", "max", true, or false'
_NOT_BASE64 = re.compile(r"[^A-Za-z0-9+/=\r\n]")


def read_think(value: wire.Loose | UnsetType) -> Think:
    """``think`` of a request; None where it is absent."""
    if isinstance(value, UnsetType):
        return None
    if isinstance(value, bool):
        return value
    if not isinstance(value, str):
        raise InvalidRequest(f"think must be a boolean or string ({_THINK_WORDS})")
    for level in get_args(ThinkLevel):
        if value == level:
            return level  # type: ignore[no-any-return]  # one of the literals that it was compared with
    raise InvalidRequest(f'invalid think value: "{value}" (must be {_THINK_WORDS})')


def read_keep_alive(value: wire.Loose | UnsetType) -> float | None:
    """``keep_alive`` in seconds, ``inf`` for ever; None where it is absent."""
    return None if isinstance(value, UnsetType) else parse_keep_alive(value)


def read_format(value: wire.Loose | UnsetType) -> JsonFormat | None:
    """``format``: "json", a JSON Schema, or nothing."""
    if isinstance(value, UnsetType) or value == "":
        return None
    if value == "json":
        return JsonFormat()
    if isinstance(value, dict):
        return JsonFormat(schema=value)
    raw = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    quoted = json.dumps(raw, ensure_ascii=False)
    raise InvalidRequest(f'invalid format: {quoted}; expected "json" or a valid JSON Schema object')


def images_of(request: wire.ChatRequest | wire.GenerateRequest) -> list[str]:
    """The images of a request, wherever they are in it."""
    if isinstance(request, wire.GenerateRequest):
        return request.images
    return [image for message in request.messages for image in message.images]


def check_base64(images: Sequence[str]) -> None:
    """Raise InvalidRequest, in Go's words, for the first image that is not standard padded base64."""
    for image in images:
        bad = _NOT_BASE64.search(image)
        try:
            if bad is None:
                binascii.a2b_base64(image.replace("\r", "").replace("\n", ""), strict_mode=True)
                continue
            at = len(image[: bad.start()].encode())
        except binascii.Error:
            at = len(image)
        raise InvalidRequest(f"illegal base64 data at input byte {at}")


def chat_prompt(request: wire.ChatRequest, record: ModelRecord, think: Think) -> ChatPrompt:
    """The request's messages behind those that the model brings along."""
    turns = tuple(turn_of(turn) for turn in request.messages)
    tools = tuple({**tool, "type": "function"} for tool in request.tools)
    return replace(with_model(turns, record, think), tools=tools)


def with_model(turns: tuple[Message, ...], record: ModelRecord, think: Think = None) -> ChatPrompt:
    """Turns behind those that the model brings along; its system text gives way to one that they begin with.

    To a model whose template knows no tools, the calls of a conversation are text: it would drop them.
    """
    system = "" if turns and turns[0].role == "system" else record.system
    if "tools" not in record.capabilities:
        turns = tuple(_calls_as_text(turn) if turn.tool_calls else turn for turn in turns)
    return ChatPrompt((*_system_message(system), *record.messages, *turns), think)


def generate_prompt(request: wire.GenerateRequest, record: ModelRecord, think: Think) -> Prompt:
    """A prompt as one turn of a chat, or as the request says: ``raw``, a gap to fill, or in a template of its own."""
    if request.raw:
        return TextPrompt(request.prompt)
    system = request.system or record.system
    context = tuple(request.context)
    if request.template:
        values = {"System": system, "Prompt": request.prompt, "Suffix": request.suffix}
        return TextPrompt(render_template(request.template, values), context, thinks=think is not None)
    if request.suffix:
        return InfillPrompt(request.prompt, request.suffix)
    if not (record.template or system or record.messages or request.images):
        # What was never taught to chat goes on with the text.
        return TextPrompt(request.prompt, context)
    history = () if context else record.messages
    user = Message("user", request.prompt, images=tuple(request.images))
    return ChatPrompt((*_system_message(system), *history, user), think, context=context)


def turn_of(turn: wire.WireMessage) -> Message:
    """A turn of a conversation as it came."""
    return Message(
        turn.role.lower(),
        turn.content,
        turn.thinking,
        tuple(turn.images),
        tuple(ToolCall(call.function.name, call.function.arguments, call.id) for call in turn.tool_calls),
        turn.tool_name,
        turn.tool_call_id,
    )


def _calls_as_text(turn: Message) -> Message:
    calls = (wire.WireFunction(call.name, call.arguments) for call in turn.tool_calls)
    written = (msgspec.json.encode(call).decode() for call in calls)
    return replace(turn, content="\n".join(part for part in (turn.content, *written) if part), tool_calls=())


def _system_message(text: str) -> tuple[Message, ...]:
    return (Message("system", text),) if text else ()
