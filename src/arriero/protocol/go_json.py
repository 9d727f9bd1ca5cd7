"""Reads JSON bodies the way Ollama does, which is the way of Go's ``encoding/json``.

Only the first value of a body counts, names of fields match in any case, ``null`` is as good as absent, and the
error texts are Go's: clients show them, and some match on them.
"""

import re
from functools import cache
from typing import Any, TypeVar, get_args, get_type_hints

import msgspec

from arriero.errors import InvalidRequest

T = TypeVar("T", bound=msgspec.Struct)

_decode_any = msgspec.json.Decoder().decode
# Escapes in their order, so that a backslash that is escaped itself begins none.
_ESCAPE = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|(?P<lone>\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
    rb"|(?:\\(?!u[dD][89a-fA-F]).[^\\]*)+",
    re.DOTALL,
)
_AT_BYTE = re.compile(r"\(byte (\d+)\)")
_TYPE_ERROR = re.compile(r"Expected `(?P<want>[^`]+)`, got `(?P<got>\w+)`(?: - at `\$\.?(?P<path>[^`]*)`)?")
_GO_KINDS = {
    "str": "string",
    "int": "number",
    "float": "number",
    "bool": "bool",
    "array": "array",
    "object": "object",
}
_GO_TYPES = {
    "str": "string",
    "int": "int",
    "float": "float64",
    "bool": "bool",
    "array": "slice",
    "object": "map",
}

# What the decoder says is wrong, and how Go says where it was.
_GO_PLACES = {
    "trailing comma in object": "looking for beginning of object key string",
    "object keys must be strings": "looking for beginning of object key string",
    "expected ':'": "after object key",
    "expected ',' or '}'": "after object key:value pair",
    "expected ',' or ']'": "after array element",
    "invalid escape": "in string escape code",
}


def decode_body(body: bytes, struct: type[T], *, empty: str = "missing request body") -> T:
    """Decode a request body into ``struct``. Raises InvalidRequest with Go's text; of an empty body, with ``empty``."""
    if not body.strip():
        raise InvalidRequest(empty)
    value = _first_value(body)
    return read_value({} if value is None else value, struct)


# A part of a body whose type another part decides: it gets it here.
def read_value(value: Any, struct: type[T]) -> T:
    """Read decoded JSON as ``struct``, as a body is read. Raises InvalidRequest with Go's text."""
    try:
        return msgspec.convert(_fold(value, struct), struct)
    except msgspec.ValidationError as error:
        raise InvalidRequest(_go_type_error(str(error), struct)) from error


# JSON that has not been given a type yet: it gets one in `decode_body`, in the same breath.
def _first_value(body: bytes) -> Any:
    try:
        return _decode_any(body)
    except msgspec.ValidationError as error:
        raise InvalidRequest("json: cannot unmarshal number into Go value of type float64") from error
    except msgspec.DecodeError as error:
        text = str(error)
        at = int(found[1]) if (found := _AT_BYTE.search(text)) else len(body)
        if "trailing characters" in text:
            # The decoder tells where the first character too many ends.
            return _decode_any(body[: at - 1])
        if (mended := _replace_lone_surrogates(body)) != body:
            return _first_value(mended)
        raise InvalidRequest(_go_syntax_error(body, text, at)) from error
    except UnicodeDecodeError:
        # Go puts U+FFFD where a body is not UTF-8.
        return _first_value(body.decode("utf-8", "replace").encode())
    except RecursionError as error:
        raise InvalidRequest("exceeded max depth") from error


def _replace_lone_surrogates(body: bytes) -> bytes:
    """Write U+FFFD for halves of characters, as Go does."""
    return _ESCAPE.sub(lambda escape: rb"\ufffd" if escape["lone"] else escape[0], body)


def _go_syntax_error(body: bytes, text: str, at: int) -> str:
    if "truncated" in text or at >= len(body):
        return "unexpected EOF"
    where = next((words for reason, words in _GO_PLACES.items() if reason in text), "looking for beginning of value")
    return f"invalid character {chr(body[at])!r} {where}"


def _go_type_error(text: str, struct: type[msgspec.Struct]) -> str:
    found = _TYPE_ERROR.match(text)
    if found is None:
        return f"json: cannot unmarshal the body into Go struct {struct.__name__}: {text}"
    kind = _GO_KINDS.get(found["got"], found["got"])
    want = found["want"].split(" | ")[0]
    path = re.sub(r"\[[^]]*]", "", found["path"] or "")
    field = f" field {struct.__name__}.{path}" if path else f" {struct.__name__}"
    return f"json: cannot unmarshal {kind} into Go struct{field} of type {_GO_TYPES.get(want, want)}"


def _fold(value: Any, struct: type[msgspec.Struct]) -> Any:
    """Rename keys to the struct's own spelling and drop nulls, in this struct and in those inside it."""
    if not isinstance(value, dict):
        return value
    names, nested = _plan(struct)
    folded: dict[str, Any] = {}
    for key, item in value.items():
        name = key if key in names else key.lower()
        if name not in names or item is None:
            continue
        if (inner := nested.get(name)) is not None:
            # A null among objects is an empty one.
            folded[name] = (
                [_fold({} if i is None else i, inner) for i in item] if isinstance(item, list) else _fold(item, inner)
            )
        else:
            folded[name] = item
    return folded


@cache
def _plan(struct: type[msgspec.Struct]) -> tuple[frozenset[str], dict[str, type[msgspec.Struct]]]:
    names = struct.__struct_encode_fields__
    hints = get_type_hints(struct)
    nested: dict[str, type[msgspec.Struct]] = {}
    for attribute, name in zip(struct.__struct_fields__, names, strict=True):
        for inner in (hints[attribute], *get_args(hints[attribute])):
            if isinstance(inner, type) and issubclass(inner, msgspec.Struct):
                nested[name] = inner
    return frozenset(names), nested
