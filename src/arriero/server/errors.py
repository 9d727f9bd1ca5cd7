"""How each dialect tells an error. The status is the error's own in all of them."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from arriero.errors import ArrieroError
from arriero.protocol import anthropic_error, openai_error
from arriero.protocol.ollama import ErrorResponse

JSON = b"application/json; charset=utf-8"
# What Ollama tells of an empty body in every dialect but its own.
EMPTY_BODY = "EOF"


@dataclass(frozen=True, slots=True)
class Dialect:
    """One API's way of telling errors."""

    error_body: Callable[[ArrieroError], bytes]
    content_type: bytes


def _ollama_error(error: ArrieroError) -> bytes:
    return msgspec.json.encode(ErrorResponse(error.message))


def _anthropic_error(error: ArrieroError) -> bytes:
    return anthropic_error.error_body(error, secrets.token_hex(12))


OLLAMA = Dialect(_ollama_error, JSON)
OPENAI = Dialect(openai_error.error_body, b"application/json")


ANTHROPIC = Dialect(_anthropic_error, b"application/json")


def dialect_of(path: str) -> Dialect:
    """The dialect that a path belongs to, for errors that come before any handler."""
    if path.startswith("/v1/messages"):
        return ANTHROPIC
    return OPENAI if path.startswith("/v1/") else OLLAMA
