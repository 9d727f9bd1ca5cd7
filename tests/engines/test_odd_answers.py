"""Answers of servers that write OpenAI's format in their own way."""

import json

import pytest

from arriero.engines.answers.reader import AnswerReader
from arriero.engines.llama_cpp.native_reader import NativeReader
from arriero.errors import EngineFailed
from arriero.types.events import Event, Finished, TextDelta
from arriero.types.usage import Usage
from tests.engines.streams import DONE, chat_chunk, event

TEXT = chat_chunk({"content": "a"})
END = chat_chunk({}, "stop") + DONE


def read(stream: bytes) -> list[Event]:
    reader = AnswerReader()
    events = reader.feed(stream)
    assert reader.is_finished
    return events


@pytest.mark.parametrize(
    "stream",
    [
        event(None) + TEXT + END,
        event({"choices": None}) + TEXT + END,
        event({"id": "x"}) + TEXT + END,
        event({"choices": [{"delta": None}]}) + TEXT + END,
        event({"choices": [{"delta": {"content": "a"}, "finish_reason": ""}]}) + END,
        TEXT + event({"choices": [], "usage": {"prompt_tokens": None, "completion_tokens": None}}) + END,
        TEXT + event({"timings": []}) + END,
        event({"choices": [{"delta": {"content": "a"}}], "timings": None}) + END,
        b"\xef\xbb\xbf" + TEXT + END,
        b"\xef\xbb\xbf" + TEXT.replace(b"data: ", b"data:") + END,
    ],
)
def test_what_says_nothing_is_passed_over(stream: bytes) -> None:
    assert read(stream) == [TextDelta("a"), Finished("stop", Usage())]


def test_counts_may_be_written_with_a_point() -> None:
    usage = {"prompt_tokens": 3.0, "completion_tokens": 2.0, "prompt_tokens_details": {"cached_tokens": 1.0}}
    [finished] = read(event({"choices": [], "usage": usage}) + END)
    assert isinstance(finished, Finished)
    assert finished.usage == Usage(prompt_tokens=3, cached_tokens=1, completion_tokens=2)
    assert isinstance(finished.usage.prompt_tokens, int)


def test_times_that_are_no_numbers_become_a_nanosecond() -> None:
    timings = {"prompt_ms": None, "predicted_ms": None}
    [finished] = read(event({"choices": [], "usage": {"prompt_tokens": 3}, "timings": timings}) + END)
    assert finished == Finished("stop", Usage(prompt_tokens=3, prompt_ns=1, completion_ns=1))


def test_a_reason_without_a_word_is_no_end() -> None:
    reader = AnswerReader()
    reader.feed(event({"choices": [{"delta": {"content": "a"}, "finish_reason": ""}]}))
    assert reader.close() == []
    assert not reader.is_finished


@pytest.mark.parametrize(
    ("payload", "told"),
    [
        ({"message": "boom"}, "boom"),
        ({"detail": "boom"}, "boom"),
        ({"object": "error", "message": "boom", "code": 400}, "boom"),
        ({"detail": [{"loc": ["body", "stop"], "msg": "no list", "type": "x"}]}, "body.stop: no list"),
    ],
)
def test_an_error_in_the_stream_is_known_by_its_words(payload: object, told: str) -> None:
    with pytest.raises(EngineFailed) as caught:
        AnswerReader().feed(b"event: error\n" + event(payload))
    assert caught.value.message == told


@pytest.mark.parametrize("reader", [AnswerReader(), NativeReader()])
def test_brackets_without_end_are_an_error_of_the_engine(reader: AnswerReader | NativeReader) -> None:
    with pytest.raises(EngineFailed, match="no chunk of an answer"):
        reader.feed(b'data: {"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}\n\n")


@pytest.mark.parametrize("choice", [{"message": {"content": "whole"}, "finish_reason": "length"}, {"text": "whole"}])
def test_an_answer_that_is_not_streamed_is_read_as_a_whole(choice: dict[str, object]) -> None:
    reader = AnswerReader()
    body = {"choices": [{"index": 0, **choice}], "usage": {"prompt_tokens": 3, "completion_tokens": 1}}
    [text, finished] = reader.read_body(json.dumps(body, indent=1).encode())
    assert text == TextDelta("whole")
    assert finished == Finished(
        "length" if "finish_reason" in choice else "stop", Usage(prompt_tokens=3, completion_tokens=1)
    )
    assert reader.is_finished


def test_llama_cpps_own_answer_is_read_as_a_whole_too() -> None:
    reader = NativeReader()
    body = b'{"content":"whole","stop":true,"stop_type":"eos","tokens_evaluated":3,"tokens_predicted":1}'
    assert reader.read_body(body) == [
        TextDelta("whole"),
        Finished("stop", Usage(prompt_tokens=3, completion_tokens=1)),
    ]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b'{"detail":"oops"}', "oops"),
        (b'{"error":{"message":"oops"}}', "oops"),
        (b"<html><title>Just a\n moment&hellip;</title>", "a web page came in place of an answer: Just a moment…"),
        (b"<html>hello</html>", "a web page came in place of an answer"),
    ],
)
def test_what_is_no_answer_tells_its_own_words(body: bytes, told: str) -> None:
    with pytest.raises(EngineFailed) as caught:
        AnswerReader().read_body(body)
    assert (caught.value.message, caught.value.status) == (told, 502)
