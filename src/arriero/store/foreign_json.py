"""JSON that others have written, and that may be anything."""

from typing import TypeVar

import msgspec

_T = TypeVar("_T")


class UnusableJson(ValueError):
    """What was to be decoded is no JSON, or not of the type that is wanted."""


def decode_foreign(content: bytes, kind: type[_T]) -> _T:
    """Decode JSON as a type. Raises UnusableJson, whatever is wrong with it: also where it is nested too deep."""
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UnusableJson(str(error)) from error
