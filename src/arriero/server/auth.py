"""The API key: one secret in front of everything but the heartbeat."""

import secrets

from starlette.types import ASGIApp, Receive, Scope, Send

from arriero.errors import Unauthorized
from arriero.server.errors import dialect_of
from arriero.server.exchange import Exchange

# Clients look here whether a server is up before they send anything that needs a key.
_OPEN_PATHS = frozenset({"/"})
# Claude Code tries a wrong key for minutes, without a word, unless it is told this.
_NOT_AGAIN = (b"x-should-retry", b"false")


class ApiKey:
    """Middleware: lets a request pass that brings the key as a bearer token or in ``x-api-key``."""

    def __init__(self, app: ASGIApp, api_key: str) -> None:
        self._app = app
        self._api_key = api_key.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 401."""
        if scope["type"] != "http" or scope["path"] in _OPEN_PATHS or self._is_authorized(scope):
            await self._app(scope, receive, send)
            return
        dialect = dialect_of(scope)
        error = Unauthorized("unauthorized: send the server's API key as 'Authorization: Bearer KEY'")
        exchange = Exchange(scope, receive, send, dialect.id_header)
        body = dialect.error_body(error, exchange.request_id)
        await exchange.reply(body, dialect.content_type, error.status, [_NOT_AGAIN])

    def _is_authorized(self, scope: Scope) -> bool:
        return any(
            secrets.compare_digest(key, self._api_key)
            for name, value in scope["headers"]
            if (key := _key_in(name, value)) is not None
        )


def _key_in(name: bytes, value: bytes) -> bytes | None:
    if name == b"x-api-key":
        return bytes(value)
    scheme, _, key = value.partition(b" ")
    return bytes(key.strip()) if name == b"authorization" and scheme.lower() == b"bearer" else None
