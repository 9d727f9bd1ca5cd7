"""How each dialect tells an error. The status is the error's own in all of them."""

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from arriero.errors import ArrieroError
from arriero.protocol import openai_convert
from arriero.protocol.ollama import ErrorResponse

JSON = b"application/json; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Dialect:
    """One API's way of telling errors."""

    error_body: Callable[[ArrieroError], bytes]
    content_type: bytes


def _ollama_error(error: ArrieroError) -> bytes:
    return msgspec.json.encode(ErrorResponse(error.message))


OLLAMA = Dialect(_ollama_error, JSON)
OPENAI = Dialect(openai_convert.error_body, b"application/json")


def dialect_of(path: str) -> Dialect:
    """The dialect that a path belongs to, for errors that come before any handler."""
    return OPENAI if path.startswith("/v1/") else OLLAMA
