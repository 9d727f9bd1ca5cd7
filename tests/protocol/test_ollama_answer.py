import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arriero.protocol.ollama_answer import Times, chat_answer, generate_answer
from arriero.types.events import Event, Finished, TextDelta, ThinkingDelta
from arriero.types.usage import Usage

NOW = "2026-08-22T10:00:00Z"
TIMES = Times(asked_ns=100, ready_ns=150, now_ns=400)
USAGE = Usage(prompt_tokens=26, cached_tokens=20, completion_tokens=3, prompt_ns=7, completion_ns=9)
DONE = Finished("stop", USAGE)
HEAD = b'{"model":"m","created_at":"2026-08-22T10:00:00Z",'
LAST = (
    b'"done":true,"done_reason":"stop","total_duration":300,"load_duration":50,"prompt_eval_count":26,'
    b'"prompt_eval_duration":7,"eval_count":3,"eval_duration":9}'
)


def test_a_chunk_of_a_chat_is_a_line_for_each_event() -> None:
    written = chat_answer("m").chunk([ThinkingDelta("Hm."), TextDelta("Hi"), DONE], NOW, TIMES)
    assert written.split(b"\n") == [
        b'{"model":"m","created_at":"'
        + NOW.encode()
        + b'","message":{"role":"assistant","content":"","thinking":"Hm."},'
        b'"done":false}',
        b'{"model":"m","created_at":"'
        + NOW.encode()
        + b'","message":{"role":"assistant","content":"Hi"},"done":false}',
        b'{"model":"m","created_at":"' + NOW.encode() + b'","message":{"role":"assistant","content":""},' + LAST,
        b"",
    ]


def test_a_chunk_of_generate_is_a_line_for_each_event() -> None:
    written = generate_answer("m").chunk([ThinkingDelta("Hm."), TextDelta("Hi"), DONE], NOW, TIMES)
    assert written.split(b"\n") == [
        HEAD + b'"response":"","thinking":"Hm.","done":false}',
        HEAD + b'"response":"Hi","done":false}',
        HEAD + b'"response":"",' + LAST,
        b"",
    ]


def test_a_whole_chat_is_one_object_without_a_line_end() -> None:
    answer = chat_answer("m")
    answer.note_first(200)
    events: list[Event] = [ThinkingDelta("H"), ThinkingDelta("m."), TextDelta("Hi"), TextDelta("!"), DONE]
    assert answer.whole(events, NOW, TIMES) == (
        HEAD + b'"message":{"role":"assistant","content":"Hi!","thinking":"Hm."},' + LAST
    )


def test_a_whole_answer_without_thinking_has_no_such_key() -> None:
    assert "thinking" not in json.loads(generate_answer("m").whole([TextDelta("Hi"), DONE], NOW, TIMES))


def test_durations_that_the_engine_does_not_tell_are_measured() -> None:
    answer = generate_answer("m")
    answer.chunk([TextDelta("Hi")], NOW, Times(100, 150, 180))
    last = json.loads(answer.chunk([Finished("length", Usage(5, 0, 2))], NOW, TIMES))
    assert (last["prompt_eval_duration"], last["eval_duration"], last["done_reason"]) == (30, 220, "length")


def test_durations_are_never_zero() -> None:
    answer = generate_answer("m")
    last = json.loads(answer.chunk([Finished("stop", Usage())], NOW, Times(100, 100, 100)))
    assert [value for key, value in last.items() if key.endswith("_duration")] == [1, 1, 1, 1]


def test_a_failure_is_a_line_with_the_error() -> None:
    assert chat_answer("m").failure('out of "memory"') == b'{"error":"out of \\"memory\\""}\n'


@given(st.lists(st.tuples(st.booleans(), st.text(min_size=1)), max_size=6))
def test_chunks_and_whole_say_the_same(pieces: list[tuple[bool, str]]) -> None:
    events: list[Event] = [ThinkingDelta(text) if thinks else TextDelta(text) for thinks, text in pieces]
    streaming, collecting = generate_answer("m"), generate_answer("m")
    lines = b"".join(streaming.chunk([event], NOW, TIMES) for event in [*events, DONE]).splitlines()
    collecting.note_first(TIMES.now_ns)
    whole = json.loads(collecting.whole([*events, DONE], NOW, TIMES))
    chunks = [json.loads(line) for line in lines]
    assert "".join(chunk["response"] for chunk in chunks) == whole["response"]
    assert "".join(chunk.get("thinking", "") for chunk in chunks) == whole.get("thinking", "")
    assert {**chunks[-1], "response": "", "thinking": ""} == {**whole, "response": "", "thinking": ""}


@pytest.mark.parametrize("text", ["\n", "\r\n", "\u2028", "\0", "}\n{", "😀"])
def test_no_text_breaks_a_line(text: str) -> None:
    written = generate_answer("m").chunk([TextDelta(text)], NOW, TIMES)
    assert written.count(b"\n") == 1
    assert json.loads(written)["response"] == text
