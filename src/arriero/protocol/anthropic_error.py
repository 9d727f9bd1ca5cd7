"""Errors as Anthropic's API tells them. Pure."""

import msgspec

from arriero.errors import ArrieroError, ImageRefused, PromptTooLong
from arriero.protocol import anthropic as wire

_KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}


def error_body(error: ArrieroError, ident: str) -> bytes:
    """An error in Anthropic's shape; ident: 24 hex digits that tell the request apart."""
    told = wire.Error(_KINDS.get(error.status, "api_error"), _message(error))
    return msgspec.json.encode(wire.ErrorBody("error", told, f"req_{ident}"))


def _message(error: ArrieroError) -> str:
    """Its text, which begins as Anthropic's does where agents act on that.

    Claude Code makes room by a summary where a prompt is too long, and leaves out a picture that is refused.
    """
    match error:
        case PromptTooLong(prompt_tokens=size, num_ctx=limit):
            return f"prompt is too long: {size} tokens > {limit} maximum; {error.hint}"
        case ImageRefused(message=message):
            return f"Could not process image: {message}"
        case _:
            return error.message
