"""Looks at an answer before it is sent: is it good enough to be told? Pure."""

import math
from collections.abc import Sequence
from enum import StrEnum

import msgspec

from arriero.protocol.openai_engine import UNREADABLE
from arriero.types.chat import ChatPrompt, TextRequest, ToolCall
from arriero.types.events import Event, Finished, TextDelta, ToolCallDelta, text_and_thinking

# A mean of less than this of each token's natural logarithm: the model guesses. SmolLM2's sure answers lie above -0.5.
_LEAST_MEAN_LOGPROB = -1.6


class Finding(StrEnum):
    """What is wrong with an answer."""

    EMPTY = "empty"
    CUT_OFF = "cut_off"
    INVALID_JSON = "invalid_json"
    REPEATED_CALL = "repeated_tool_call"
    UNSURE = "low_logprob"


def look_at(events: Sequence[Event], request: TextRequest) -> Finding | None:
    """The first thing that is wrong with a whole answer to a request; None where nothing is."""
    text, _ = text_and_thinking(events)
    calls = [event.call for event in events if type(event) is ToolCallDelta]
    if not calls and not text.strip():
        return Finding.EMPTY
    if _is_cut_off(events, request):
        return Finding.CUT_OFF
    if request.json_format is not None and not calls and not _is_json(text):
        return Finding.INVALID_JSON
    if any(_is_repeated(call, request) for call in calls):
        return Finding.REPEATED_CALL
    if _mean_logprob(events) < _LEAST_MEAN_LOGPROB:
        return Finding.UNSURE
    return None


def _is_cut_off(events: Sequence[Event], request: TextRequest) -> bool:
    """It ends where there was no more room, and not where the request wanted it to end."""
    last = events[-1]
    return isinstance(last, Finished) and last.reason == "length" and request.sampling.max_tokens is None


def _is_json(text: str) -> bool:
    try:
        msgspec.json.decode(text)
    except UNREADABLE:
        return False
    return True


def _is_repeated(call: ToolCall, request: TextRequest) -> bool:
    """The same call stands in the conversation, and its answer behind it."""
    turns = request.prompt.messages if isinstance(request.prompt, ChatPrompt) else ()
    made = [earlier for turn in turns for earlier in turn.tool_calls]
    return any(earlier.name == call.name and earlier.arguments == call.arguments for earlier in made)


def _mean_logprob(events: Sequence[Event]) -> float:
    logprobs = [token.logprob for event in events if type(event) is TextDelta for token in event.logprobs]
    return sum(logprobs) / len(logprobs) if logprobs else math.inf
