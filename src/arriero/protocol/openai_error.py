"""Errors as OpenAI's API tells them."""

import msgspec
from msgspec import Struct

from arriero.errors import ArrieroError, ImageRefused, PromptTooLong

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
    param, code = _place_and_code(error)
    return msgspec.json.encode(OpenAIErrorBody(OpenAIError(error.message, kind, param, code)))


def _place_and_code(error: ArrieroError) -> tuple[str | None, str | None]:
    """Where a request is wrong, and OpenAI's word for it, where agents look for these: Codex does."""
    match error:
        case PromptTooLong():
            # It is time to shorten the conversation.
            return None, "context_length_exceeded"
        case ImageRefused():
            # The conversation goes on without its pictures.
            return "content.image_url", "invalid_value"
        case _:
            return None, None
