"""Answers of the Responses API, streamed or in one object. Pure: the time is an argument."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from arriero.protocol import openai_responses as wire
from arriero.protocol import openai_responses_events as told
from arriero.protocol.answer_route import AnswerRoute, to_route
from arriero.protocol.openai_responses_items import COMPLETED, INCOMPLETE, OutputItems
from arriero.protocol.openai_responses_tools import Offered
from arriero.protocol.sse import sse_named_event
from arriero.types.events import Event, Finished
from arriero.types.routing import Decision
from arriero.types.times import Times
from arriero.types.usage import Usage

_encode = msgspec.json.Encoder().encode
_SECOND_NS = 1_000_000_000


class ResponsesAnswer:
    """Encodes one answer to a request. tools: those of the request. ident: makes its ids; created_at: Unix seconds.

    The answer in one piece is the stream's last event without the others, so that the two never differ.
    """

    content_type = b"text/event-stream"
    whole_content_type = b"application/json"

    def __init__(self, request: wire.ResponsesRequest, tools: Offered, ident: str, created_at: int) -> None:
        self._begun = _begun(request, f"resp_{ident}", created_at)
        self._items = OutputItems(ident, tools)
        self._sent = 0
        self._route: AnswerRoute | UnsetType = UNSET

    def chunk(self, events: Sequence[Event], created_at: str) -> bytes:
        """What a batch of events adds."""
        del created_at
        self._note(events)
        return self._opening() + self._frames(each for event in events for each in self._items.feed(event))

    def last(self, finished: Finished, created_at: str, times: Times) -> bytes:
        """The end of the open item, and the whole answer."""
        del created_at
        opening = self._opening()
        closing = self._frames(self._items.close(_status(finished)))
        response = self._finished(finished, times)
        return opening + closing + self._frames([_lifecycle(response)])

    def whole(self, events: Sequence[Event], finished: Finished, created_at: str, times: Times) -> bytes:
        """The answer in one object, of all its events."""
        del created_at
        self._note(events)
        for event in events:
            self._items.feed(event)
        self._items.close(_status(finished))
        return _encode(self._finished(finished, times)) + b"\n"

    def failure(self, message: str) -> bytes:
        """The last event of a stream that broke off: what there is of the answer, and why there is no more."""
        opening = self._opening()
        closing = self._frames(self._items.close(INCOMPLETE))
        error = wire.ResponseError("server_error", message)
        failed = replace(self._begun, status="failed", output=self._items.done, error=error)
        return opening + closing + self._frames([_lifecycle(failed)])

    def _note(self, events: Sequence[Event]) -> None:
        if events and type(events[0]) is Decision:
            self._route = to_route(events[0])

    def _opening(self) -> bytes:
        if self._sent:
            return b""
        kinds = ("response.created", "response.in_progress")
        return self._frames(told.ResponseEvent(type=kind, response=self._begun) for kind in kinds)

    def _frames(self, events: Iterable[told.StreamEvent]) -> bytes:
        return b"".join(self._frame(event) for event in events)

    def _frame(self, event: told.StreamEvent) -> bytes:
        event.sequence_number = self._sent
        self._sent += 1
        return sse_named_event(event.type, _encode(event))

    def _finished(self, finished: Finished, times: Times) -> wire.Response:
        is_cut = _status(finished) == INCOMPLETE
        return replace(
            self._begun,
            status=_status(finished),
            completed_at=self._begun.created_at + (times.now_ns - times.asked_ns) // _SECOND_NS,
            incomplete_details=wire.Incomplete("max_output_tokens") if is_cut else None,
            output=self._items.done,
            usage=_usage(finished.usage),
            route=self._route,
        )


def _status(finished: Finished) -> str:
    return INCOMPLETE if finished.reason == "length" else COMPLETED


def _lifecycle(response: wire.Response) -> told.StreamEvent:
    return told.ResponseEvent(type=f"response.{response.status}", response=response)


def _usage(usage: Usage) -> wire.ResponseUsage:
    return wire.ResponseUsage(
        usage.prompt_tokens,
        usage.completion_tokens,
        usage.prompt_tokens + usage.completion_tokens,
        wire.InputDetails(usage.cached_tokens),
        wire.OutputDetails(usage.reasoning_tokens),
    )


# Any JSON, and what is written as such.
def _written(value: Any) -> msgspec.Raw:
    return msgspec.Raw(_encode(value))


def _begun(request: wire.ResponsesRequest, ident: str, created_at: int) -> wire.Response:
    """The answer before there is anything of it, with the request's own settings."""
    reasoning = request.reasoning
    return wire.Response(
        id=ident,
        object="response",
        created_at=created_at,
        completed_at=None,
        status="in_progress",
        incomplete_details=None,
        model=request.model,
        previous_response_id=None,
        instructions=None if request.instructions is UNSET else request.instructions,
        output=[],
        error=None,
        tools=_written(request.tools),
        tool_choice=_written("auto" if request.tool_choice is UNSET else request.tool_choice),
        truncation="disabled" if request.truncation is UNSET else request.truncation,
        parallel_tool_calls=request.parallel_tool_calls,
        text=_written(request.text),
        top_p=1.0 if request.top_p is UNSET else request.top_p,
        presence_penalty=0.0,
        frequency_penalty=0.0,
        top_logprobs=request.top_logprobs,
        temperature=request.temperature,
        reasoning=None if reasoning is UNSET else wire.ReasoningEcho(reasoning.effort, reasoning.summary),
        usage=None,
        max_output_tokens=None if request.max_output_tokens is UNSET else request.max_output_tokens,
        max_tool_calls=None if request.max_tool_calls is UNSET else request.max_tool_calls,
        store=False,
        background=request.background,
        service_tier="default",
        metadata=_written(request.metadata),
        safety_identifier=None if request.safety_identifier is UNSET else request.safety_identifier,
        prompt_cache_key=None if request.prompt_cache_key is UNSET else request.prompt_cache_key,
    )
