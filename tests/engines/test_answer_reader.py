import pytest
from hypothesis import given
from hypothesis import strategies as st

from arriero.engines.answer_reader import AnswerReader
from arriero.errors import EngineFailed
from arriero.types.events import Event, Finished, TextDelta, ThinkingDelta
from arriero.types.usage import Usage
from tests.engines.streams import DONE, chat_chunk, chat_stream, event, text_stream, usage_chunk

USAGE = Usage(prompt_tokens=31, cached_tokens=20, completion_tokens=3, prompt_ns=104_500_000, completion_ns=15_250_000)


def read(*parts: bytes) -> list[Event]:
    reader = AnswerReader()
    events = [event for part in parts for event in reader.feed(part)]
    assert reader.is_finished
    return events


def text_of(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def test_reads_a_chat_completion_of_llama_cpp() -> None:
    assert read(chat_stream("Hel", "lo")) == [TextDelta("Hel"), TextDelta("lo"), Finished("stop", USAGE)]


def test_reads_a_text_completion_of_llama_cpp() -> None:
    assert read(text_stream("Hel", "lo", reason="length")) == [
        TextDelta("Hel"),
        TextDelta("lo"),
        Finished("length", USAGE),
    ]


def test_reads_reasoning_as_thinking() -> None:
    chunks = [chat_chunk({"reasoning_content": "Hm."}), chat_chunk({"content": "Hi"}), chat_chunk({}, "stop"), DONE]
    assert read(*chunks) == [ThinkingDelta("Hm."), TextDelta("Hi"), Finished("stop", Usage())]


def test_thinking_and_text_of_one_chunk_keep_their_order() -> None:
    events = read(chat_chunk({"reasoning_content": "Hm.", "content": "Hi"}), chat_chunk({}, "stop"), DONE)
    assert events[:2] == [ThinkingDelta("Hm."), TextDelta("Hi")]


def test_text_beside_the_reason_to_stop_is_kept() -> None:
    assert text_of(read(chat_chunk({"content": "Hel"}), chat_chunk({"content": "lo"}, "stop"), DONE)) == "Hello"


def test_usage_without_timings_leaves_the_durations_open() -> None:
    usage = event({"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 2, "prompt_tokens_details": None}})
    [finished] = read(chat_chunk({}, "stop"), usage, DONE)
    assert finished == Finished("stop", Usage(prompt_tokens=5, completion_tokens=2))


@pytest.mark.parametrize("milliseconds", [0, 0.0, -1.0])
def test_timings_that_cannot_be_become_a_nanosecond(milliseconds: float) -> None:
    timings = {"prompt_ms": milliseconds, "predicted_ms": milliseconds}
    [finished] = read(chat_chunk({}, "stop"), event({"usage": {"prompt_tokens": 1}, "timings": timings}), DONE)
    assert isinstance(finished, Finished)
    assert (finished.usage.prompt_ns, finished.usage.completion_ns) == (1, 1)


def test_a_reason_of_another_kind_is_a_stop() -> None:
    [finished] = read(chat_chunk({}, "tool_calls"), DONE)
    assert isinstance(finished, Finished)
    assert finished.reason == "stop"


def test_what_comes_after_the_end_is_passed_over() -> None:
    reader = AnswerReader()
    reader.feed(chat_stream("x"))
    assert reader.feed(chat_chunk({"content": "y"}) + DONE) == []
    assert reader.close() == []


def test_an_end_without_done_is_an_end() -> None:
    reader = AnswerReader()
    assert reader.feed(chat_chunk({}, "stop") + usage_chunk()) == []
    assert reader.close() == [Finished("stop", USAGE)]
    assert reader.is_finished


@pytest.mark.parametrize("stream", [b"", chat_chunk({"content": "x"}), chat_chunk({"content": "x"}) + DONE])
def test_an_answer_that_breaks_off_is_not_finished(stream: bytes) -> None:
    reader = AnswerReader()
    reader.feed(stream)
    assert reader.close() == []
    assert not reader.is_finished


@pytest.mark.parametrize(
    ("error", "message", "status"),
    [
        ({"code": 500, "message": "context full", "type": "server_error"}, "context full", 500),
        ({"code": 400, "message": "too long", "type": "exceed_context_size_error"}, "too long", 400),
        ({"code": "oops", "message": "odd"}, "odd", 500),
        ({"code": 7}, "the engine failed and does not say why", 500),
        ("plain", "plain", 500),
    ],
)
def test_an_error_in_the_stream_is_raised(error: object, message: str, status: int) -> None:
    reader = AnswerReader()
    assert reader.feed(chat_chunk({"content": "Hel"})) == [TextDelta("Hel")]
    with pytest.raises(EngineFailed) as caught:
        reader.feed(event({"error": error}))
    assert (caught.value.message, caught.value.status) == (message, status)


@pytest.mark.parametrize("payload", [b"{", b"[]", b"hello", b'{"choices":[{"text":"\xff"}]}'])
def test_what_is_no_chunk_is_an_error_of_the_engine(payload: bytes) -> None:
    with pytest.raises(EngineFailed, match="no chunk of an answer"):
        AnswerReader().feed(b"data: " + payload + b"\n\n")


@given(st.lists(st.text(min_size=1), max_size=5), st.sampled_from([chat_stream, text_stream]), st.data())
def test_any_text_split_anywhere_comes_out_whole(texts: list[str], stream: object, data: st.DataObject) -> None:
    assert callable(stream)
    written = stream(*texts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(written)), max_size=8)))
    parts = [written[start:end] for start, end in zip([0, *cuts], [*cuts, len(written)], strict=True)]
    events = read(*parts)
    assert text_of(events) == "".join(texts)
    assert events[-1] == Finished("stop", USAGE)


@given(st.lists(st.text('añ😀路由器\n"\\', min_size=1), max_size=3))
def test_any_text_byte_by_byte_comes_out_whole(texts: list[str]) -> None:
    written = chat_stream(*texts)
    assert text_of(read(*(written[at : at + 1] for at in range(len(written))))) == "".join(texts)
