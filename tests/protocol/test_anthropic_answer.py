"""Answers of Anthropic's Messages API, written."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from arriero.errors import (
    ArrieroError,
    EngineFailed,
    ImageRefused,
    InvalidRequest,
    PromptTooLong,
    ServerBusy,
    Unauthorized,
)
from arriero.protocol.anthropic_answer import AnthropicAnswer
from arriero.protocol.anthropic_error import error_body
from arriero.types.chat import ToolCall
from arriero.types.events import Event, Finished, FinishReason, TextDelta, ThinkingDelta, ToolCallDelta
from arriero.types.times import Times
from arriero.types.usage import Usage

TIMES = Times(0, 1, 2, 3)
USAGE = Usage(prompt_tokens=10, cached_tokens=4, completion_tokens=5)
CALLS = [ToolCallDelta(index, ToolCall("f", {"a": index})) for index in range(2)]
MIXED: list[Event] = [ThinkingDelta("h"), ThinkingDelta("m"), TextDelta("x"), *CALLS, TextDelta("y"), TextDelta("")]


# Events are JSON here.
def streamed(events: Sequence[Event], reason: FinishReason = "stop") -> list[dict[str, Any]]:
    encoder = AnthropicAnswer("m", "id", 7)
    body = b"".join(encoder.chunk([event], "") for event in events) + encoder.last(Finished(reason, USAGE), "", TIMES)
    return [json.loads(frame.split(b"\ndata: ")[1]) for frame in body.split(b"\n\n")[:-1]]


def whole(events: Sequence[Event], reason: FinishReason = "stop") -> Any:
    return json.loads(AnthropicAnswer("m", "id", 7).whole(events, Finished(reason, USAGE), "", TIMES))


def collected(events: list[dict[str, Any]]) -> Any:
    """The message that a client makes of a stream."""
    message = events[0]["message"]
    inputs: dict[int, str] = {}
    for event in events[1:]:
        match event:
            case {"type": "content_block_start", "index": index, "content_block": block}:
                assert index == len(message["content"])
                message["content"].append(block)
            case {"type": "content_block_delta", "index": index, "delta": {"type": kind, **more}}:
                piece = str(next(iter(more.values())))
                if kind == "input_json_delta":
                    inputs[index] = piece
                else:
                    message["content"][index][kind.removesuffix("_delta")] += piece
            case {"type": "content_block_stop", "index": index}:
                if index in inputs:
                    message["content"][index]["input"] = json.loads(inputs[index])
            case {"type": "message_delta", "delta": delta, "usage": usage}:
                message |= {**delta, "usage": usage}
    return message


@pytest.mark.parametrize("events", [MIXED, [], [TextDelta("x")], CALLS])
@pytest.mark.parametrize("reason", ["stop", "length"])
def test_a_stream_adds_up_to_the_whole_answer(events: list[Event], reason: FinishReason) -> None:
    assert collected(streamed(events, reason)) == whole(events, reason)


def test_every_block_is_closed_before_the_next_begins() -> None:
    edges = [
        (event["type"].rsplit("_", 1)[1], event["index"])
        for event in streamed(MIXED)
        if event["type"] in {"content_block_start", "content_block_stop"}
    ]
    assert edges == [(edge, index) for index in range(5) for edge in ("start", "stop")]


def test_thinking_is_signed_before_its_block_ends() -> None:
    events = streamed([ThinkingDelta("hm"), TextDelta("x")])
    deltas = [event["delta"] for event in events if event["type"] == "content_block_delta" and event["index"] == 0]
    assert [delta["type"] for delta in deltas] == ["thinking_delta", "signature_delta"]
    assert deltas[1]["signature"]
    assert events[1]["content_block"] == {"type": "thinking", "thinking": "", "signature": ""}


def test_the_same_thoughts_have_the_same_signature_and_others_another() -> None:
    signatures = [whole([ThinkingDelta(text)])["content"][0]["signature"] for text in ("hm", "hm", "ah")]
    assert (signatures[0] == signatures[1], signatures[0] == signatures[2]) == (True, False)


def test_calls_without_ids_get_different_ones() -> None:
    assert len({block["id"] for block in whole(CALLS)["content"]}) == 2


@pytest.mark.parametrize(
    ("events", "reason", "stop_reason"),
    [([], "stop", "end_turn"), ([], "length", "max_tokens"), (CALLS, "stop", "tool_use")],
)
def test_why_an_answer_ends(events: list[Event], reason: FinishReason, stop_reason: str) -> None:
    told = whole(events, reason)
    assert (told["stop_reason"], told["stop_sequence"]) == (stop_reason, None)


def test_the_text_that_ended_an_answer_is_told() -> None:
    told = json.loads(AnthropicAnswer("m", "id", 7).whole([], Finished("stop", USAGE, stop_text="END"), "", TIMES))
    assert (told["stop_reason"], told["stop_sequence"]) == ("stop_sequence", "END")


def test_tokens_out_of_the_cache_are_told_apart() -> None:
    assert whole([])["usage"] == {"input_tokens": 6, "output_tokens": 5, "cache_read_input_tokens": 4}
    assert streamed([])[0]["message"]["usage"] == {"input_tokens": 7, "output_tokens": 0}


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (InvalidRequest("x"), "invalid_request_error"),
        (Unauthorized("x"), "authentication_error"),
        (EngineFailed("x", 402), "billing_error"),
        (EngineFailed("x", 403), "permission_error"),
        (EngineFailed("x", 404), "not_found_error"),
        (EngineFailed("x", 413), "request_too_large"),
        (EngineFailed("x", 429), "rate_limit_error"),
        (ServerBusy("x"), "overloaded_error"),
        (EngineFailed("x", 529), "overloaded_error"),
        (EngineFailed("x", 504), "timeout_error"),
        (EngineFailed("x", 500), "api_error"),
    ],
)
def test_errors_have_anthropics_names(error: ArrieroError, kind: str) -> None:
    assert json.loads(error_body(error, "ab")) == {
        "type": "error",
        "error": {"type": kind, "message": "x"},
        "request_id": "req_ab",
    }


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (PromptTooLong(5000, 4096), "prompt is too long: 5000 tokens > 4096 maximum; send less, "),
        (ImageRefused('"m" does not support image input'), 'Could not process image: "m" does not support image input'),
    ],
)
def test_what_agents_act_on_is_told_in_anthropics_words(error: ArrieroError, words: str) -> None:
    told = json.loads(error_body(error, "ab"))["error"]
    assert told["type"] == "invalid_request_error"
    assert told["message"].startswith(words)


def test_calls_of_one_id_are_told_apart() -> None:
    same = [ToolCallDelta(index, ToolCall("f", {}, "c")) for index in range(2)]
    assert [block["id"] for block in whole(same)["content"]] == ["c", "toolu_id_1"]
    assert collected(streamed(same))["content"] == whole(same)["content"]
