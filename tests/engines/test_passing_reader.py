import json
import random
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from arriero.engines.answers.passing import PassingReader
from arriero.engines.answers.reader import AnswerReader
from arriero.engines.openai.wire import Reader
from arriero.errors import EngineFailed
from arriero.types.chat import Passing
from arriero.types.events import Event, Finished, Passed, TextDelta, ThinkingDelta, text_and_thinking
from tests.engines.streams import DONE, USAGE
from tests.upstreams.tape import TAPES, read_tape

MODEL = "smollm2"
CHAT = Passing("chat", MODEL, include_usage=True)
# What makes an answer one that is not passed on.
READ_FIELDS = {"tools", "logprobs", "response_format"}
ROLE = {"role": "assistant", "content": ""}
NASTY = (
    '"usage":{',
    '"finish_reason":null',
    '"finish_reason":"stop"',
    "\n\ndata: [DONE]\n\n",
    '\n\ndata: {"error":{"message":"no"}}\n\n',
    '\\"finish_reason\\":null',
    "\\",
    '"',
    "null",
    "error",
    "\r\n\r\n",
    "\u2028",
    "ñ¡Hola! 你好 😀",
)


def event(payload: Any) -> bytes:
    """As vLLM and SGLang write it: without a space."""
    return b"data: " + json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"


def chunk(delta: dict[str, Any], reason: str | None = None, model: str = MODEL) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
    return event({"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": model, "choices": [choice]})


def usage(model: str = MODEL) -> bytes:
    return event({"id": "chatcmpl-1", "model": model, "choices": [], "usage": USAGE})


def stream(*texts: str, reason: str = "stop") -> bytes:
    return b"".join([chunk(ROLE), *(chunk({"content": text}) for text in texts), chunk({}, reason), usage(), DONE])


def read(pieces: Sequence[bytes], passing: Passing = CHAT, *, is_known: bool = True) -> list[Event]:
    """All that the pieces tell, until the stream has ended or they have."""
    reader = PassingReader(passing, AnswerReader(), is_known=is_known)
    events: list[Event] = []
    for piece in pieces:
        events += reader.feed(piece)
        if reader.is_finished:
            return events
    return events + reader.close()


def read_through(reader: Reader, pieces: Sequence[bytes]) -> tuple[list[Event], str]:
    """What the pieces tell, and the error that they end with."""
    events: list[Event] = []
    try:
        for piece in pieces:
            events += reader.feed(piece)
        events += reader.close()
    except EngineFailed as error:
        return events, error.message
    return events, ""


def passed(events: Sequence[Event]) -> bytes:
    assert all(type(each) in (Passed, Finished) for each in events)
    return b"".join(each.data for each in events if isinstance(each, Passed))


def split_at_random(data: bytes, seed: int) -> list[bytes]:
    chance = random.Random(seed)
    places = sorted(chance.sample(range(1, len(data)), min(len(data) - 1, chance.randint(1, 12))))
    return [data[begin:end] for begin, end in zip([0, *places], [*places, len(data)], strict=True)]


def test_a_stream_is_passed_on_as_it_is_and_its_end_is_read() -> None:
    data = stream("Hello", " there.")
    events = read([data])
    assert passed(events) == data
    assert [each.reason for each in events if isinstance(each, Finished)] == ["stop"]
    last = events[-1]
    assert isinstance(last, Finished)
    assert (last.usage.prompt_tokens, last.usage.cached_tokens, last.usage.completion_tokens) == (31, 20, 3)


@pytest.mark.parametrize("text", NASTY)
def test_no_text_is_taken_for_an_end_or_an_error(text: str) -> None:
    data = stream("a", text, text + text, "b", reason="length")
    for place in range(1, len(data)):
        events = read([data[:place], data[place:]])
        assert passed(events) == data
        assert isinstance(events[-1], Finished)


def test_events_may_come_in_pieces_of_any_size() -> None:
    data = stream(*NASTY)
    for size in (1, 2, 3, 7, 100, 1000):
        assert passed(read([data[at : at + size] for at in range(0, len(data), size)])) == data


def test_a_usage_that_was_not_asked_for_is_left_out() -> None:
    data = stream("Hello")
    events = read([data], Passing("chat", MODEL))
    assert passed(events) == data.replace(usage(), b"")
    last = events[-1]
    assert isinstance(last, Finished)
    assert last.usage.completion_tokens == 3


def test_a_role_alone_is_kept_until_there_is_text() -> None:
    reader = PassingReader(CHAT, AnswerReader())
    assert reader.feed(chunk(ROLE)) == []
    assert reader.feed(chunk({"content": "Hi"})) == [Passed(chunk(ROLE) + chunk({"content": "Hi"}))]


def test_an_error_before_any_text_is_raised() -> None:
    with pytest.raises(EngineFailed, match="no room"):
        read([chunk(ROLE) + event({"error": {"message": "no room", "code": 400}})])


@pytest.mark.parametrize(
    "error",
    [
        event({"error": {"message": "it broke", "code": 500}}),
        event({"object": "error", "message": "it broke", "type": "InternalServerError"}),
        b'data: {"error": {"message": "it broke"}}\n\n',
        b'data:{"error":"it broke"}\r\n\r\n',
    ],
)
def test_an_error_within_the_stream_is_raised_behind_what_came_before_it(error: bytes) -> None:
    before = chunk(ROLE) + chunk({"content": "Hi"}) + chunk({"content": " you"})
    for place in range(len(before), len(before + error)):
        reader = PassingReader(CHAT, AnswerReader())
        told, words = read_through(reader, [(before + error)[:place], (before + error)[place:]])
        assert (passed(told), words) == (before, "it broke")


def test_an_answer_that_was_given_up_is_an_error() -> None:
    with pytest.raises(EngineFailed, match="gave the answer up"):
        read([chunk({"content": "Hi"}), chunk({}, "abort"), usage(), DONE])


def test_half_an_event_is_never_told() -> None:
    data = chunk(ROLE) + chunk({"content": "Hi"})
    events = read([data, chunk({"content": " there"})[:-10]])
    assert events == [Passed(data)]


def test_what_was_read_up_to_the_end_of_the_connection_is_an_answer_without_the_mark_too() -> None:
    data = stream("Hello").removesuffix(DONE)
    assert passed(read([data])) == data + DONE


def test_what_comes_behind_the_mark_is_not_told() -> None:
    data = stream("Hello")
    assert passed(read([data + b": bye\n\n" + usage() + DONE])) == data


@pytest.mark.parametrize(
    "opening",
    [
        chunk(ROLE, model="/models/smollm2") + chunk({"content": "Hi"}, model="/models/smollm2"),
        event({"choices": [{"delta": {"content": "Hi"}}]}),
    ],
)
def test_an_answer_under_another_name_is_read(opening: bytes) -> None:
    events = read([opening + chunk({"content": " you"}) + chunk({}, "stop") + usage() + DONE])
    assert text_and_thinking(events) == ("Hi you", "")
    assert not any(isinstance(each, Passed) for each in events)
    assert isinstance(events[-1], Finished)


@pytest.mark.parametrize("name", ["reasoning", "reasoning_content"])
def test_thinking_is_read(name: str) -> None:
    data = chunk(ROLE) + chunk({name: "Hm"}) + chunk({name: "m."}) + chunk({"content": "Yes"}) + chunk({}, "stop")
    for place in range(1, len(data)):
        events = read([data[:place], data[place:] + usage() + DONE])
        assert text_and_thinking(events) == ("Yes", "Hmm.")
        assert {type(each) for each in events} == {ThinkingDelta, TextDelta, Finished}


def test_an_empty_answer_is_an_answer() -> None:
    events = read([stream()])
    assert [type(each) for each in events] == [Finished]


def test_a_whole_answer_in_place_of_a_stream_is_read() -> None:
    body = {"choices": [{"message": {"content": "Hi"}, "finish_reason": "stop"}], "usage": USAGE}
    events = PassingReader(CHAT, AnswerReader()).read_body(json.dumps(body).encode())
    assert text_and_thinking(events) == ("Hi", "")


def test_lines_may_end_as_on_windows_and_comments_keep_the_connection_open() -> None:
    data = stream("Hello", " there")
    wanted = data.replace(b"there", b"there\xf0\x9f\x98\x80")
    given = b": ping\n\n" + wanted.replace(b"\n\n", b"\r\n\r\n")
    for place in range(1, len(given)):
        assert passed(read([given[:place], given[place:]])) == b": ping\n\n" + wanted


def test_there_may_be_more_empty_lines_than_there_must_be() -> None:
    data = stream("Hello", " there").replace(b"\n\n", b"\n\n\n")
    for place in range(1, len(data)):
        assert passed(read([data[:place], data[place:]])).replace(b"\n", b"") == data.replace(b"\n", b"")


def test_a_null_among_text_of_one_read_of_an_unknown_server_is_left_out() -> None:
    first, data = chunk({"content": "a"}), chunk({"content": "b"}) + b"data: null\n\n" + chunk({"content": "c"})
    events = read([chunk(ROLE) + first, data, chunk({}, "stop") + usage() + DONE], is_known=False)
    assert b"null\n" not in passed(events)
    assert passed(events).count(b"content") == 4


def test_an_error_among_text_of_one_read_of_an_unknown_server_ends_it() -> None:
    failed = event({"error": {"message": "out of memory", "code": 500}})
    first, data = chunk(ROLE) + chunk({"content": "a"}), chunk({"content": "b"}) + failed + chunk({"content": "c"})
    reader = PassingReader(CHAT, AnswerReader(), is_known=False)
    events, error = read_through(reader, [first, data, usage() + DONE])
    assert "out of memory" in error
    assert b"error" not in passed(events)


def test_a_reason_of_the_server_s_own_is_told_as_stop_however_it_is_written() -> None:
    last = chunk({}, "eos_token").replace(b'"finish_reason":', b'"finish_reason" : ')
    told = passed(read([chunk(ROLE) + chunk({"content": "a"}), last + usage() + DONE]))
    assert b'"finish_reason" : "stop"' in told


def test_a_null_in_between_is_left_out() -> None:
    data = chunk(ROLE) + chunk({"content": "Hi"}) + b"data: null\n\n" + chunk({}, "stop") + usage() + DONE
    assert passed(read([data])) == data.replace(b"data: null\n\n", b"")


def test_a_reason_that_only_this_engine_has_is_told_in_openais_words() -> None:
    data = stream("Hello", reason="eos_token")
    assert passed(read([data])) == stream("Hello", reason="stop")


@pytest.mark.parametrize(("reason", "shown"), [("length", "Hello"), ("stop", "Hello\ufffd")])
def test_half_a_character_is_no_text_where_the_limit_has_cut_it(reason: str, shown: str) -> None:
    assert passed(read([stream("Hello\ufffd", reason=reason)])) == stream(shown, reason=reason)
    for place in range(1, len(stream("Hello\ufffd"))):
        data = stream("Hello\ufffd", reason=reason)
        assert passed(read([data[:place], data[place:]])) == stream(shown, reason=reason)
    whole = stream("\ufffd", "a\ufffd", "b")
    assert passed(read([whole])) == whole


def recordings() -> Iterator[Any]:
    """Streams that real engines have sent and that may be passed on, with the models' names in them."""
    for site in ("vllm", "sglang", "smg"):
        for path in sorted((TAPES / site).glob("*.json")):
            for number, exchange in enumerate(read_tape(path).exchanges):
                asked, answer = exchange.request, exchange.answer
                if answer.is_stream and "completions" in asked.path and not READ_FIELDS & asked.body.keys():
                    yield pytest.param(asked.body, answer, id=f"{site}-{path.stem}-{number}")


@pytest.mark.parametrize(("body", "answer"), [*recordings()])
def test_what_engines_have_sent_says_the_same_when_it_is_passed_on(body: Any, answer: Any) -> None:
    wanted, wanted_error = read_through(AnswerReader(), [b"".join(answer.chunks)])
    passing = Passing("chat" if "messages" in body else "completions", body["model"], include_usage=True)
    for seed in range(30):
        pieces = split_at_random(b"".join(answer.chunks), seed) if seed else [*answer.chunks]
        events, error = read_through(PassingReader(passing, AnswerReader()), pieces)
        assert isinstance(events[0], Passed) == bool(text_and_thinking(wanted)[0])
        assert error == wanted_error
        assert [each for each in events if isinstance(each, Finished)] == [
            each for each in wanted if isinstance(each, Finished)
        ]
        again, _ = read_through(AnswerReader(), [passed(events)])
        assert text_and_thinking(again) == text_and_thinking(wanted)
