"""Answers of the Responses API, written."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter

from arriero.protocol.openai_responses import Reasoning, ResponsesRequest
from arriero.protocol.openai_responses_answer import ResponsesAnswer
from arriero.protocol.openai_responses_tools import offered_tools
from arriero.types.chat import ToolCall
from arriero.types.events import (
    Event,
    Finished,
    FinishReason,
    TextDelta,
    ThinkingDelta,
    TokenLogprob,
    ToolCallDelta,
    TopLogprob,
)
from arriero.types.times import Times
from arriero.types.usage import Usage

TIMES = Times(0, 1, 2, 3_500_000_000)
USAGE = Usage(prompt_tokens=10, cached_tokens=4, completion_tokens=5)
CALLS = [ToolCallDelta(index, ToolCall("f", {"a": index}, f"c{index}")) for index in range(2)]
MIXED: list[Event] = [ThinkingDelta("h"), ThinkingDelta("m"), TextDelta("x"), *CALLS, TextDelta("y"), TextDelta("")]


def answer(request: ResponsesRequest | None = None) -> ResponsesAnswer:
    asked = request or ResponsesRequest("m")
    return ResponsesAnswer(asked, offered_tools(asked), "id", 100)


# Events are JSON here.
def streamed(
    events: Sequence[Event], reason: FinishReason = "stop", request: ResponsesRequest | None = None
) -> list[dict[str, Any]]:
    encoder = answer(request)
    body = b"".join(encoder.chunk([event], "") for event in events) + encoder.last(Finished(reason, USAGE), "", TIMES)
    return [json.loads(frame.split(b"\ndata: ")[1]) for frame in body.split(b"\n\n")[:-1]]


def whole(events: Sequence[Event], reason: FinishReason = "stop") -> Any:
    return json.loads(answer().whole(events, Finished(reason, USAGE), "", TIMES))


@pytest.mark.parametrize("events", [MIXED, [], [TextDelta("x")], CALLS])
@pytest.mark.parametrize("reason", ["stop", "length"])
def test_the_whole_answer_is_the_streams_last_event(events: list[Event], reason: FinishReason) -> None:
    last = streamed(events, reason)[-1]
    assert last["response"] == whole(events, reason)
    assert last["type"] == f"response.{last['response']['status']}"


def test_every_item_is_closed_before_the_next_begins() -> None:
    events = streamed(MIXED)
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    edges = [
        (event["type"].rsplit(".", 1)[1], event["output_index"], event["item"]["type"])
        for event in events
        if event["type"].startswith("response.output_item.")
    ]
    kinds = ("reasoning", "message", "function_call", "function_call", "message")
    assert edges == [(edge, index, kind) for index, kind in enumerate(kinds) for edge in ("added", "done")]
    assert len({item["id"] for item in events[-1]["response"]["output"]}) == len(kinds)


def test_events_of_an_item_bear_its_id_and_index() -> None:
    events = streamed(MIXED)
    ids = [item["id"] for item in events[-1]["response"]["output"]]
    for event in events:
        if "item_id" in event:
            assert ids[event["output_index"]] == event["item_id"]


def test_an_answer_that_is_cut_off_is_incomplete() -> None:
    response = whole([TextDelta("x")], "length")
    assert (response["status"], response["incomplete_details"]) == ("incomplete", {"reason": "max_output_tokens"})
    assert response["output"][0]["status"] == "incomplete"


def test_usage_and_times() -> None:
    response = whole([])
    assert (response["created_at"], response["completed_at"]) == (100, 103)
    assert response["usage"] == {
        "input_tokens": 10,
        "output_tokens": 5,
        "total_tokens": 15,
        "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 0},
        "output_tokens_details": {"reasoning_tokens": 0},
    }


def test_settings_are_told_as_they_were_sent() -> None:
    request = ResponsesRequest("m", top_p=0.5, reasoning=Reasoning("low"), tool_choice="none", metadata={"a": "b"})
    told = json.loads(answer(request).whole([], Finished("stop", USAGE), "", TIMES))
    assert (told["top_p"], told["reasoning"], told["tool_choice"]) == (0.5, {"effort": "low"}, "none")
    assert told["metadata"] == {"a": "b"}


def test_a_failure_before_any_event_is_a_stream_of_its_own() -> None:
    frames = answer().failure("gone").split(b"\n\n")
    assert [frame.split(b"\n")[0] for frame in frames[:-1]] == [
        b"event: response.created",
        b"event: response.in_progress",
        b"event: response.failed",
    ]


def test_a_thought_is_one_part_of_a_summary() -> None:
    kinds = [event["type"].removeprefix("response.") for event in streamed([ThinkingDelta("h"), ThinkingDelta("m")])]
    assert kinds[2:-1] == [
        "output_item.added",
        "reasoning_summary_part.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
        "reasoning_summary_part.done",
        "output_item.done",
    ]


def test_tools_have_the_names_of_the_client() -> None:
    tools: list[dict[str, Any]] = [
        {"type": "namespace", "name": "agents", "tools": [{"type": "function", "name": "close"}]},
        {"type": "custom", "name": "patch"},
    ]
    calls: list[Event] = [
        ToolCallDelta(0, ToolCall("agents.close", {"target": "a"}, "c0")),
        ToolCallDelta(1, ToolCall("patch", {"input": "*** Begin"}, "c1")),
    ]
    events = streamed(calls, request=ResponsesRequest("m", tools=tools))
    closed, patched = events[-1]["response"]["output"]
    assert (closed["type"], closed["name"], closed["namespace"]) == ("function_call", "close", "agents")
    assert patched == {
        "id": "ctc_id_1",
        "type": "custom_tool_call",
        "status": "completed",
        "call_id": "c1",
        "name": "patch",
        "input": "*** Begin",
    }
    kinds = [event["type"] for event in events if event.get("item_id") == "ctc_id_1"]
    assert kinds == ["response.custom_tool_call_input.delta", "response.custom_tool_call_input.done"]


def test_a_call_without_an_id_gets_one() -> None:
    [item] = whole([ToolCallDelta(0, ToolCall("f", {}))])["output"]
    assert item["call_id"] == "call_id_0"


def test_log_probabilities_belong_to_the_text() -> None:
    sure = TokenLogprob("x", -0.5, (TopLogprob("x", -0.5),))
    expected = {"token": "x", "logprob": -0.5, "bytes": [120]}
    events = streamed([TextDelta("x", (sure,)), TextDelta("", (sure,))])
    [part] = events[-1]["response"]["output"][0]["content"]
    assert part["logprobs"] == [{**expected, "top_logprobs": [expected]}] * 2
    deltas = [event["logprobs"] for event in events if event["type"] == "response.output_text.delta"]
    assert [len(each) for each in deltas] == [1, 1]


def test_tokens_of_thinking_are_told_where_they_are_known() -> None:
    usage = Usage(completion_tokens=5, reasoning_tokens=3)
    told = json.loads(answer().whole([], Finished("stop", usage), "", TIMES))
    assert told["usage"]["output_tokens_details"] == {"reasoning_tokens": 3}


@pytest.mark.parametrize("reason", ["stop", "length"])
def test_every_event_is_one_of_the_apis_own(reason: FinishReason) -> None:
    sure = TokenLogprob("x", -0.5, (TopLogprob("x", -0.5),))
    said: list[Event] = [ThinkingDelta("h"), TextDelta("x", (sure,)), *CALLS, ToolCallDelta(2, ToolCall("patch", {}))]
    request = ResponsesRequest("m", tools=[{"type": "custom", "name": "patch"}], reasoning=Reasoning("low"))
    told = [*streamed(said, reason, request), *failed(said)]
    for event in told:
        TypeAdapter[object](ResponseStreamEvent).validate_python(event)
    assert {event["type"] for event in told} >= {"response.failed", "response.custom_tool_call_input.done"}


def failed(events: Sequence[Event]) -> list[dict[str, Any]]:
    encoder = answer()
    body = encoder.chunk(events, "") + encoder.failure("out of memory")
    return [json.loads(frame.split(b"\ndata: ")[1]) for frame in body.split(b"\n\n")[:-1]]


def test_calls_of_one_id_are_told_apart() -> None:
    same = [ToolCallDelta(index, ToolCall("f", {}, "c")) for index in range(2)]
    assert [item["call_id"] for item in whole(same)["output"]] == ["c", "call_id_1"]
