"""How each dialect tells an error. The status is the error's own in all of them."""

from collections.abc import Callable
from dataclasses import dataclass

import msgspec
from starlette.types import Scope

from arriero.errors import ArrieroError
from arriero.protocol import anthropic_error, openai_error
from arriero.protocol.ollama import ErrorResponse

JSON = b"application/json; charset=utf-8"
# Of OpenAI's paths, the one that is not OpenAI's: its clients are Ollama's.
SYSTEM_ONE = "/v1/systemone"
# What Ollama tells of an empty body in every dialect but its own.
EMPTY_BODY = "EOF"
_MODELS = "/v1/models"


@dataclass(frozen=True, slots=True)
class Dialect:
    """One API's way of telling errors.

    error_body: of an error, and of the request's id (24 hex digits). id_header: by which answers tell that, if any.
    """

    error_body: Callable[[ArrieroError, str], bytes]
    content_type: bytes
    id_header: bytes = b""


def _ollama_error(error: ArrieroError, _: str) -> bytes:
    return msgspec.json.encode(ErrorResponse(error.message))


def _openai_error(error: ArrieroError, _: str) -> bytes:
    return openai_error.error_body(error)


OLLAMA = Dialect(_ollama_error, JSON)
OPENAI = Dialect(_openai_error, b"application/json", b"x-request-id")
ANTHROPIC = Dialect(anthropic_error.error_body, b"application/json", b"request-id")


def dialect_of(scope: Scope) -> Dialect:
    """The dialect of a request, for errors that come before any handler, and where two of them share a path."""
    path = scope["path"]
    is_shared = path == _MODELS or path.startswith(f"{_MODELS}/")
    if path.startswith("/v1/messages") or (is_shared and _is_anthropics(scope)):
        return ANTHROPIC
    return OPENAI if path.startswith("/v1/") and path != SYSTEM_ONE else OLLAMA


def _is_anthropics(scope: Scope) -> bool:
    return any(name == b"anthropic-version" for name, _ in scope["headers"])
