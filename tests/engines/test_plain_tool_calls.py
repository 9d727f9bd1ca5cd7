import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arriero.engines.answers.plain_tool_calls import PlainToolCalls, read_arguments
from arriero.types.events import Event, TextDelta, ToolCallDelta, text_and_thinking

WEATHER = '{"name": "get_weather", "arguments": {"city": "Paris {\\"x\\"}"}}'
TIME = '{"name": "get_time", "parameters": {}}'


def split(*pieces: str) -> list[Event]:
    splitter = PlainToolCalls({"get_weather", "get_time"}, lambda: "call_x")
    return [event for piece in pieces for event in splitter.feed(piece)] + splitter.close()


def calls(events: Sequence[Event]) -> list[tuple[int, str, dict[str, Any]]]:
    return [(e.index, e.call.name, e.call.arguments) for e in events if isinstance(e, ToolCallDelta)]


def text(events: Sequence[Event]) -> str:
    return text_and_thinking(events)[0]


@pytest.mark.parametrize(
    "answer",
    [
        WEATHER,
        f"\n  {WEATHER}\n",
        f"[{WEATHER}]",
        f"```json\n{WEATHER}\n```",
        f"```\n{WEATHER}\n```",
        f"<tool_call>\n{WEATHER}\n</tool_call>",
        '{"type": "function", "function": {"name": "get_weather", "arguments": {"city": "Paris {\\"x\\"}"}}}',
        '{"name": "get_weather", "arguments": "{\\"city\\": \\"Paris {\\\\\\"x\\\\\\"}\\"}"}',
        '{"function": "get_weather", "parameters": {"city": "Paris {\\"x\\"}"}}',
    ],
)
def test_what_begins_with_the_json_of_a_call_is_one(answer: str) -> None:
    events = split(*answer)
    assert calls(events) == [(0, "get_weather", {"city": 'Paris {"x"}'})]
    assert text(events) == ""


@pytest.mark.parametrize("between", ["", ", ", "\n", ";", "]\n[", "\n</tool_call>\n<tool_call>\n"])
def test_several_calls_are_counted(between: str) -> None:
    events = split(f"[{WEATHER}{between}{TIME}]")
    assert [(index, name) for index, name, _ in calls(events)] == [(0, "get_weather"), (1, "get_time")]
    assert text(events) == ""


@pytest.mark.parametrize(
    "answer",
    [
        "Hello.",
        "I call " + WEATHER,
        '{"name": "unknown", "arguments": {}}',
        '{"name": "get_weather"}',
        '{"name": "get_weather", "arguments": [1]}',
        '{"name": "get_weather", "description": "d", "parameters": {"type": "object"}}',
        '{"city": "Paris"}',
        '{"name": "Ann", "age": 3}',
        "[1, 2]",
        "[a link](https://x.example)",
        '{"name": "get_weather", "arguments": {"city": ',
        "{ not json }",
        "```python\nprint(1)\n```",
        "   ",
        "<tool",
    ],
)
def test_everything_else_is_text_to_the_last_character(answer: str) -> None:
    for pieces in ([answer], list(answer)):
        events = split(*pieces)
        assert calls(events) == []
        assert text(events) == answer


def test_text_after_a_call_is_not_lost() -> None:
    events = split(WEATHER, "\n\nThat is ", "all.")
    assert len(calls(events)) == 1
    assert text(events) == "That is all."


def test_half_a_call_after_another_is_no_text() -> None:
    events = split(WEATHER, '\n{"name": "get_weather", "argu')
    assert len(calls(events)) == 1
    assert text(events) == ""


def test_json_that_is_no_call_is_not_held_back_to_its_end() -> None:
    splitter = PlainToolCalls({"get_weather"}, lambda: "x")
    assert splitter.feed('{"answer": 4') == [TextDelta('{"answer": 4')]
    assert splitter.feed("2}") == [TextDelta("2}")]


def test_nothing_of_a_call_leaks_before_it_is_complete() -> None:
    splitter = PlainToolCalls({"get_weather"}, lambda: "x")
    assert [splitter.feed(character) for character in WEATHER[:-1]] == [[]] * (len(WEATHER) - 1)
    assert calls(splitter.feed(WEATHER[-1]))


@given(
    st.lists(st.sampled_from([WEATHER, TIME, "\n", "[", "]", " text ", '{"a": 1}', "```json\n", "<tool_call>"])),
    st.randoms(use_true_random=False),
)
def test_where_the_pieces_are_cut_does_not_matter(parts: list[str], random: Any) -> None:
    answer = "".join(parts)
    cuts = sorted(random.randint(0, len(answer)) for _ in range(5))
    pieces = [answer[a:b] for a, b in zip([0, *cuts], [*cuts, len(answer)], strict=True)]
    whole, cut = split(answer), split(*pieces)
    assert (calls(whole), text(whole)) == (calls(cut), text(cut))


def test_a_long_argument_is_looked_through_once() -> None:
    call = json.dumps({"name": "get_weather", "arguments": {"text": "x" * 100_000}})
    events = split(*(call[at : at + 10] for at in range(0, len(call), 10)))
    assert len(calls(events)) == 1


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ({"a": 1}, {"a": 1}),
        ('{"a": 1}', {"a": 1}),
        ("", {}),
        (" ", {}),
        (None, {}),
        ("x", None),
        ("[]", None),
        (3, None),
    ],
)
def test_arguments_are_an_object(written: object, read: object) -> None:
    assert read_arguments(written) == read


def test_arguments_that_are_nested_beyond_measure_are_text() -> None:
    answer = '{"name": "get_weather", "arguments": ' + '{"a":' * 5000 + "1" + "}" * 5001
    assert text(split(answer)) == answer
