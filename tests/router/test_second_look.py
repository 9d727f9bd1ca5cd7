from collections.abc import Sequence

import pytest

from arriero.router.second_look import Finding, look_at
from arriero.types.chat import ChatPrompt, JsonFormat, Message, TextPrompt, TextRequest, ToolCall
from arriero.types.events import Event, Finished, FinishReason, TextDelta, ThinkingDelta, TokenLogprob, ToolCallDelta
from arriero.types.sampling import SamplingParams
from arriero.types.usage import Usage

USAGE = Usage(prompt_tokens=3, completion_tokens=2)
CALL = ToolCall("look", {"place": "Lima"}, "call_1")
ASKED = TextRequest(ChatPrompt((Message("user", "hi"),)))
JSON = TextRequest(ASKED.prompt, json_format=JsonFormat())


def told(*said: str | Event, reason: FinishReason = "stop") -> list[Event]:
    return [*(TextDelta(each) if isinstance(each, str) else each for each in said), Finished(reason, USAGE)]


def sure(*logprobs: float) -> Sequence[Event]:
    return told(*(TextDelta("x", (TokenLogprob("x", each),)) for each in logprobs))


def called_before(call: ToolCall) -> TextRequest:
    turns = (Message("user", "look"), Message("assistant", "", tool_calls=(call,)), Message("tool", "sunny"))
    return TextRequest(ChatPrompt(turns))


@pytest.mark.parametrize(
    ("events", "request_", "finding"),
    [
        (told("fine"), ASKED, None),
        (told(), ASKED, Finding.EMPTY),
        (told(" ", "\n"), ASKED, Finding.EMPTY),
        (told(ThinkingDelta("I wonder.")), ASKED, Finding.EMPTY),
        (told(ToolCallDelta(0, CALL)), ASKED, None),
        (told("so far", reason="length"), ASKED, Finding.CUT_OFF),
        (told("so far", reason="length"), TextRequest(ASKED.prompt, SamplingParams(max_tokens=2)), None),
        (told('{"a": 1}'), JSON, None),
        (told(' {"a":', " 1}\n"), JSON, None),
        (told('{"a": '), JSON, Finding.INVALID_JSON),
        (told("Sure! {}"), JSON, Finding.INVALID_JSON),
        (told(ToolCallDelta(0, CALL)), JSON, None),
        (told(ToolCallDelta(0, CALL)), called_before(CALL), Finding.REPEATED_CALL),
        (told(ToolCallDelta(0, CALL)), called_before(ToolCall(CALL.name, CALL.arguments, "x")), Finding.REPEATED_CALL),
        (told(ToolCallDelta(0, CALL)), called_before(ToolCall("look", {"place": "Oslo"})), None),
        (told(ToolCallDelta(0, CALL)), called_before(ToolCall("find", {"place": "Lima"})), None),
        (told(ToolCallDelta(0, CALL)), TextRequest(TextPrompt("look")), None),
        (sure(-0.1, -0.5), ASKED, None),
        (sure(-1.0, -2.0), ASKED, None),
        (sure(-1.0, -4.0), ASKED, Finding.UNSURE),
        (sure(float("-inf")), ASKED, Finding.UNSURE),
    ],
)
def test_what_is_found(events: Sequence[Event], request_: TextRequest, finding: Finding | None) -> None:
    assert look_at(events, request_) == finding


def test_json_without_a_schema_that_nobody_asked_for_is_only_text() -> None:
    assert look_at(told('{"a": '), ASKED) is None
