import re

# Calls and their arguments are foreign JSON.
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arriero.engines.answers.think_text import ThinkText
from arriero.engines.ollama.reader import OllamaReader
from arriero.errors import EngineFailed
from arriero.types.chat import ToolCall
from arriero.types.events import (
    Event,
    Finished,
    TextDelta,
    ThinkingDelta,
    TokenLogprob,
    ToolCallDelta,
    TopLogprob,
    text_and_thinking,
)
from arriero.types.usage import Usage
from tests.engines.ollama.lines import COUNTS, USAGE, chat, end, generated, line, said

DONE = Finished("stop", USAGE)


def read(*parts: bytes, reader: OllamaReader | None = None) -> list[Event]:
    reader = reader or OllamaReader()
    events = [event for part in parts for event in reader.feed(part)]
    return events + reader.close()


def call(name: str, arguments: Any, **more: Any) -> dict[str, Any]:
    return {"function": {"name": name, "arguments": arguments, "index": 0}, **more}


def logprob(token: str, number: float, *others: str) -> dict[str, Any]:
    top = [{"token": other, "logprob": -place, "bytes": [1]} for place, other in enumerate(others, 1)]
    return {"token": token, "logprob": number, "bytes": [1], **({"top_logprobs": top} if top else {})}


@pytest.mark.parametrize("stream", [chat("Hel", "lo"), generated("Hel", "lo")])
def test_lines_are_an_answer(stream: bytes) -> None:
    reader = OllamaReader()
    assert reader.feed(stream) == [TextDelta("Hel"), TextDelta("lo"), DONE]
    assert (reader.is_finished, reader.is_told, reader.is_cut) == (True, True, False)
    assert reader.close() == []


@given(st.lists(st.text(), max_size=5), st.sampled_from([chat, generated]), st.data())
def test_lines_split_anywhere_come_out_whole(texts: list[str], stream: object, data: st.DataObject) -> None:
    assert callable(stream)
    written = stream(*texts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(written)), max_size=8)))
    parts = [written[start:stop] for start, stop in zip([0, *cuts], [*cuts, len(written)], strict=True)]
    events = read(*parts)
    assert text_and_thinking(events) == ("".join(texts), "")
    assert events[-1] == DONE


@given(st.lists(st.text('añ😀路由器\n"\\', min_size=1), max_size=3))
def test_lines_byte_by_byte_come_out_whole(texts: list[str]) -> None:
    written = chat(*texts)
    assert text_and_thinking(read(*(written[at : at + 1] for at in range(len(written)))))[0] == "".join(texts)


@pytest.mark.parametrize("end_of_line", [b"", b"\n", b"\r\n"])
def test_an_answer_in_one_piece_is_its_last_line(end_of_line: bytes) -> None:
    message = {"role": "assistant", "content": "Hello", "thinking": "Hm.", "tool_calls": [call("f", {}, id="a")]}
    body = line(message=message, done=True, done_reason="length", **COUNTS).rstrip() + end_of_line
    assert OllamaReader().read_body(body) == [
        ThinkingDelta("Hm."),
        TextDelta("Hello"),
        ToolCallDelta(0, ToolCall("f", {}, "a")),
        Finished("length", USAGE),
    ]


def test_thinking_is_told_apart() -> None:
    stream = said(thinking="Let me ") + said(thinking="see.") + said("Yes", thinking=" Well.") + end()
    assert text_and_thinking(read(stream)) == ("Yes", "Let me see. Well.")
    raw = line(response="", thinking="Hm.", done=False) + generated("Yes")
    assert text_and_thinking(read(raw)) == ("Yes", "Hm.")


def test_thinking_in_the_text_is_found_where_it_is_looked_for() -> None:
    reader = OllamaReader(think=ThinkText())
    events = read(generated("<thi", "nk>Hm", ".</think>\n", "Yes"), reader=reader)
    assert text_and_thinking(events) == ("Yes", "Hm.")
    cut_off = read(generated("Hm", " "), reader=OllamaReader(think=ThinkText(is_open=True)))
    assert cut_off == [ThinkingDelta("Hm"), DONE]
    told = read(said(thinking="Hm.") + said("<think>") + end(), reader=OllamaReader(think=ThinkText()))
    assert text_and_thinking(told) == ("<think>", "Hm.")


def test_log_probabilities_come_with_their_text() -> None:
    told = line(response="Yes", done=False, logprobs=[logprob("Yes", -0.5, "Yes", "No", "Maybe")])
    token = TokenLogprob("Yes", -0.5, (TopLogprob("Yes", -1), TopLogprob("No", -2)))
    assert read(told + generated(), reader=OllamaReader(2)) == [TextDelta("Yes", (token,)), DONE]
    assert read(told + generated())[0] == TextDelta("Yes", (TokenLogprob("Yes", -0.5),))
    beside = line(message={"content": ""}, logprobs=[logprob("<", -0.5)]) + end()
    assert read(beside)[0] == TextDelta("", (TokenLogprob("<", -0.5),))
    split = read(told + generated(), reader=OllamaReader(think=ThinkText()))
    assert split == [TextDelta("", (TokenLogprob("Yes", -0.5),)), TextDelta("Yes"), DONE]


def test_calls_are_counted_whatever_they_count_themselves() -> None:
    stream = said(tool_calls=[call("f", {"b": 1, "a": [2]}, id="x"), call("g", None, id="y")])
    last = end().replace(b'"content": ""', b'"content": "", "tool_calls": [{"function": {"name": "h"}, "id": "z"}]')
    assert read(stream + last) == [
        ToolCallDelta(0, ToolCall("f", {"b": 1, "a": [2]}, "x")),
        ToolCallDelta(1, ToolCall("g", {}, "y")),
        ToolCallDelta(2, ToolCall("h", {}, "z")),
        DONE,
    ]


def test_what_is_generated_may_be_calls_too() -> None:
    stream = line(response="", done=False, tool_calls=[call("f", {}, id="x")]) + generated()
    assert read(stream)[0] == ToolCallDelta(0, ToolCall("f", {}, "x"))


def test_a_call_without_a_name_of_its_own_gets_one() -> None:
    [event, _] = read(said(tool_calls=[call("f", '{"a": 1}')]) + end())
    assert isinstance(event, ToolCallDelta)
    assert event.call.arguments == {"a": 1}
    assert re.fullmatch("call_[a-z0-9]{8}", event.call.id)


@pytest.mark.parametrize("arguments", ["nonsense", [1], 7])
def test_arguments_that_are_no_object_are_an_error_of_the_engine(arguments: Any) -> None:
    with pytest.raises(EngineFailed, match="called f with arguments that are no JSON object"):
        read(said(tool_calls=[call("f", arguments)]))


def test_where_one_call_is_wanted_one_is_told() -> None:
    stream = said(tool_calls=[call("f", {}, id="x"), call("g", {})]) + said(tool_calls=[call("h", {})]) + end()
    assert read(stream, reader=OllamaReader(is_one_call=True)) == [ToolCallDelta(0, ToolCall("f", {}, "x")), DONE]


@pytest.mark.parametrize(
    ("told", "reason"),
    [("stop", "stop"), ("length", "length"), ("load", "stop"), ("unheard_of", "stop"), (None, "stop")],
)
def test_every_end_but_that_of_a_limit_is_a_stop(told: str | None, reason: str) -> None:
    [finished] = read(end(told))
    assert isinstance(finished, Finished)
    assert finished.reason == reason


def test_contexts_are_told_to_who_wants_them() -> None:
    stream = generated("Hi", context=[1, 2, 3])
    assert read(stream)[-1] == DONE
    assert read(stream, reader=OllamaReader(wants_context=True))[-1] == Finished("stop", USAGE, (1, 2, 3))


def test_what_is_unknown_missing_or_null_does_no_harm() -> None:
    null = dict.fromkeys(["thinking", "tool_calls", "logprobs", "error", "response", "eval_count", "done_reason"])
    odd = line(message={"content": None, "tool_calls": None, "novel": {}}, novel=[1], **null)
    last = line(done=True, prompt_eval_count=7.0)
    assert read(b"\n" + odd + b" \r\n" + last + said("late")) == [Finished("stop", Usage(prompt_tokens=7))]


@pytest.mark.parametrize("error", ["out of memory", {"message": "out of memory", "code": 500}])
def test_an_error_ends_an_answer_behind_what_it_has_said(error: Any) -> None:
    reader = OllamaReader()
    assert reader.feed(said("Hel") + line(error=error) + said("lo")) == [TextDelta("Hel")]
    with pytest.raises(EngineFailed, match="out of memory"):
        reader.close()
    with pytest.raises(EngineFailed, match="out of memory"):
        OllamaReader().feed(b'{"error":"out of memory"}\n')


@pytest.mark.parametrize("odd", [b"[1]\n", b"<html>\n", b'{"done":"yes"}\n', b"[" * 100_000 + b"\n"])
def test_what_is_no_line_is_an_error_of_the_engine(odd: bytes) -> None:
    with pytest.raises(EngineFailed, match="no line of an answer"):
        OllamaReader().feed(odd)


def test_without_its_last_line_an_answer_has_not_ended() -> None:
    reader = OllamaReader()
    assert reader.feed(said("Hi")) == [TextDelta("Hi")]
    assert reader.close() == []
    assert not reader.is_finished
