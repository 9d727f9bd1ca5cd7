"""Answers as Ollama streams them: one JSON object a line, or one object in all. Pure: the time is an argument."""

from collections.abc import Callable, Iterable, Sequence
from typing import Generic, TypeVar

import msgspec
from msgspec import UNSET

from arriero.protocol import ollama as wire
from arriero.protocol.answer_route import route_of, to_route
from arriero.types.events import (
    Event,
    Finished,
    TextDelta,
    ThinkingDelta,
    TokenLogprob,
    ToolCallDelta,
    Truncated,
    text_and_thinking,
)
from arriero.types.routing import Decision
from arriero.types.times import Times

_encode = msgspec.json.Encoder().encode

Wire = TypeVar("Wire", wire.ChatResponse, wire.GenerateResponse)


class OllamaAnswer(Generic[Wire]):
    """Encodes one answer. ``make`` builds an object from the model's name, a timestamp, text and thinking."""

    content_type = b"application/x-ndjson"
    whole_content_type = b"application/json; charset=utf-8"

    def __init__(self, model: str, make: Callable[[str, str, str, str], Wire]) -> None:
        self._model = model
        self._make: Callable[[str, str, str, str], Wire] = make
        self._truncated: Truncated | None = None
        self._decision: Decision | None = None

    def chunk(self, events: Sequence[Event], created_at: str) -> bytes:
        """The lines of a batch of events; of ``Finished`` and ``Truncated``, which the last one tells, nothing."""
        model, make = self._model, self._make
        lines = []
        for event in events:
            if type(event) is TextDelta:
                answer = make(model, created_at, event.text, "")
                if event.logprobs:
                    answer.logprobs = _logprobs(event.logprobs)
                lines.append(_encode(answer))
            elif type(event) is ThinkingDelta:
                lines.append(_encode(make(model, created_at, "", event.text)))
            elif type(event) is ToolCallDelta:
                answer = make(model, created_at, "", "")
                _put_calls(answer, [event])
                lines.append(_encode(answer))
            elif type(event) is Truncated:
                self._truncated = event
            elif type(event) is Decision:
                self._decision = event
        lines.append(b"")
        return b"\n".join(lines)

    def last(self, finished: Finished, created_at: str, times: Times) -> bytes:
        """The line that ends a stream."""
        answer = self._make(self._model, created_at, "", "")
        if self._decision is not None:
            answer.route = to_route(self._decision)
        return _encode(_finish(answer, finished, times, self._truncated)) + b"\n"

    def whole(self, events: Sequence[Event], finished: Finished, created_at: str, times: Times) -> bytes:
        """The answer in one object, of all its events."""
        text, thinking = text_and_thinking(events)
        answer = self._make(self._model, created_at, text, thinking)
        _put_calls(answer, [event for event in events if type(event) is ToolCallDelta])
        if tokens := [token for event in events if type(event) is TextDelta for token in event.logprobs]:
            answer.logprobs = _logprobs(tokens)
        answer.route = route_of(events[:1])
        truncated = next((event for event in events if type(event) is Truncated), None)
        return _encode(_finish(answer, finished, times, truncated))

    def failure(self, message: str) -> bytes:
        """The last line of a stream that broke off."""
        return _encode(wire.ErrorResponse(message)) + b"\n"


def _finish(answer: Wire, finished: Finished, times: Times, truncated: Truncated | None) -> Wire:
    """Put in counts and durations."""
    usage, durations = finished.usage, times.durations(finished.usage)
    answer.done = True
    answer.done_reason = finished.reason
    if finished.context and isinstance(answer, wire.GenerateResponse):
        answer.context = finished.context
    answer.total_duration = durations.total_ns
    answer.load_duration = durations.load_ns
    answer.prompt_eval_count = usage.prompt_tokens
    answer.prompt_eval_duration = durations.prompt_ns
    answer.eval_count = usage.completion_tokens
    answer.eval_duration = durations.completion_ns
    if truncated:
        answer.truncated = wire.AnswerTruncated(
            truncated.dropped_messages, truncated.prompt_tokens, truncated.num_ctx, truncated.dropped_tokens or UNSET
        )
    return answer


def _put_calls(answer: Wire, calls: Sequence[ToolCallDelta]) -> None:
    if calls and isinstance(answer, wire.ChatResponse):
        answer.message.tool_calls = [
            wire.AnswerToolCall(delta.call.id, wire.AnswerFunction(delta.index, delta.call.name, delta.call.arguments))
            for delta in calls
        ]


def _logprobs(tokens: Iterable[TokenLogprob]) -> list[wire.AnswerLogprob]:
    return [
        wire.AnswerLogprob(
            token.token,
            token.logprob,
            _bytes(token.token),
            [wire.AnswerTopLogprob(top.token, top.logprob, _bytes(top.token)) for top in token.top] or UNSET,
        )
        for token in tokens
    ]


def _bytes(token: str) -> list[int] | msgspec.UnsetType:
    return list(token.encode()) or UNSET


def chat_answer(model: str) -> OllamaAnswer[wire.ChatResponse]:
    """An answer to ``/api/chat``."""
    return OllamaAnswer(model, chat_object)


def generate_answer(model: str) -> OllamaAnswer[wire.GenerateResponse]:
    """An answer to ``/api/generate``."""
    return OllamaAnswer(model, generate_object)


def chat_object(model: str, created_at: str, text: str = "", thinking: str = "") -> wire.ChatResponse:
    """One object of a chat answer that is not done."""
    return wire.ChatResponse(model, created_at, wire.AnswerMessage("assistant", text, thinking or UNSET))


def generate_object(model: str, created_at: str, text: str = "", thinking: str = "") -> wire.GenerateResponse:
    """One object of a generated answer that is not done."""
    return wire.GenerateResponse(model, created_at, text, thinking or UNSET)
