"""Between OpenAI's chat completions and the neutral types. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from arriero.errors import ArrieroError, InvalidRequest
from arriero.protocol import openai_chat as wire
from arriero.protocol.sse import SSE_DONE, sse_event
from arriero.types.chat import JsonFormat, Message
from arriero.types.events import Event, Finished, TextDelta, ThinkingDelta, text_and_thinking
from arriero.types.times import Times
from arriero.types.usage import Usage

_encode = msgspec.json.Encoder().encode
_FINGERPRINT = "fp_ollama"


def read_messages(request: wire.ChatCompletionRequest) -> tuple[Message, ...]:
    """The request's turns. Raises InvalidRequest where there are none, or one has no text."""
    if not request.messages:
        raise InvalidRequest("[] is too short - 'messages'")
    return tuple(_message(message) for message in request.messages)


def read_options(request: wire.ChatCompletionRequest) -> Mapping[str, Any]:
    """The request's sampling parameters as Ollama's options."""
    limit = request.max_tokens if request.max_completion_tokens is UNSET else request.max_completion_tokens
    options = {
        "num_predict": limit,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "seed": request.seed,
        # Without any, the model's own count.
        "stop": ([request.stop] if isinstance(request.stop, str) else request.stop) or UNSET,
        "frequency_penalty": request.frequency_penalty,
        "presence_penalty": request.presence_penalty,
    }
    return {name: value for name, value in options.items() if value is not UNSET}


def read_format(request: wire.ChatCompletionRequest) -> JsonFormat | None:
    """What the answer must be: JSON, of a schema or any, or just text."""
    match request.response_format.type.strip().lower():
        case "json_object":
            return JsonFormat()
        case "json_schema":
            return JsonFormat(request.response_format.json_schema.schema)
        case _:
            return None


def check_supported(request: wire.ChatCompletionRequest) -> None:
    """Raise InvalidRequest for what this server cannot do yet."""
    if request.tools:
        raise InvalidRequest("tools are not supported yet: leave tools out")
    if request.logprobs:
        raise InvalidRequest("logprobs are not supported yet: leave logprobs out")
    if request.n != 1:
        raise InvalidRequest("n is not supported yet: ask once for each answer")


def error_body(error: ArrieroError) -> bytes:
    """An error in OpenAI's shape."""
    kinds = {400: "invalid_request_error", 401: "authentication_error", 404: "not_found_error"}
    kind = kinds.get(error.status, "api_error")
    return _encode(wire.OpenAIErrorBody(wire.OpenAIError(error.message, kind, None, None)))


def _message(message: wire.InMessage) -> Message:
    role = "system" if message.role == "developer" else message.role.lower()
    if isinstance(message.content, UnsetType):
        raise InvalidRequest("invalid message content type: <nil>")
    if isinstance(message.content, str):
        return Message(role, message.content, message.reasoning)
    return Message(role, "".join(_part(part) for part in message.content), message.reasoning)


# A part of a message is JSON whose shape its own `type` decides.
def _part(part: Mapping[str, Any]) -> str:
    text = part.get("text")
    if part.get("type") != "text" or not isinstance(text, str):
        raise InvalidRequest(f"message parts of type {part.get('type')!r} are not supported: send text")
    return text


class OpenAIAnswer:
    """Encodes one answer of ``/v1/chat/completions``. ``number`` makes its id; ``created`` is in Unix seconds."""

    content_type = b"text/event-stream"
    whole_content_type = b"application/json"

    def __init__(self, model: str, number: int, created: int, *, include_usage: bool) -> None:
        self._id = f"chatcmpl-{number}"
        self._model = model
        self._created = created
        self._include_usage = include_usage
        self._is_first = True

    def chunk(self, events: Sequence[Event], created_at: str) -> bytes:
        """The events of a batch, framed. (All chunks of an answer bear the time of its start.)"""
        del created_at
        return b"".join(self._event(event) for event in events)

    def last(self, finished: Finished, created_at: str, times: Times) -> bytes:
        """What ends a stream: the reason, the usage where it is wanted, and OpenAI's own mark."""
        del created_at, times
        opening = self._frame(wire.OutDelta(content="")) if self._is_first else b""
        closing = self._frame(wire.OutDelta(), finished.reason)
        usage = self._usage_frame(finished.usage) if self._include_usage else b""
        return opening + closing + usage + SSE_DONE

    def whole(self, events: Sequence[Event], finished: Finished, created_at: str, times: Times) -> bytes:
        """The answer in one object, of all its events."""
        del created_at, times
        text, thinking = text_and_thinking(events)
        message = wire.OutMessage("assistant", text, thinking or UNSET)
        choice = wire.MessageChoice(0, message, finished.reason)
        answer = wire.ChatCompletion(
            self._id,
            "chat.completion",
            self._created,
            self._model,
            _FINGERPRINT,
            [choice],
            _usage(finished.usage),
        )
        return _encode(answer) + b"\n"

    def failure(self, message: str) -> bytes:
        """The last event of a stream that broke off."""
        return sse_event(error_body(ArrieroError(message)))

    def _event(self, event: Event) -> bytes:
        if type(event) is TextDelta:
            return self._frame(wire.OutDelta(content=event.text))
        if type(event) is ThinkingDelta:
            return self._frame(wire.OutDelta(content="", reasoning=event.text))
        return b""

    def _frame(self, delta: wire.OutDelta, finish_reason: str | None = None) -> bytes:
        if self._is_first:
            delta.role = "assistant"
            self._is_first = False
        return sse_event(_encode(self._chunk([wire.DeltaChoice(0, delta, finish_reason)])))

    def _usage_frame(self, usage: Usage) -> bytes:
        chunk = self._chunk([])
        chunk.usage = _usage(usage)
        return sse_event(_encode(chunk))

    def _chunk(self, choices: list[wire.DeltaChoice]) -> wire.ChatCompletionChunk:
        return wire.ChatCompletionChunk(
            self._id, "chat.completion.chunk", self._created, self._model, _FINGERPRINT, choices
        )


def _usage(usage: Usage) -> wire.CompletionUsage:
    total = usage.prompt_tokens + usage.completion_tokens
    return wire.CompletionUsage(usage.prompt_tokens, usage.completion_tokens, total)
