import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arriero.protocol.ollama_answer import chat_answer, generate_answer
from arriero.types.events import Event, Finished, TextDelta, ThinkingDelta
from arriero.types.times import Times
from arriero.types.usage import Usage

NOW = "2026-08-22T10:00:00Z"
TIMES = Times(asked_ns=100, ready_ns=150, first_ns=180, now_ns=400)
DONE = Finished("stop", Usage(prompt_tokens=26, cached_tokens=20, completion_tokens=3, prompt_ns=7, completion_ns=9))
HEAD = b'{"model":"m","created_at":"2026-08-22T10:00:00Z",'
LAST = (
    b'"done":true,"done_reason":"stop","total_duration":300,"load_duration":50,"prompt_eval_count":26,'
    b'"prompt_eval_duration":7,"eval_count":3,"eval_duration":9}'
)


def test_a_stream_of_a_chat_is_a_line_for_each_event() -> None:
    answer = chat_answer("m")
    written = answer.chunk([ThinkingDelta("Hm."), TextDelta("Hi")], NOW) + answer.last(DONE, NOW, TIMES)
    assert written.split(b"\n") == [
        HEAD + b'"message":{"role":"assistant","content":"","thinking":"Hm."},"done":false}',
        HEAD + b'"message":{"role":"assistant","content":"Hi"},"done":false}',
        HEAD + b'"message":{"role":"assistant","content":""},' + LAST,
        b"",
    ]


def test_a_stream_of_generate_is_a_line_for_each_event() -> None:
    answer = generate_answer("m")
    written = answer.chunk([ThinkingDelta("Hm."), TextDelta("Hi")], NOW) + answer.last(DONE, NOW, TIMES)
    assert written.split(b"\n") == [
        HEAD + b'"response":"","thinking":"Hm.","done":false}',
        HEAD + b'"response":"Hi","done":false}',
        HEAD + b'"response":"",' + LAST,
        b"",
    ]


def test_the_end_among_other_events_is_left_to_the_last_line() -> None:
    answer = generate_answer("m")
    assert answer.chunk([TextDelta("Hi"), DONE], NOW) == answer.chunk([TextDelta("Hi")], NOW)


def test_a_whole_chat_is_one_object_without_a_line_end() -> None:
    events: list[Event] = [ThinkingDelta("H"), ThinkingDelta("m."), TextDelta("Hi"), TextDelta("!"), DONE]
    assert chat_answer("m").whole(events, DONE, NOW, TIMES) == (
        HEAD + b'"message":{"role":"assistant","content":"Hi!","thinking":"Hm."},' + LAST
    )


def test_a_whole_answer_without_thinking_has_no_such_key() -> None:
    assert "thinking" not in json.loads(generate_answer("m").whole([TextDelta("Hi"), DONE], DONE, NOW, TIMES))


def test_durations_that_the_engine_does_not_tell_are_measured() -> None:
    last = json.loads(generate_answer("m").last(Finished("length", Usage(5, 0, 2)), NOW, TIMES))
    assert (last["prompt_eval_duration"], last["eval_duration"], last["done_reason"]) == (30, 220, "length")


def test_durations_are_never_zero() -> None:
    last = json.loads(generate_answer("m").last(Finished("stop", Usage()), NOW, Times(100, 100, 100, 100)))
    assert [value for key, value in last.items() if key.endswith("_duration")] == [1, 1, 1, 1]


def test_a_failure_is_a_line_with_the_error() -> None:
    assert chat_answer("m").failure('out of "memory"') == b'{"error":"out of \\"memory\\""}\n'


@given(st.lists(st.tuples(st.booleans(), st.text(min_size=1)), max_size=6))
def test_a_stream_and_a_whole_answer_say_the_same(pieces: list[tuple[bool, str]]) -> None:
    events: list[Event] = [ThinkingDelta(text) if thinks else TextDelta(text) for thinks, text in pieces]
    answer = generate_answer("m")
    written = b"".join(answer.chunk([event], NOW) for event in events) + answer.last(DONE, NOW, TIMES)
    lines = [json.loads(line) for line in written.splitlines()]
    whole = json.loads(answer.whole([*events, DONE], DONE, NOW, TIMES))
    assert "".join(line["response"] for line in lines) == whole["response"]
    assert "".join(line.get("thinking", "") for line in lines) == whole.get("thinking", "")
    assert {**lines[-1], "response": "", "thinking": ""} == {**whole, "response": "", "thinking": ""}


@pytest.mark.parametrize("text", ["\n", "\r\n", "\u2028", "\0", "}\n{", "😀"])
def test_no_text_breaks_a_line(text: str) -> None:
    written = generate_answer("m").chunk([TextDelta(text)], NOW)
    assert written.count(b"\n") == 1
    assert json.loads(written)["response"] == text
