import pytest
from hypothesis import given
from hypothesis import strategies as st

from arriero.errors import InvalidRequest
from arriero.types.durations import FOREVER_NS, parse_duration, parse_keep_alive

MS, S, M, H = 10**6, 10**9, 60 * 10**9, 3600 * 10**9


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("0", 0),
        ("-0", 0),
        ("+0", 0),
        ("0s", 0),
        ("5m", 5 * M),
        ("1h30m", H + 30 * M),
        ("250ms", 250 * MS),
        ("+5s", 5 * S),
        ("-1.5h", -(H + 30 * M)),
        ("1.s", S),
        (".5s", S // 2),
        ("1h0.5s", H + S // 2),
        ("1µs", 1000),
        ("1μs", 1000),
        ("1us", 1000),
        ("0.1ns", 0),
        ("3m2m", 5 * M),
        ("9223372036854775807ns", FOREVER_NS),
    ],
)
def test_reads_a_duration_as_go_does(text: str, nanoseconds: int) -> None:
    assert parse_duration(text) == nanoseconds


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", 'time: invalid duration ""'),
        ("-", 'time: invalid duration "-"'),
        ("abc", 'time: invalid duration "abc"'),
        (".s", 'time: invalid duration ".s"'),
        (" 5m", 'time: invalid duration " 5m"'),
        ("--5m", 'time: invalid duration "--5m"'),
        ("٣s", 'time: invalid duration "٣s"'),
        ("9223372036854775808ns", 'time: invalid duration "9223372036854775808ns"'),
        ("9" * 400 + "h", f'time: invalid duration "{"9" * 400}h"'),
        ("10", 'time: missing unit in duration "10"'),
        ("-1", 'time: missing unit in duration "-1"'),
        ("00", 'time: missing unit in duration "00"'),
        ("1h2", 'time: missing unit in duration "1h2"'),
        ("1..5s", 'time: missing unit in duration "1..5s"'),
        ("1d", 'time: unknown unit "d" in duration "1d"'),
        ("5M", 'time: unknown unit "M" in duration "5M"'),
        ("5 m", 'time: unknown unit " m" in duration "5 m"'),
        ("1h-5m", 'time: unknown unit "h-" in duration "1h-5m"'),
        ("1e3s", 'time: unknown unit "e" in duration "1e3s"'),
    ],
)
def test_refuses_in_the_words_of_go(text: str, message: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_duration(text)
    assert caught.value.message == message


@given(st.integers(-FOREVER_NS, FOREVER_NS))
def test_every_count_of_nanoseconds_is_read_back(nanoseconds: int) -> None:
    assert parse_duration(f"{nanoseconds}ns") == nanoseconds


@given(st.text(max_size=20) | st.text("0123456789.-+hmsnuµ ", max_size=12))
def test_any_text_is_read_or_refused(text: str) -> None:
    assert _reads_or_refuses(text)


def _reads_or_refuses(text: str) -> bool:
    try:
        return abs(parse_duration(text)) <= FOREVER_NS
    except InvalidRequest as error:
        return error.message.startswith("time: ")


FOREVER = float("inf")


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (0, 0.0),
        (90.5, 90.5),
        (-1, FOREVER),
        (-0.5, FOREVER),
        ("0", 0.0),
        ("0s", 0.0),
        ("-0s", 0.0),
        ("1h30m", 5400.0),
        ("250ms", 0.25),
        ("-1m", FOREVER),
        ("-1ns", FOREVER),
    ],
)
def test_a_model_is_kept_for_seconds(value: float | str, seconds: float) -> None:
    assert parse_keep_alive(value) == seconds


@pytest.mark.parametrize(("value", "kind"), [(True, "bool"), ([], "[]interface {}"), ({}, "map[string]interface {}")])
def test_keep_alive_of_another_type_is_told_with_the_type_of_go(value: bool | list[object], kind: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_keep_alive(value)
    assert caught.value.message == f"Unsupported type: '{kind}'"


def test_keep_alive_beyond_all_numbers_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="too large"):
        parse_keep_alive(10**400)
