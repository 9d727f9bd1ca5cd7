"""Compares JSON with a pattern, as the golden cases are written.

A pattern is JSON in which some texts stand for many values:

    "<ts>"      a timestamp of RFC 3339
    "<ns>"      an integer above 0, as durations are
    "<int>"     an integer of 0 or more
    "<hex64>"   64 hex digits
    "a*b"       text that begins with a and ends with b
    {"key?": …} a key that may be missing
    {"…": None} other keys are allowed
    [x, "…"]    any number of x, also none, with whatever stands before and after them
"""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any

REST = "…"
_TIMESTAMP = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d{1,9})?(Z|[+-]\d\d:\d\d)")
_HEX64 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Either:
    """One of several patterns."""

    patterns: tuple[Any, ...]  # patterns are JSON


@dataclass(frozen=True, slots=True)
class Holds:
    """A value of which something is true."""

    claim: str
    is_true: Callable[[Any], bool]  # asked about whatever JSON came


# Patterns and values are JSON that nobody has given a type.
def differences(pattern: Any, value: Any, path: str = "$") -> list[str]:
    """Return what is different, one line for each place; empty where the value matches."""
    match pattern:
        case Either():
            tries = [differences(each, value, path) for each in pattern.patterns]
            return [] if [] in tries else [line for lines in tries for line in lines]
        case Holds():
            return [] if pattern.is_true(value) else [f"{path}: {value!r} is not {pattern.claim}"]
        case dict():
            return _in_object(pattern, value, path)
        case list():
            return _in_array(pattern, value, path)
        case str():
            return [] if _is_text(pattern, value) else [f"{path}: {value!r} is not {pattern}"]
        case _:
            is_same = type(pattern) is type(value) and pattern == value
            return [] if is_same else [f"{path}: {value!r} is not {pattern!r}"]


def line_differences(patterns: Sequence[Any], body: bytes) -> list[str]:
    """Compare NDJSON: every line ends with a line feed and none is blank."""
    if not body.endswith(b"\n"):
        return [f"the last line has no end: {body[-80:]!r}"]
    lines = body.split(b"\n")[:-1]
    if b"" in lines:
        return [f"line {lines.index(b'') + 1} is blank"]
    return _in_array(list(patterns), [json.loads(line) for line in lines], "$")


def event_differences(patterns: Sequence[Any], body: bytes) -> list[str]:
    """Compare server-sent events with one ``data`` line each; what is not JSON is compared as text."""
    if not body.endswith(b"\n\n"):
        return [f"the last event has no end: {body[-80:]!r}"]
    events = body.split(b"\n\n")[:-1]
    if odd := [event for event in events if not event.startswith(b"data: ") or b"\n" in event]:
        return [f"not one line of data: {odd[0]!r}"]
    payloads = [event.removeprefix(b"data: ") for event in events]
    return _in_array(list(patterns), [_json_or_text(payload) for payload in payloads], "$")


def named_event_differences(patterns: Sequence[Any], body: bytes) -> list[str]:
    """Compare server-sent events that bear the name of their ``type``, as OpenAI's newer API and Anthropic's do."""
    events = body.removesuffix(b"\n\n").split(b"\n\n")
    for event in events:
        name, _, rest = event.partition(b"\n")
        payload = json.loads(rest.removeprefix(b"data: "))
        if name != f"event: {payload['type']}".encode():
            return [f"not named for its type: {event!r}"]
    data = b"\n\n".join(event.partition(b"\n")[2] for event in events)
    return event_differences(patterns, data + body[len(body.removesuffix(b"\n\n")) :])


def _json_or_text(payload: bytes) -> Any:
    return json.loads(payload) if payload.startswith(b"{") else payload.decode()


def _in_object(pattern: dict[str, Any], value: Any, path: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{path}: {value!r} is not an object"]
    found: list[str] = []
    known = {key.removesuffix("?"): key for key in pattern if key != REST}
    for key, written in known.items():
        if key in value:
            found += differences(pattern[written], value[key], f"{path}.{key}")
        elif key == written:
            found.append(f"{path}.{key}: missing")
    if REST not in pattern:
        found += [f"{path}.{key}: not expected" for key in value if key not in known]
    return found


def _in_array(pattern: list[Any], value: Any, path: str) -> list[str]:
    if not isinstance(value, list):
        return [f"{path}: {value!r} is not an array"]
    patterns = _spread(pattern, len(value))
    if len(patterns) != len(value):
        return [f"{path}: {len(value)} items and not {len(patterns)}: {value!r}"]
    found: list[str] = []
    for at, (each, item) in enumerate(zip(patterns, value, strict=True)):
        found += differences(each, item, f"{path}[{at}]")
    return found


def _spread(pattern: list[Any], count: int) -> list[Any]:
    """Repeat the pattern before ``…`` so often that there are ``count`` in all, where that can be."""
    if REST not in pattern:
        return pattern
    at = pattern.index(REST)
    before, repeated, after = pattern[: at - 1], pattern[at - 1], pattern[at + 1 :]
    return [*before, *[repeated] * (count - len(before) - len(after)), *after]


def _is_text(pattern: str, value: Any) -> bool:
    match pattern:
        case "<ts>":
            return isinstance(value, str) and _is_timestamp(value)
        case "<ns>":
            return type(value) is int and value > 0
        case "<int>":
            return type(value) is int and value >= 0
        case "<hex64>":
            return isinstance(value, str) and _HEX64.fullmatch(value) is not None
        case _ if "*" in pattern:
            return isinstance(value, str) and fnmatchcase(value, pattern.replace("[", "[[]").replace("?", "[?]"))
        case _:
            return bool(pattern == value)


def _is_timestamp(text: str) -> bool:
    found = _TIMESTAMP.fullmatch(text)
    if found is None:
        return False
    try:
        datetime.fromisoformat(found[1] + found[3])
    except ValueError:
        return False
    return True
