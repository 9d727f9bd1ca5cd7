"""Tool calls that a model writes as plain JSON into its answer, without the marks that its template asks for.

Small models do. Ollama takes such an answer for a call where it begins with the JSON of one, and so does this. Pure.
"""

import re
from collections.abc import Callable, Collection
from typing import Any

import msgspec

from arriero.types.chat import ToolCall
from arriero.types.events import Event, TextDelta, ToolCallDelta

# What may stand in front of a call, or between two: white space, an array's signs, and marks that were not understood.
_OPENING = re.compile(r"(?:\s|\[|<tool_call>|```(?:json)?(?=\s))*")
_BETWEEN = re.compile(r"(?:\s|,|;|\[|\]|</?tool_call>|```(?:json)?(?=\s|$))*")
_MARKS = ("<tool_call>", "</tool_call>", "```json\n")
_KEY = re.compile(r'"((?:[^"\\]|\\.)*)"')
_MARK = re.compile(r'["\\{}\[\]]')
_KEYS = frozenset({"name", "arguments", "parameters", "function", "type", "id"})


class PlainToolCalls:
    """Splits an answer's text into calls of known tools, and text. ``make_id`` names a call."""

    def __init__(self, names: Collection[str], make_id: Callable[[], str]) -> None:
        self._names = names
        self._make_id = make_id
        self._held = ""
        self._calls = 0
        self._end = _ObjectEnd()
        self._is_text = False

    def feed(self, text: str) -> list[Event]:
        """Take a piece of text; what may yet become a call is held back."""
        if self._is_text:
            return [TextDelta(text)]
        self._held += text
        return self._read()

    def close(self) -> list[Event]:
        """The answer is over: what is held is text after all.

        After a call it is none: the signs that end a list of calls, or one more call that was cut off.
        """
        held, self._held = self._held, ""
        return [TextDelta(held)] if held and not self._calls else []

    def _read(self) -> list[Event]:
        found: list[Event] = []
        while not self._is_text:
            opening = _BETWEEN if self._calls else _OPENING
            match = opening.match(self._held)
            assert match is not None
            rest = self._held[match.end() :]
            if not rest or any(mark.startswith(rest) for mark in _MARKS):
                break
            end = self._end.find(rest) if rest[0] == "{" and _may_be_call(rest) else 0
            if end is None:
                break
            call = self._call(rest[:end]) if end else None
            if call is None:
                # No call: then the rest of the answer is text, this much of it included.
                self._is_text = True
                found.append(TextDelta(rest if self._calls else self._held))
                self._held = ""
                break
            found.append(ToolCallDelta(self._calls, call))
            self._calls += 1
            self._held, self._end = rest[end:], _ObjectEnd()
        return found

    def _call(self, text: str) -> ToolCall | None:
        try:
            written = msgspec.json.decode(text)
        except (msgspec.DecodeError, RecursionError):
            return None
        if isinstance(written.get("function"), dict):
            written = written["function"]
        if not written.keys() <= _KEYS or not written.keys() & {"arguments", "parameters"}:
            return None
        arguments = read_arguments(written.get("arguments", written.get("parameters")))
        name = written.get("name", written.get("function"))
        if not isinstance(name, str) or name not in self._names or arguments is None:
            return None
        return ToolCall(name, arguments, self._make_id())


# Whatever a model has written where arguments should be.
def read_arguments(value: Any) -> dict[str, Any] | None:
    """Arguments as an object, also out of a JSON string or of nothing; None where they are something else."""
    if isinstance(value, str):
        try:
            value = msgspec.json.decode(value) if value.strip() else {}
        except (msgspec.DecodeError, RecursionError):
            return None
    if value is None:
        return {}
    return value if isinstance(value, dict) else None


def _may_be_call(text: str) -> bool:
    """Whether an object that begins like this may be a call, so that other JSON is not held back to its end."""
    inside = text[1:].lstrip()
    key = _KEY.match(inside)
    return not inside or (inside[0] == '"' and (key is None or key[1] in _KEYS))


class _ObjectEnd:
    """Looks for the end of the object that a growing text begins with, each character once."""

    def __init__(self) -> None:
        self._at = self._depth = 0
        self._in_string = False

    def find(self, text: str) -> int | None:
        """Where it ends; None as long as it does not."""
        while mark := _MARK.search(text, self._at):
            self._at = mark.end()
            sign = mark[0]
            if self._in_string:
                self._at += sign == "\\"
                self._in_string = sign != '"'
            elif sign == '"':
                self._in_string = True
            elif sign in "{[":
                self._depth += 1
            elif sign in "}]":
                self._depth -= 1
                if not self._depth:
                    return self._at
        self._at = max(self._at, len(text))
        return None
