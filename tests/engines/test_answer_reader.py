import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arriero.engines.answers.call_pieces import tool_splitter
from arriero.engines.answers.reader import AnswerReader, Telling
from arriero.engines.openai.refusals import engine_failure
from arriero.errors import EngineFailed, PromptTooLong
from arriero.protocol.openai_engine import EngineError, WholeAnswer
from arriero.types.chat import ToolCall
from arriero.types.events import (
    Event,
    Finished,
    TextDelta,
    ThinkingDelta,
    TokenLogprob,
    ToolCallDelta,
    TopLogprob,
)
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


@pytest.mark.parametrize(
    "told",
    [
        {"completion_tokens_details": {"reasoning_tokens": 4}, "reasoning_tokens": 0},
        {"completion_tokens_details": None, "reasoning_tokens": 4},
    ],
)
def test_tokens_of_thinking_are_read_where_vllm_and_sglang_tell_them(told: dict[str, object]) -> None:
    usage = {"prompt_tokens": 3, "completion_tokens": 9, **told}
    [finished] = read(event({"choices": [], "usage": usage}), chat_chunk({}, "stop"), DONE)
    assert isinstance(finished, Finished)
    assert (finished.usage.completion_tokens, finished.usage.reasoning_tokens) == (9, 4)


def test_thinking_and_text_of_one_chunk_keep_their_order() -> None:
    events = read(chat_chunk({"reasoning_content": "Hm.", "content": "Hi"}), chat_chunk({}, "stop"), DONE)
    assert events[:2] == [ThinkingDelta("Hm."), TextDelta("Hi")]


def test_text_beside_the_reason_to_stop_is_kept() -> None:
    assert text_of(read(chat_chunk({"content": "Hel"}), chat_chunk({"content": "lo"}, "stop"), DONE)) == "Hello"


def test_usage_without_timings_leaves_the_durations_open() -> None:
    usage = event({"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 2, "prompt_tokens_details": None}})
    [finished] = read(chat_chunk({}, "stop"), usage, DONE)
    assert finished == Finished("stop", Usage(prompt_tokens=5, completion_tokens=2))


def test_the_text_that_ended_an_answer_is_told() -> None:
    last = {"choices": [{"finish_reason": "stop", "index": 0, "delta": {}}], "__verbose": {"stopping_word": "END"}}
    assert read(event(last), DONE) == [Finished("stop", Usage(), stop_text="END")]


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


def test_what_comes_in_front_of_an_error_is_told_first() -> None:
    reader = AnswerReader()
    text = event({"choices": [{"index": 0, "delta": {"content": "Hel"}}]})

    assert reader.feed(text + event({"error": {"message": "worker died"}}) + b"data: [DONE]\n\n") == [TextDelta("Hel")]
    for go_on in (reader.close, lambda: reader.feed(b"")):
        with pytest.raises(EngineFailed, match="worker died"):
            go_on()


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


def piece(index: int, arguments: str = "", name: str | None = None, call: str | None = None) -> bytes:
    function = {"name": name, "arguments": arguments} if name else {"arguments": arguments}
    return chat_chunk({"tool_calls": [{"index": index, "id": call, "type": "function", "function": function}]})


def test_pieces_of_tool_calls_are_joined_by_their_index() -> None:
    events = read(
        piece(0, name="get_weather", call="a"),
        piece(0, '{"city": "Pa'),
        piece(0, 'ris"}'),
        piece(1, '{"zone": 1}', name="get_time", call="b"),
        chat_chunk({}, "tool_calls"),
        DONE,
    )
    assert events == [
        ToolCallDelta(0, ToolCall("get_weather", {"city": "Paris"}, "a")),
        ToolCallDelta(1, ToolCall("get_time", {"zone": 1}, "b")),
        Finished("stop", Usage()),
    ]


def test_a_call_without_a_name_of_its_own_gets_one() -> None:
    [event, _] = read(piece(0, "", name="now"), chat_chunk({}, "stop"), DONE)
    assert isinstance(event, ToolCallDelta)
    assert event.call.arguments == {}
    assert re.fullmatch("call_[a-z0-9]{8}", event.call.id)


def test_arguments_that_are_no_object_are_an_error_of_the_engine() -> None:
    with pytest.raises(EngineFailed, match="called now with arguments that are no JSON object"):
        read(piece(0, '{"a":', name="now"), chat_chunk({}, "stop"), DONE)


def with_logprobs(text: str | None, *tokens: str) -> bytes:
    content = [
        {
            "id": 1,
            "token": token,
            "bytes": list(token.encode()),
            "logprob": -0.25,
            "top_logprobs": [{"token": "b", "logprob": -3.0}, {"token": token, "logprob": -0.25}],
        }
        for token in tokens
    ]
    return event({"choices": [{"index": 0, "delta": {"content": text}, "logprobs": {"content": content}}]})


@pytest.mark.parametrize(("asked", "found"), [(0, ()), (1, (TopLogprob("a", -0.25),))])
def test_each_token_comes_with_as_many_alternatives_as_were_asked_for(
    asked: int, found: tuple[TopLogprob, ...]
) -> None:
    reader = AnswerReader(top_logprobs=asked)
    assert reader.feed(with_logprobs("a", "a")) == [TextDelta("a", (TokenLogprob("a", -0.25, found),))]


def test_tokens_without_text_are_told_too() -> None:
    [delta] = AnswerReader().feed(with_logprobs(None, "a"))
    assert delta == TextDelta("", (TokenLogprob("a", -0.25),))


def test_tokens_are_told_while_the_text_is_held_back() -> None:
    reader = AnswerReader(tool_splitter({"f"}))
    assert reader.feed(with_logprobs("{", "{")) == [TextDelta("", (TokenLogprob("{", -0.25),))]


def test_minus_infinity_is_a_number() -> None:
    token: dict[str, object] = {"token": "x", "logprob": None, "top_logprobs": []}
    chunk = event({"choices": [{"index": 0, "delta": {"content": "x"}, "logprobs": {"content": [token]}}]})
    [delta] = AnswerReader().feed(chunk)
    assert isinstance(delta, TextDelta)
    assert delta.logprobs[0].logprob < -1e30


def test_a_call_in_plain_json_is_found() -> None:
    reader = AnswerReader(tool_splitter({"f"}))
    answer = chat_stream('{"name": "f", ', '"arguments": {"a": 1}}')
    [call, finished] = reader.feed(answer)
    assert isinstance(call, ToolCallDelta)
    assert call.call.arguments == {"a": 1}
    assert finished == Finished("stop", USAGE)


def test_text_that_was_held_back_comes_before_the_end() -> None:
    reader = AnswerReader(tool_splitter({"f"}))
    assert reader.feed(chat_stream('{"name": "f"')) == [TextDelta('{"name": "f"'), Finished("stop", USAGE)]


def test_a_prompt_that_is_too_long_is_told_with_both_numbers() -> None:
    error = EngineError("too long", 400, "exceed_context_size_error", 431, 256)
    failure = engine_failure(error, 400)
    assert isinstance(failure, PromptTooLong)
    assert (failure.prompt_tokens, failure.num_ctx) == (431, 256)


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("Failed to load image or audio file", "cannot be read"),
        ("audio input is not supported - hint: you may need to provide the mmproj", "takes no sound"),
    ],
)
def test_a_picture_that_cannot_be_read_is_the_clients_mistake(message: str, told: str) -> None:
    failure = engine_failure(EngineError(message, 500, "server_error"), 500)
    assert failure.status == 400
    assert told in failure.message


def test_a_schema_that_cannot_be_read_is_told_without_words_about_parsers() -> None:
    text = "Unable to generate parser for this template. JSON schema error at #/a: unrecognized type weird"
    failure = engine_failure(EngineError(text, 500), 500)
    assert (failure.message, failure.status) == ("invalid JSON schema: at #/a: unrecognized type weird", 400)


def test_an_answer_in_one_piece_is_read_like_a_stream() -> None:
    body = {
        "choices": [
            {
                "finish_reason": "tool_calls",
                "message": {
                    "role": "assistant",
                    "content": "Hm.",
                    "reasoning_content": "So.",
                    "tool_calls": [
                        {"id": name, "type": "function", "function": {"name": name, "arguments": "{}"}}
                        for name in ("f", "g")
                    ],
                },
                "logprobs": {"content": [{"token": "Hm.", "logprob": -0.5, "top_logprobs": []}]},
            }
        ],
        "usage": {"prompt_tokens": 5, "completion_tokens": 2},
    }
    events = AnswerReader().read_whole(msgspec.convert(body, WholeAnswer))
    assert events == [
        ThinkingDelta("So."),
        TextDelta("Hm.", (TokenLogprob("Hm.", -0.5),)),
        ToolCallDelta(0, ToolCall("f", {}, "f")),
        ToolCallDelta(1, ToolCall("g", {}, "g")),
        Finished("stop", Usage(prompt_tokens=5, completion_tokens=2)),
    ]


def test_calls_are_counted_whoever_found_them() -> None:
    reader = AnswerReader(tool_splitter({"f"}))
    plain = chat_chunk({"content": '{"name": "f", "arguments": {}}'})
    events = reader.feed(plain + piece(0, "{}", name="g") + chat_chunk({}, "stop") + DONE)
    assert [(event.index, event.call.name) for event in events if isinstance(event, ToolCallDelta)] == [
        (0, "f"),
        (1, "g"),
    ]


def test_log_probabilities_of_a_text_completion_come_in_columns() -> None:
    tops = [{" a": -1.5, " the": -0.5}, None]
    columns = {"tokens": [" a", "b"], "token_logprobs": [-1.5, None], "top_logprobs": tops}
    reader = AnswerReader(None, 2)
    [delta] = reader.feed(event({"choices": [{"text": " ab", "logprobs": columns}]}))
    assert isinstance(delta, TextDelta)
    first, second = delta.logprobs
    assert first == TokenLogprob(" a", -1.5, (TopLogprob(" the", -0.5), TopLogprob(" a", -1.5)))
    assert (second.token, second.top) == ("b", ())


HALF = "\N{REPLACEMENT CHARACTER}"


def said(reader: AnswerReader, stream: bytes) -> str:
    return "".join(event.text for event in reader.feed(stream) if isinstance(event, TextDelta))


def test_half_a_character_at_the_limit_is_no_text() -> None:
    assert said(AnswerReader(), chat_stream("cut ", "h", HALF, reason="length")) == "cut h"
    assert said(AnswerReader(), chat_chunk({"content": f"h{HALF}"}, "length") + DONE) == "h"


def test_a_character_that_the_model_wrote_broken_is_kept() -> None:
    assert said(AnswerReader(), chat_stream(f"a{HALF}", "b", HALF, reason="stop")) == f"a{HALF}b{HALF}"


@pytest.mark.parametrize(
    ("end", "tokens"),
    [({"stop_reason": None}, ["a"]), ({"matched_stop": 2}, ["a"]), ({"stop_reason": "b"}, ["a", "b"])],
)
def test_the_token_that_ends_an_answer_is_no_token_of_it(end: dict[str, object], tokens: list[str]) -> None:
    content = [{"token": token, "logprob": -0.25, "top_logprobs": []} for token in "ab"]
    choice = {"index": 0, "delta": {"content": "a"}, "logprobs": {"content": content}, "finish_reason": "stop", **end}
    reader = AnswerReader(telling=Telling(names_end=True))

    [delta, _] = reader.feed(event({"choices": [choice]}) + DONE)
    assert isinstance(delta, TextDelta)
    assert [token.token for token in delta.logprobs] == tokens


def test_the_token_that_ends_an_answer_may_come_before_its_end() -> None:
    content = [{"token": "<end>", "logprob": -0.25, "top_logprobs": []}]
    early = event({"choices": [{"index": 0, "delta": {}, "logprobs": {"content": content}}]})
    for reason, count in (("stop", 0), ("length", 1)):
        reader = AnswerReader(telling=Telling(names_end=True))
        events = reader.feed(early + chat_chunk({}, reason) + DONE)
        assert sum(len(each.logprobs) for each in events if isinstance(each, TextDelta)) == count
