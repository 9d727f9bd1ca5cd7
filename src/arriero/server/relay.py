"""Hands requests for the models of another Ollama on as they are, and its answers back: only the name is read."""

from contextlib import aclosing

import msgspec

from arriero.engines.base import Relayed
from arriero.errors import ArrieroError, EngineFailed
from arriero.runners.upstreams import Upstreams
from arriero.server.endpoint import Handler
from arriero.server.errors import ANTHROPIC, Dialect
from arriero.server.exchange import Exchange
from arriero.store.library import Library
from arriero.types.models import ModelRecord

# What of a request's headers an upstream may need; its key is its own.
_PASSED_ON = frozenset(
    {b"user-agent", b"x-request-id", b"traceparent", b"tracestate", b"anthropic-version", b"anthropic-beta"}
)
_STREAMS = ("application/x-ndjson", "text/event-stream")


class _Named(msgspec.Struct):
    model: str = ""
    name: str = ""


_decode_name = msgspec.json.Decoder(_Named).decode


class Relay:
    """Puts itself in front of handlers whose requests name a model."""

    def __init__(self, library: Library, upstreams: Upstreams) -> None:
        self._library = library
        self._upstreams = upstreams

    def before(self, handler: Handler, path: str, dialect: Dialect) -> Handler:
        """A handler that relays what it can, and leaves the rest to ``handler``."""

        async def handle(exchange: Exchange) -> None:
            record = self._relayed_model(await exchange.body()) if self._upstreams.has_relays else None
            if record is None:
                await handler(exchange)
            else:
                await self._relay(exchange, record, path, dialect)

        return handle

    def _relayed_model(self, body: bytes) -> ModelRecord | None:
        """The model that a request names, where its servers are Ollamas. What cannot be read is the handler's."""
        try:
            named = _decode_name(body)
            record = self._library.find(named.model or named.name)
        except (msgspec.DecodeError, UnicodeDecodeError, ArrieroError):
            return None
        return record if self._upstreams.relays(record) else None

    async def _relay(self, exchange: Exchange, record: ModelRecord, path: str, dialect: Dialect) -> None:
        body = await exchange.body()
        headers = [(name, value) for name, value in exchange.headers if name in _PASSED_ON]
        async with exchange.while_connected(), self._upstreams.relay(record, path, body, headers) as relayed:
            if not relayed.content_type.startswith(_STREAMS):
                whole = b"".join([piece async for piece in relayed.pieces])
            else:
                whole = None
                await _stream(exchange, relayed, dialect)
        if whole is None:
            await exchange.finish()
        else:
            content_type = relayed.content_type.encode()
            await exchange.reply(whole, content_type, relayed.status, relayed.headers)


async def _stream(exchange: Exchange, relayed: Relayed, dialect: Dialect) -> None:
    """Hand on all pieces. One that breaks off ends with an error record, on a line of its own."""
    last = b"\n"

    def failure(message: str) -> bytes:
        end = b"" if last.endswith(b"\n") else b"\n"
        return end + _record(dialect, relayed.content_type, message)

    await exchange.start(relayed.content_type.encode(), failure, relayed.headers, relayed.status)
    async with aclosing(relayed.pieces) as pieces:
        async for last in pieces:
            await exchange.write(last)


def _record(dialect: Dialect, content_type: str, message: str) -> bytes:
    error = dialect.error_body(EngineFailed(message))
    if content_type.startswith("application/x-ndjson"):
        return error + b"\n"
    event = b"event: error\n" if dialect is ANTHROPIC else b""
    return event + b"data: " + error + b"\n\n"


# Routes whose requests name a model that another Ollama may have.
RELAYED = frozenset(
    {
        "/api/chat",
        "/api/generate",
        "/api/embed",
        "/api/embeddings",
        "/api/show",
        "/v1/chat/completions",
        "/v1/completions",
        "/v1/embeddings",
        "/v1/responses",
        "/v1/messages",
    }
)
