import json

# Patterns and values are JSON that nobody has given a type.
from typing import Any

import pytest

from tests.contract.matching import (
    Either,
    Holds,
    differences,
    event_differences,
    line_differences,
    named_event_differences,
)


@pytest.mark.parametrize(
    ("pattern", "value"),
    [
        ("<ts>", "2026-08-22T10:00:00Z"),
        ("<ts>", "2026-08-22T10:00:00.123456789Z"),
        ("<ts>", "2026-08-22T10:00:00.5-04:00"),
        ("<ns>", 1),
        ("<int>", 0),
        ("<hex64>", "0a" * 32),
        ("*", ""),
        ("msg_*", "msg_1"),
        ("[] is *", "[] is too short"),
        ("plain", "plain"),
        (None, None),
        (1.5, 1.5),
        ({"a": "*", "b?": "<int>"}, {"a": "x"}),
        ({"a": "*", "b?": "<int>"}, {"a": "x", "b": 1}),
        ({"a": 1, "…": None}, {"a": 1, "c": 2}),
        ([], []),
        (["<int>", "…"], []),
        (["<int>", "…"], [1, 2, 3]),
        (["a", "<int>", "…", "z"], ["a", 1, 2, "z"]),
        (["a", "<int>", "…", "z"], ["a", "z"]),
        (Either((None, [])), None),
        (Holds("even", lambda number: number % 2 == 0), 4),
    ],
)
def test_matches(pattern: Any, value: Any) -> None:
    assert differences(pattern, value) == []


@pytest.mark.parametrize(
    ("pattern", "value"),
    [
        ("<ts>", "2026-08-22 10:00:00Z"),
        ("<ts>", "2026-08-22T10:00:00"),
        ("<ts>", "2026-08-22T10:00:00.Z"),
        ("<ts>", "2026-08-22T10:00:00+0400"),
        ("<ts>", "2026-13-22T10:00:00Z"),
        ("<ts>", "2026-08-22T10:00:00.1234567890Z"),
        ("<ts>", 5),
        ("<ns>", 0),
        ("<ns>", True),
        ("<ns>", 1.0),
        ("<ns>", "1"),
        ("<int>", -1),
        ("<int>", False),
        ("<int>", 3.0),
        ("<hex64>", "sha256:" + "0a" * 32),
        ("<hex64>", "0A" * 32),
        ("*", None),
        ("msg_*", "chatcmpl-1"),
        ("[] is *", "x is too short"),
        ("plain", "other"),
        (None, 0),
        (1, True),
        (1, 1.0),
        ({"a": "*"}, {}),
        ({"a": "*"}, {"a": "x", "b": 1}),
        ({"a": "*"}, []),
        ({"b?": "<int>"}, {"b": "x"}),
        ({"a": 1, "…": None}, {"c": 2}),
        ([], [1]),
        ([], {}),
        (["<int>"], []),
        (["<int>", "…"], [1, "x"]),
        (["a", "<int>", "…", "z"], ["a"]),
        (["a", "<int>", "…", "z"], ["a", 1, 2]),
        (Either((None, [])), 0),
        (Holds("even", lambda number: number % 2 == 0), 3),
    ],
)
def test_tells_what_does_not_match(pattern: Any, value: Any) -> None:
    assert differences(pattern, value)


def test_says_where_the_difference_is() -> None:
    assert differences({"a": [{"b": 1}]}, {"a": [{"b": 2}]}) == ["$.a[0].b: 2 is not 1"]
    assert differences({"a": 1}, {"b": 2}) == ["$.a: missing", "$.b: not expected"]


def test_lines_match_when_each_ends_with_a_line_feed() -> None:
    assert line_differences([{"n": "<int>"}, "…", {"done": True}], b'{"n":1}\n{"n":2}\n{"done":true}\n') == []


@pytest.mark.parametrize("body", [b'{"n":1}', b'{"n":1}\n\n', b'\n{"n":1}\n', b'{"n":"x"}\n', b""])
def test_lines_do_not_match_when_framed_otherwise(body: bytes) -> None:
    assert line_differences([{"n": 1}], body)


def test_a_line_that_is_not_json_is_an_error() -> None:
    with pytest.raises(json.JSONDecodeError):
        line_differences([{}], b"{,}\n")


def test_events_are_compared_with_their_frames() -> None:
    assert event_differences([{"n": 1}, "[DONE]"], b'data: {"n":1}\n\ndata: [DONE]\n\n') == []


@pytest.mark.parametrize(
    "body",
    [
        b'data: {"n":1}\n',
        b'{"n":1}\n\n',
        b'data: {"n":2}\n\n',
        b'data: {"n":1}\ndata: {"n":1}\n\n',
        b'data: {"n":1}\n\ndata: [DONE]\n\n',
        b"",
    ],
)
def test_events_do_not_match_when_framed_otherwise(body: bytes) -> None:
    assert event_differences([{"n": 1}], body)


def test_named_events_are_compared_with_their_frames() -> None:
    assert named_event_differences([{"type": "a"}, {"type": "b"}], NAMED) == []


NAMED = b'event: a\ndata: {"type":"a"}\n\nevent: b\ndata: {"type":"b"}\n\n'


@pytest.mark.parametrize("body", [NAMED[:-1], NAMED.replace(b"event: b", b"event: c"), NAMED.partition(b"\n\n")[0]])
def test_named_events_do_not_match_when_framed_otherwise(body: bytes) -> None:
    assert named_event_differences([{"type": "a"}, {"type": "b"}], body)
