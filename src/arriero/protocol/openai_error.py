"""Errors as OpenAI's API tells them."""

import msgspec
from msgspec import Struct

from arriero.errors import ArrieroError

_KINDS = {400: "invalid_request_error", 401: "authentication_error", 404: "not_found_error"}


class OpenAIError(Struct):
    """What went wrong, in OpenAI's words."""

    message: str
    type: str
    param: str | None
    code: str | None


class OpenAIErrorBody(Struct):
    """Every error of OpenAI's API."""

    error: OpenAIError


def error_body(error: ArrieroError) -> bytes:
    """An error in OpenAI's shape."""
    kind = _KINDS.get(error.status, "api_error")
    return msgspec.json.encode(OpenAIErrorBody(OpenAIError(error.message, kind, None, None)))
