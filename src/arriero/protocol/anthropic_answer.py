"""Answers of Anthropic's Messages API, streamed or in one object. Pure."""

from collections.abc import Iterable, Sequence

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from arriero.errors import ArrieroError
from arriero.protocol import anthropic as wire
from arriero.protocol.answer_route import AnswerRoute, route_of, to_route
from arriero.protocol.anthropic_blocks import AnswerBlocks, StreamEvent
from arriero.protocol.anthropic_error import error_body
from arriero.protocol.sse import sse_named_event
from arriero.types.events import Event, Finished
from arriero.types.routing import Decision
from arriero.types.times import Times
from arriero.types.usage import Usage

_encode = msgspec.json.Encoder().encode


class AnthropicAnswer:
    """Encodes one answer of ``/v1/messages``. ident: 24 hex digits; estimated_tokens: of the prompt.

    The answer in one piece is made of the same blocks as the stream, so that the two never differ.
    """

    content_type = b"text/event-stream"
    whole_content_type = b"application/json"

    def __init__(self, model: str, ident: str, estimated_tokens: int) -> None:
        self._ident = ident
        self._begun = wire.Message(
            f"msg_{ident}", "message", "assistant", model, [], None, None, wire.Usage(estimated_tokens, 0)
        )
        self._blocks = AnswerBlocks(ident)
        self._has_begun = False
        self._route: AnswerRoute | UnsetType = UNSET

    def chunk(self, events: Sequence[Event], created_at: str) -> bytes:
        """What a batch of events adds."""
        del created_at
        if events and type(events[0]) is Decision:
            self._route = to_route(events[0])
        return self._opening() + _frames(told for event in events for told in self._blocks.feed(event))

    def last(self, finished: Finished, created_at: str, times: Times) -> bytes:
        """The end of the open block, and why the answer ends."""
        del created_at, times
        end = wire.MessageDelta("message_delta", self._stop(finished), _usage(finished.usage), self._route)
        return self._opening() + _frames([*self._blocks.close(), end, wire.MessageStop("message_stop")])

    def whole(self, events: Sequence[Event], finished: Finished, created_at: str, times: Times) -> bytes:
        """The answer in one object, of all its events."""
        del created_at, times
        for event in events:
            self._blocks.feed(event)
        self._blocks.close()
        stop = self._stop(finished)
        message = replace(
            self._begun,
            content=self._blocks.done,
            stop_reason=stop.stop_reason,
            stop_sequence=stop.stop_sequence,
            usage=_usage(finished.usage),
            route=route_of(events[:1]),
        )
        return _encode(message) + b"\n"

    def failure(self, message: str) -> bytes:
        """The last event of a stream that broke off."""
        return self._opening() + sse_named_event("error", error_body(ArrieroError(message), self._ident))

    def _opening(self) -> bytes:
        if self._has_begun:
            return b""
        self._has_begun = True
        return _frames([wire.MessageStart("message_start", self._begun)])

    def _stop(self, finished: Finished) -> wire.Stop:
        if self._blocks.has_calls:
            return wire.Stop("tool_use", None)
        if finished.stop_text:
            return wire.Stop("stop_sequence", finished.stop_text)
        return wire.Stop("max_tokens" if finished.reason == "length" else "end_turn", None)


def _frames(events: Iterable[StreamEvent | wire.MessageStart | wire.MessageDelta | wire.MessageStop]) -> bytes:
    return b"".join(sse_named_event(event.type, _encode(event)) for event in events)


def _usage(usage: Usage) -> wire.Usage:
    return wire.Usage(usage.prompt_tokens - usage.cached_tokens, usage.completion_tokens, usage.cached_tokens or UNSET)
