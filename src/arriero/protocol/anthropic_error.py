"""Errors as Anthropic's API tells them. Pure."""

import msgspec

from arriero.errors import ArrieroError
from arriero.protocol import anthropic as wire

_KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    529: "overloaded_error",
}


def error_body(error: ArrieroError, ident: str) -> bytes:
    """An error in Anthropic's shape; ident: 24 hex digits that tell the request apart."""
    told = wire.Error(_KINDS.get(error.status, "api_error"), error.message)
    return msgspec.json.encode(wire.ErrorBody("error", told, f"req_{ident}"))
