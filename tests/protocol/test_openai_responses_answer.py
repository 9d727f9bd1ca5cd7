"""Answers of the Responses API, written."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from arriero.protocol.openai_responses import Reasoning, ResponsesRequest
from arriero.protocol.openai_responses_answer import ResponsesAnswer
from arriero.types.chat import ToolCall
from arriero.types.events import Event, Finished, FinishReason, TextDelta, ThinkingDelta, ToolCallDelta
from arriero.types.times import Times
from arriero.types.usage import Usage

TIMES = Times(0, 1, 2, 3_500_000_000)
USAGE = Usage(prompt_tokens=10, cached_tokens=4, completion_tokens=5)
CALLS = [ToolCallDelta(index, ToolCall("f", {"a": index}, f"c{index}")) for index in range(2)]
MIXED: list[Event] = [ThinkingDelta("h"), ThinkingDelta("m"), TextDelta("x"), *CALLS, TextDelta("y"), TextDelta("")]


def answer(request: ResponsesRequest | None = None) -> ResponsesAnswer:
    return ResponsesAnswer(request or ResponsesRequest("m"), "id", 100)


# Events are JSON here.
def streamed(events: Sequence[Event], reason: FinishReason = "stop") -> list[dict[str, Any]]:
    encoder = answer()
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
        "input_tokens_details": {"cached_tokens": 4},
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
