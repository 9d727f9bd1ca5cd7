"""Durations as Go writes them (``1h30m``, ``250ms``), in requests and in the environment."""

import re
from decimal import Decimal

from arriero.errors import InvalidRequest

_UNITS_NS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "μs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_TERM = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)([^.0-9]*)")
FOREVER_NS = 2**63 - 1


def parse_duration(text: str) -> int:
    """Nanoseconds of a Go duration, negative ones too. Raises InvalidRequest with Go's text."""
    rest, sign = text, 1
    if rest[:1] in {"+", "-"}:
        sign = -1 if rest[0] == "-" else 1
        rest = rest[1:]
    if rest == "0":
        return 0
    total, at = Decimal(0), 0
    while at < len(rest):
        term = _TERM.match(rest, at)
        if term is None:
            raise InvalidRequest(f'time: invalid duration "{text}"')
        number, unit = term.groups()
        if not unit:
            raise InvalidRequest(f'time: missing unit in duration "{text}"')
        if unit not in _UNITS_NS:
            raise InvalidRequest(f'time: unknown unit "{unit}" in duration "{text}"')
        total += Decimal(number) * _UNITS_NS[unit]
        at = term.end()
    if not at or total > FOREVER_NS:
        raise InvalidRequest(f'time: invalid duration "{text}"')
    return sign * int(total)


def parse_keep_alive(value: float | str | bool | list[object] | dict[str, object]) -> float:
    """Seconds that a model stays loaded; ``inf`` for any negative value.

    A number is in seconds, a text is a Go duration. Raises InvalidRequest with Ollama's text.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        kind = {bool: "bool", list: "[]interface {}", dict: "map[string]interface {}"}.get(type(value), "?")
        raise InvalidRequest(f"Unsupported type: '{kind}'")
    try:
        seconds = parse_duration(value) / 1e9 if isinstance(value, str) else float(value)
    except OverflowError as error:
        raise InvalidRequest("keep_alive is too large; -1 keeps the model loaded for ever") from error
    return seconds if seconds >= 0 else float("inf")
