"""Answers as ``ollama.Client`` gives them, with who has answered and why."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec
import ollama
from pydantic import ConfigDict, Field, field_serializer

from arriero.protocol.timestamps import utc_now
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


class RoutedResponse(ollama.ChatResponse):
    """An answer, or a piece of one.

    content: the text, as in ``message``. model: the one that has answered; location: where that is, such as ``Local
    Ollama``; reason: why, in words; decision: all that is known of it. truncated: what was left out of a prompt that
    was too long, in the last piece.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    content: str = ""
    location: str = ""
    reason: str = ""
    decision: Decision | None = Field(default=None, repr=False)
    truncated: Truncated | None = None

    # JSON, as pydantic writes it.
    @field_serializer("decision", "truncated")
    def _to_json(self, value: Decision | Truncated | None) -> Any:
        return msgspec.to_builtins(value)


class Responder:
    """Makes an answer of its events. model, location, reason: see ``RoutedResponse``. clock: what time it is."""

    def __init__(
        self, model: str, location: str, reason: str, decision: Decision, clock: Callable[[], str] = utc_now
    ) -> None:
        # Of several types, as an answer has them.
        self._route: dict[str, Any] = {"model": model, "location": location, "reason": reason, "decision": decision}
        self._clock = clock
        self._truncated: Truncated | None = None

    def pieces(self, events: Sequence[Event]) -> Iterable[RoutedResponse]:
        """What a batch of events brings; ``Finished`` is passed over."""
        for event in events:
            if type(event) is TextDelta:
                yield self._response(event.text, logprobs=event.logprobs)
            elif type(event) is ThinkingDelta:
                yield self._response(thinking=event.text)
            elif type(event) is ToolCallDelta:
                yield self._response(calls=[event])
            elif type(event) is Truncated:
                self._truncated = event

    def last(self, finished: Finished, times: Times) -> RoutedResponse:
        """The end of a stream."""
        return _finish(self._response(), finished, times, self._truncated)

    def whole(self, events: Sequence[Event], finished: Finished, times: Times) -> RoutedResponse:
        """The answer in one."""
        text, thinking = text_and_thinking(events)
        calls = [event for event in events if type(event) is ToolCallDelta]
        tokens = [token for event in events if type(event) is TextDelta for token in event.logprobs]
        truncated = next((event for event in events if type(event) is Truncated), None)
        answer = self._response(text, thinking=thinking, calls=calls, logprobs=tokens)
        return _finish(answer, finished, times, truncated)

    def _response(
        self,
        text: str = "",
        *,
        thinking: str = "",
        calls: Sequence[ToolCallDelta] = (),
        logprobs: Sequence[TokenLogprob] = (),
    ) -> RoutedResponse:
        fields: dict[str, Any] = {"role": "assistant", "content": text}  # of several types, as a message has them
        if thinking:
            fields["thinking"] = thinking
        if calls:
            fields["tool_calls"] = [{"function": _function(each)} for each in calls]
        answer: dict[str, Any] = {"message": fields, "content": text, "created_at": self._clock(), "done": False}
        if logprobs:
            answer["logprobs"] = [_logprob(token) for token in logprobs]
        return RoutedResponse(**answer, **self._route)


def _function(delta: ToolCallDelta) -> dict[str, Any]:
    return {"name": delta.call.name, "arguments": delta.call.arguments}


def _logprob(token: TokenLogprob) -> dict[str, Any]:
    found: dict[str, Any] = {"token": token.token, "logprob": token.logprob}
    return found | ({"top_logprobs": [msgspec.to_builtins(top) for top in token.top]} if token.top else {})


def _finish(answer: RoutedResponse, finished: Finished, times: Times, truncated: Truncated | None) -> RoutedResponse:
    """Put in counts and durations."""
    usage, durations = finished.usage, times.durations(finished.usage)
    answer.done, answer.done_reason = True, finished.reason
    answer.total_duration, answer.load_duration = durations.total_ns, durations.load_ns
    answer.prompt_eval_count, answer.eval_count = usage.prompt_tokens, usage.completion_tokens
    answer.prompt_eval_duration, answer.eval_duration = durations.prompt_ns, durations.completion_ns
    if truncated is not None:
        answer.truncated = truncated
    return answer
