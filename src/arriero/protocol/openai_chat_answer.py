"""Answers of OpenAI's chat completions, as chunks or as one object. Pure."""

from collections.abc import Collection, Sequence

import msgspec
from msgspec import UNSET, UnsetType

from arriero.errors import ArrieroError
from arriero.protocol import openai_chat as wire
from arriero.protocol.answer_route import AnswerRoute, route_of, to_route
from arriero.protocol.openai_answer import FINGERPRINT, AnswerHead, to_usage
from arriero.protocol.openai_custom_tools import custom_input
from arriero.protocol.openai_error import error_body
from arriero.protocol.openai_logprobs import to_logprobs
from arriero.protocol.sse import SSE_DONE, sse_event
from arriero.types.events import (
    Event,
    Finished,
    TextDelta,
    ThinkingDelta,
    TokenLogprob,
    ToolCallDelta,
    text_and_thinking,
)
from arriero.types.routing import Decision
from arriero.types.times import Times
from arriero.types.usage import Usage

_encode = msgspec.json.Encoder().encode


class ChatAnswer:
    """Encodes one answer, or one of several to a request.

    index: which of them. custom: names of the tools that take a text instead of arguments.
    """

    content_type = b"text/event-stream"
    whole_content_type = b"application/json"

    def __init__(
        self,
        head: AnswerHead,
        *,
        include_usage: bool = False,
        index: int = 0,
        custom: Collection[str] = (),
    ) -> None:
        self._head = head
        self._custom = custom
        self._include_usage = include_usage
        self._index = index
        self._is_first = True
        self._has_calls = False
        self._call_ids: set[str] = set()
        self._route: AnswerRoute | UnsetType = UNSET

    def chunk(self, events: Sequence[Event], created_at: str) -> bytes:
        """The events of a batch, framed. (All chunks of an answer bear the time of its start.)"""
        del created_at
        return b"".join(self._event(event) for event in events)

    def last(self, finished: Finished, created_at: str, times: Times) -> bytes:
        """What ends a stream: the reason, the usage where it is wanted, and OpenAI's own mark."""
        del created_at, times
        return self.end(finished) + self.close([finished.usage])

    def end(self, finished: Finished) -> bytes:
        """What ends one of several answers in a stream."""
        opening = self._frame(wire.OutDelta(content="")) if self._is_first else b""
        choice = wire.DeltaChoice(self._index, wire.OutDelta(), _reason(finished, has_calls=self._has_calls))
        chunk = self._chunk([choice])
        chunk.route = self._route
        return opening + sse_event(_encode(chunk))

    def close(self, usages: Sequence[Usage]) -> bytes:
        """What ends a stream after all its answers."""
        if not self._include_usage:
            return SSE_DONE
        chunk = self._chunk([])
        chunk.usage = to_usage(usages, per_prompt=len(usages))
        return sse_event(_encode(chunk)) + SSE_DONE

    def whole(self, events: Sequence[Event], finished: Finished, created_at: str, times: Times) -> bytes:
        """The answer in one object, of all its events."""
        del created_at, times
        return self.together([(events, finished)])

    def together(self, answers: Sequence[tuple[Sequence[Event], Finished]]) -> bytes:
        """Several answers in one object."""
        head = self._head
        choices = [self._choice(index, events, finished) for index, (events, finished) in enumerate(answers)]
        usage = to_usage([finished.usage for _, finished in answers], per_prompt=len(answers))
        answer = wire.ChatCompletion(head.id, "chat.completion", head.created, head.model, FINGERPRINT, choices, usage)
        answer.route = route_of(answers[0][0][:1])
        return _encode(answer) + b"\n"

    def failure(self, message: str) -> bytes:
        """The last event of a stream that broke off."""
        return sse_event(error_body(ArrieroError(message)))

    def _event(self, event: Event) -> bytes:
        if type(event) is TextDelta:
            return self._frame(wire.OutDelta(content=event.text), logprobs=event.logprobs)
        if type(event) is ThinkingDelta:
            return self._frame(wire.OutDelta(content="", reasoning=event.text))
        if type(event) is Decision:
            self._route = to_route(event)
        if type(event) is ToolCallDelta:
            self._has_calls = True
            return self._frame(wire.OutDelta(content="", tool_calls=[self._call(event, self._call_ids)]))
        return b""

    def _frame(self, delta: wire.OutDelta, logprobs: Sequence[TokenLogprob] = ()) -> bytes:
        if self._is_first:
            delta.role = "assistant"
            self._is_first = False
        choice = wire.DeltaChoice(self._index, delta, None)
        if logprobs:
            choice.logprobs = wire.OutLogprobs(to_logprobs(logprobs))
        return sse_event(_encode(self._chunk([choice])))

    def _chunk(self, choices: list[wire.DeltaChoice]) -> wire.ChatCompletionChunk:
        head = self._head
        return wire.ChatCompletionChunk(
            head.id, "chat.completion.chunk", head.created, head.model, FINGERPRINT, choices
        )

    def _choice(self, index: int, events: Sequence[Event], finished: Finished) -> wire.MessageChoice:
        text, thinking = text_and_thinking(events)
        idents: set[str] = set()
        calls = [self._call(event, idents) for event in events if type(event) is ToolCallDelta]
        message = wire.OutMessage("assistant", text, thinking or UNSET, calls or UNSET)
        choice = wire.MessageChoice(index, message, _reason(finished, has_calls=bool(calls)))
        if tokens := [token for event in events if type(event) is TextDelta for token in event.logprobs]:
            choice.logprobs = wire.OutLogprobs(to_logprobs(tokens))
        return choice

    def _call(self, delta: ToolCallDelta, idents: set[str]) -> wire.OutCall:
        """A call, and its id among those of the calls before it."""
        call, head = delta.call, self._head
        ident = call.id
        if not ident or ident in idents:
            # Not every engine names its calls, or each by a name of its own.
            ident = f"call_{head.created:x}_{head.id.rpartition('-')[2]}_{delta.index}"
        idents.add(ident)
        if call.name in self._custom:
            return wire.OutCustomCall(
                ident, delta.index, "custom", wire.OutCustom(call.name, custom_input(call.arguments))
            )
        function = wire.OutFunction(call.name, _encode(call.arguments).decode())
        return wire.OutToolCall(ident, delta.index, "function", function)


def _reason(finished: Finished, *, has_calls: bool) -> str:
    return "tool_calls" if has_calls and finished.reason == "stop" else finished.reason
