"""JSON as nobody would write it, for readers that must not stumble over it."""

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

_KEYS = (
    *("content", "text", "image_url", "source", "data", "input", "output", "arguments", "name", "call_id", "id"),
    *("encrypted_content", "thinking", "tool_use_id", "is_error", "tools", "parameters", "description", "input_schema"),
)
_SCALARS = (None, True, 0, -1, 1.5, "", "x", "{}", "data:;base64,AAAA")


# What is made is JSON.
def foreign_objects(random: Random, words: Mapping[str, Sequence[str]], depth: int = 3) -> list[Any]:
    """A few objects with the keys that readers look for, and anything in them.

    words: what a key most often holds, for those that decide how the rest is read.
    """
    return [_object(random, words, depth) for _ in range(random.randrange(4))]


def _object(random: Random, words: Mapping[str, Sequence[str]], depth: int) -> dict[str, Any]:
    made = {key: _value(random, words, depth - 1) for key in random.sample(_KEYS, random.randrange(6))}
    return made | {key: random.choice([*values, *values, random.choice(_SCALARS)]) for key, values in words.items()}


def _value(random: Random, words: Mapping[str, Sequence[str]], depth: int) -> Any:
    match random.randrange(4) if depth else 0:
        case 2:
            return foreign_objects(random, words, depth)
        case 3:
            return _object(random, words, depth)
        case _:
            return random.choice(_SCALARS)
