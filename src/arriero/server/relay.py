"""Hands requests for the models of another Ollama on as they are, and its answers back: only the name is read."""

import msgspec

from arriero.engines.base import Relayed, RelayRefused
from arriero.errors import ArrieroError, EngineFailed
from arriero.protocol.go_json import decode_body
from arriero.protocol.openai_engine import UNREADABLE
from arriero.runners.upstreams import Upstreams
from arriero.server.endpoint import Handler
from arriero.server.errors import ANTHROPIC, SYSTEM_ONE, Dialect
from arriero.server.exchange import Exchange
from arriero.store.library import Library
from arriero.types.models import ModelRecord

# What of a request's headers an upstream may need; its key is its own.
_PASSED_ON = frozenset(
    {b"user-agent", b"x-request-id", b"traceparent", b"tracestate", b"anthropic-version", b"anthropic-beta"}
)
# Beside what has no route there: this one is not Ollama's.
_COUNT = "/v1/messages/count_tokens"
_NO_SUCH_ROUTE = 501
_NOT_FOUND = 404
# An Ollama decides with models alone that were made for it. What is wrong with a request, the handler tells, too.
_REFUSED = 400
# As long as what ends an event.
_TAIL_BYTES = 4


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
            if record is None or not await self._relay(exchange, record, path, dialect):
                await handler(exchange)

        return handle

    def _relayed_model(self, body: bytes) -> ModelRecord | None:
        """The model that a request names, where its servers are Ollamas. What cannot be read is the handler's."""
        try:
            record = self._library.find(_name(body))
        except ArrieroError:
            return None
        return record if self._upstreams.relays(record) else None

    async def _relay(self, exchange: Exchange, record: ModelRecord, path: str, dialect: Dialect) -> bool:
        """Answer with what the upstream says; False where it cannot say anything: it has no such route."""
        body = await exchange.body()
        headers = [(name, value) for name, value in exchange.headers if name in _PASSED_ON]
        try:
            async with exchange.while_connected(), self._upstreams.relay(record, path, body, headers) as relayed:
                if relayed.is_stream:
                    await _stream(exchange, relayed, dialect)
        except RelayRefused as refused:
            told = refused.answer
            if path == SYSTEM_ONE and (refused.status == _REFUSED or refused.has_no_route):
                return False
            if told.status == _NOT_FOUND and (path == _COUNT or refused.status == _NO_SUCH_ROUTE):
                return False
            await exchange.reply(told.content, _as_header(told.content_type), told.status, told.headers)
            return True
        if relayed.is_stream:
            await exchange.finish()
        else:
            await exchange.reply(relayed.first, _as_header(relayed.content_type), extra=relayed.headers)
        return True


def _name(body: bytes) -> str:
    """The model that a body names. Raises InvalidRequest."""
    try:
        named = _decode_name(body)
    except UNREADABLE:
        named = _Named()
    if not (named.model or named.name):
        # Written in one of the ways that only Go reads: that takes longer.
        named = decode_body(body, _Named)
    return named.model or named.name


def _as_header(content_type: str) -> bytes:
    return content_type.encode("utf-8", "surrogateescape")


async def _stream(exchange: Exchange, relayed: Relayed, dialect: Dialect) -> None:
    """Hand on all pieces. One that breaks off ends with an error record of its own."""
    tail = b""

    def failure(message: str) -> bytes:
        return _end(relayed.content_type, tail) + _record(dialect, relayed.content_type, message, exchange.request_id)

    await exchange.start(_as_header(relayed.content_type), failure, relayed.headers)
    piece = relayed.first
    while piece:
        await exchange.write(piece)
        tail = (tail + piece[-_TAIL_BYTES:])[-_TAIL_BYTES:]
        piece = await anext(relayed.rest, b"")


def _end(content_type: str, tail: bytes) -> bytes:
    """What ends the record that a stream's last bytes belong to."""
    if not tail:
        return b""
    if content_type.startswith("application/x-ndjson"):
        return b"" if tail.endswith(b"\n") else b"\n"
    return b"" if tail.endswith((b"\n\n", b"\r\n\r\n")) else b"\n\n"


def _record(dialect: Dialect, content_type: str, message: str, request_id: str) -> bytes:
    error = dialect.error_body(EngineFailed(message), request_id)
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
        _COUNT,
        SYSTEM_ONE,
    }
)
