import json

# A chunk is JSON.
from typing import Any

from openai.types.chat import ChatCompletion, ChatCompletionChunk

from arriero.protocol.openai_answer import AnswerHead
from arriero.protocol.openai_chat_answer import ChatAnswer
from arriero.protocol.sse import SseParser
from arriero.types.chat import ToolCall
from arriero.types.events import Event, Finished, TextDelta, ThinkingDelta, TokenLogprob, ToolCallDelta, TopLogprob
from arriero.types.times import Times
from arriero.types.usage import Usage

TIMES = Times(1, 2, 3, 4)
HEAD = AnswerHead("chatcmpl-7", 1_755_820_000, "m")
DONE = Finished("stop", Usage(prompt_tokens=5, completion_tokens=2))
USAGE = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}
CALL = ToolCallDelta(0, ToolCall("f", {"a": 1}, "call_1"))
OUT_CALL = {"id": "call_1", "index": 0, "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}
SURE = TextDelta("ñ", (TokenLogprob("ñ", -0.5, (TopLogprob("ñ", -0.5),)),))
OUT_TOKEN = {
    "token": "ñ",
    "logprob": -0.5,
    "bytes": [195, 177],
    "top_logprobs": [{"token": "ñ", "logprob": -0.5, "bytes": [195, 177]}],
}


def answer(*, include_usage: bool = False) -> ChatAnswer:
    return ChatAnswer(HEAD, include_usage=include_usage)


def chunks(encoder: ChatAnswer, *events: Event, finished: Finished = DONE) -> list[Any]:
    written = b"".join(encoder.chunk([event], "") for event in events) + encoder.last(finished, "", TIMES)
    payloads = SseParser().feed(written)
    assert payloads.pop() == b"[DONE]"
    return [json.loads(payload) for payload in payloads]


def whole(*events: Event, finished: Finished = DONE) -> Any:
    return json.loads(answer().whole(events, finished, "", TIMES))


def test_a_stream_begins_with_the_role_and_ends_with_the_reason() -> None:
    found = chunks(answer(), TextDelta("He"), TextDelta("llo"))
    assert [chunk["choices"] for chunk in found] == [
        [{"index": 0, "delta": {"role": "assistant", "content": "He"}, "finish_reason": None}],
        [{"index": 0, "delta": {"content": "llo"}, "finish_reason": None}],
        [{"index": 0, "delta": {}, "finish_reason": "stop"}],
    ]
    assert {(chunk["id"], chunk["created"], chunk["model"], chunk["object"]) for chunk in found} == {
        ("chatcmpl-7", 1_755_820_000, "m", "chat.completion.chunk")
    }
    assert not any("usage" in chunk for chunk in found)


def test_usage_comes_last_where_it_is_asked_for() -> None:
    found = chunks(answer(include_usage=True), TextDelta("x"))
    assert (found[-1]["choices"], found[-1]["usage"]) == ([], USAGE)


def test_usage_tells_what_came_out_of_a_cache() -> None:
    found = whole(finished=Finished("stop", Usage(prompt_tokens=5, cached_tokens=4, completion_tokens=2)))
    assert found["usage"] == {**USAGE, "prompt_tokens_details": {"cached_tokens": 4}}


def test_an_empty_stream_has_a_role_all_the_same() -> None:
    found = chunks(answer())
    assert [chunk["choices"][0]["delta"] for chunk in found] == [{"role": "assistant", "content": ""}, {}]


def test_thinking_is_the_reasoning() -> None:
    found = chunks(answer(), ThinkingDelta("Hm."), TextDelta("Hi"))
    assert [chunk["choices"][0]["delta"] for chunk in found] == [
        {"role": "assistant", "content": "", "reasoning": "Hm."},
        {"content": "Hi"},
        {},
    ]


def test_a_call_comes_whole_and_gives_the_reason() -> None:
    found = [chunk["choices"][0] for chunk in chunks(answer(), CALL)]
    assert [(choice["delta"], choice["finish_reason"]) for choice in found] == [
        ({"role": "assistant", "content": "", "tool_calls": [OUT_CALL]}, None),
        ({}, "tool_calls"),
    ]
    [choice] = whole(CALL)["choices"]
    assert choice["message"] == {"role": "assistant", "content": "", "tool_calls": [OUT_CALL]}
    assert choice["finish_reason"] == "tool_calls"


def test_an_answer_that_was_cut_off_says_so_beside_calls() -> None:
    cut = Finished("length", DONE.usage)
    assert chunks(answer(), CALL, finished=cut)[-1]["choices"][0]["finish_reason"] == "length"
    assert whole(CALL, finished=cut)["choices"][0]["finish_reason"] == "length"


def test_log_probabilities_stand_beside_their_text() -> None:
    assert chunks(answer(), SURE)[0]["choices"][0]["logprobs"] == {"content": [OUT_TOKEN]}
    assert whole(SURE, TextDelta("o"), SURE)["choices"][0]["logprobs"] == {"content": [OUT_TOKEN, OUT_TOKEN]}


def test_a_whole_answer_is_one_object() -> None:
    cut = Finished("length", DONE.usage)
    assert whole(ThinkingDelta("Hm."), TextDelta("Hel"), TextDelta("lo"), finished=cut) == {
        "id": "chatcmpl-7",
        "object": "chat.completion",
        "created": 1_755_820_000,
        "model": "m",
        "system_fingerprint": "fp_ollama",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Hello", "reasoning": "Hm."},
                "finish_reason": "length",
            }
        ],
        "usage": USAGE,
    }


def test_the_prompt_of_several_answers_counts_once() -> None:
    found = json.loads(answer().together([([TextDelta("a")], DONE), ([TextDelta("b")], DONE)]))
    assert [(choice["index"], choice["message"]["content"]) for choice in found["choices"]] == [(0, "a"), (1, "b")]
    assert found["usage"] == {"prompt_tokens": 5, "completion_tokens": 4, "total_tokens": 9}


def test_a_failure_is_an_event_with_the_error() -> None:
    [event] = SseParser().feed(answer().failure("out of memory"))
    assert json.loads(event)["error"]["message"] == "out of memory"


def test_the_call_of_a_tool_that_takes_a_text_is_told_as_such() -> None:
    call = ToolCallDelta(0, ToolCall("patch", {"input": "*** Begin"}, "call_1"))
    expected = {"id": "call_1", "index": 0, "type": "custom", "custom": {"name": "patch", "input": "*** Begin"}}
    encoder = ChatAnswer(HEAD, custom={"patch"})
    found = json.loads(encoder.whole([call], DONE, "", TIMES))["choices"][0]
    assert (found["message"]["tool_calls"], found["finish_reason"]) == ([expected], "tool_calls")
    assert chunks(encoder, call)[0]["choices"][0]["delta"]["tool_calls"] == [expected]


def test_tokens_of_thinking_are_told_where_they_are_known() -> None:
    found = whole(TextDelta("Hi"), finished=Finished("stop", Usage(5, 0, 9, reasoning_tokens=7)))
    assert found["usage"]["completion_tokens_details"] == {"reasoning_tokens": 7}


def test_a_call_without_an_id_gets_one() -> None:
    nameless = [ToolCallDelta(index, ToolCall("f", {})) for index in range(2)]
    [first, second] = whole(*nameless)["choices"][0]["message"]["tool_calls"]
    assert first["id"].startswith("call_")
    assert first["id"] != second["id"]
    assert [chunk["choices"][0]["delta"]["tool_calls"][0]["id"] for chunk in chunks(answer(), *nameless)[:2]] == [
        first["id"],
        second["id"],
    ]


def test_every_chunk_is_one_of_the_apis_own() -> None:
    events: list[Event] = [ThinkingDelta("Hm."), SURE, CALL]
    for chunk in chunks(answer(include_usage=True), *events):
        ChatCompletionChunk.model_validate(chunk)
    ChatCompletion.model_validate(whole(*events))


def test_calls_of_one_id_are_told_apart() -> None:
    same = [ToolCallDelta(index, ToolCall("f", {}, "c")) for index in range(2)]
    [first, second] = whole(*same)["choices"][0]["message"]["tool_calls"]
    assert first["id"] == "c"
    assert second["id"].startswith("call_")
    assert chunks(answer(), *same)[1]["choices"][0]["delta"]["tool_calls"] == [second]
