"""Recorded exchanges with a real engine, as files that people can read and compare.

A tape is ``tapes/<site>/<scenario>.json``. An answer is ``json``, ``text``, or ``chunks``: the pieces as the engine
sent them, a line each. In a chunk, an event of a stream is the JSON in it wherever that gives the same bytes again;
anything else is text.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

# What engines send and are sent is foreign JSON.
from typing import Any

TAPES = Path(__file__).parent / "tapes"
_WIDTH = 116
_EVENT_END = re.compile(rb"(?<=\n\n)")


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked. body: JSON; None where there was none."""

    method: str
    path: str
    body: Any = None

    @property
    def key(self) -> str:
        """The same for two requests that ask the same."""
        return f"{self.method} {self.path} {json.dumps(self.body, sort_keys=True)}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. chunks: the body as it came. is_stream: its borders matter. is_cut: then the connection broke."""

    status: int
    headers: Mapping[str, str]
    chunks: tuple[bytes, ...]
    is_stream: bool = False
    is_cut: bool = False


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its answer."""

    request: Request
    answer: Answer


@dataclass(frozen=True, slots=True)
class Tape:
    """What one scenario said to one engine. engine: its name and version. note: what was done to it."""

    engine: str
    exchanges: tuple[Exchange, ...]
    note: str = ""


def tape_path(site: str, scenario: str) -> Path:
    """Where a tape lies."""
    return TAPES / site / f"{scenario}.json"


def read_tape(path: Path) -> Tape:
    """Read a tape."""
    stored = json.loads(path.read_bytes())
    return Tape(stored["engine"], tuple(map(_exchange, stored["exchanges"])), stored.get("note", ""))


def write_tape(path: Path, tape: Tape) -> None:
    """Write a tape: the same one gives the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(("\n".join(_lines(tape)) + "\n").encode("utf-8", "backslashreplace"))


def _exchange(stored: Mapping[str, Any]) -> Exchange:
    request = Request(stored["method"], stored["path"], stored.get("request"))
    if is_stream := "chunks" in stored:
        chunks = tuple(b"".join(map(_bytes_of, items)) for items in stored["chunks"])
    else:
        chunks = (_encoded(stored["json"]) if "json" in stored else _bytes_of(stored["text"]),)
    answer = Answer(stored["status"], stored["headers"], chunks, is_stream, stored.get("is_cut", False))
    return Exchange(request, answer)


def _lines(tape: Tape) -> Iterator[str]:
    yield "{"
    yield f'  "engine": {_compact(tape.engine)},'
    if tape.note:
        yield f'  "note": {_compact(tape.note)},'
    yield '  "exchanges": ['
    for number, exchange in enumerate(tape.exchanges, 1):
        fields = list(_fields(exchange))
        yield "    {"
        for name, text in fields[:-1]:
            yield f'      "{name}": {text},'
        yield f'      "{fields[-1][0]}": {fields[-1][1]}'
        yield "    }" + ("," if number < len(tape.exchanges) else "")
    yield "  ]"
    yield "}"


def _fields(exchange: Exchange) -> Iterator[tuple[str, str]]:
    request, answer = exchange.request, exchange.answer
    yield "method", _compact(request.method)
    yield "path", _compact(request.path)
    if request.body is not None:
        yield "request", _pretty(request.body, 6)
    yield "status", str(answer.status)
    yield "headers", _pretty(dict(answer.headers), 6)
    if answer.is_cut:
        yield "is_cut", "true"
    if answer.is_stream:
        lines = [f"        {_compact(_items_of(chunk))}" for chunk in answer.chunks]
        yield "chunks", "[\n" + ",\n".join(lines) + "\n      ]" if lines else "[]"
        return
    body = b"".join(answer.chunks)
    try:
        yield "json", _pretty(json.loads(body), 6)
    except ValueError:
        yield "text", _compact(_text_of(body))


# A value of JSON: on one line where it fits, or is a plain list.
def _pretty(value: Any, indent: int) -> str:
    line = _compact(value)
    if not isinstance(value, dict | list) or len(line) + indent <= _WIDTH:
        return line
    inner = " " * (indent + 2)
    if isinstance(value, dict):
        items = [f"{inner}{_compact(name)}: {_pretty(item, indent + 2)}" for name, item in value.items()]
        return "{\n" + ",\n".join(items) + "\n" + " " * indent + "}"
    if not any(isinstance(item, dict | list) for item in value):
        return line
    items = [inner + _pretty(item, indent + 2) for item in value]
    return "[\n" + ",\n".join(items) + "\n" + " " * indent + "]"


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


# Events are JSON, and what is none is text.
def _items_of(chunk: bytes) -> list[Any]:
    items: list[Any] = []
    for part in filter(None, _EVENT_END.split(chunk)):
        try:
            event = json.loads(part.removeprefix(b"data: "))
        except ValueError:
            event = None
        items.append(event if isinstance(event, dict) and _bytes_of(event) == part else _text_of(part))
    return items


def _bytes_of(item: object) -> bytes:
    return item.encode("utf-8", "surrogateescape") if isinstance(item, str) else b"data: " + _encoded(item) + b"\n\n"


def _text_of(data: bytes) -> str:
    # Half a character, as a chunk may end with, becomes a surrogate, which JSON can tell.
    return data.decode("utf-8", "surrogateescape")


def _encoded(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def without_repeats(exchanges: Sequence[Exchange], told_elsewhere: Sequence[Exchange] = ()) -> tuple[Exchange, ...]:
    """The exchanges that say something new: the last answer to a request is the one that repeats."""
    known = {exchange.request.key for exchange in told_elsewhere}
    last: dict[str, Answer] = {}
    kept = []
    for exchange in exchanges:
        key = exchange.request.key
        if key not in known and last.get(key) != exchange.answer:
            kept.append(exchange)
            last[key] = exchange.answer
    return tuple(kept)
