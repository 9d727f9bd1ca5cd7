"""Contents that a client sends before it makes a model of them: ``/api/blobs/:digest``."""

from collections.abc import AsyncIterator

from arriero.errors import InvalidRequest
from arriero.server.exchange import Exchange
from arriero.server.ollama_create import store_errors
from arriero.server.services import Services
from arriero.store.blobs import BlobWriter
from arriero.store.recipe import parse_digest
from arriero.store.threads import run_to_end

# A thread costs the event loop as much as a small write: the disk gets large ones.
_WRITE_BYTES = 4 << 20


class OllamaBlobs:
    """Handlers of blobs."""

    def __init__(self, services: Services) -> None:
        self._editor = services.editor

    async def head(self, exchange: Exchange) -> None:
        """``HEAD /api/blobs/:digest``: whether it is here."""
        path = self._editor.blobs.path(parse_digest(exchange.path_params["digest"]))
        await exchange.reply_empty(200 if path.is_file() else 404)

    async def create(self, exchange: Exchange) -> None:
        """``POST /api/blobs/:digest``: what is here already is not read again.

        A content with another digest than it was sent under stays, under its own.
        """
        expected, blobs = parse_digest(exchange.path_params["digest"]), self._editor.blobs
        if blobs.path(expected).is_file():
            await exchange.reply_empty(200)
            return
        with store_errors(), blobs.writer() as writer:
            await _write(writer, exchange.pieces())
            blob = await run_to_end(writer.finish)
        if blob.digest != expected:
            raise InvalidRequest(f'digest mismatch, expected "{expected}", got "{blob.digest}"')
        await exchange.reply_empty(201)


async def _write(writer: BlobWriter, pieces: AsyncIterator[bytes]) -> None:
    waiting = bytearray()
    async for piece in pieces:
        waiting += piece
        if len(waiting) >= _WRITE_BYTES:
            await run_to_end(writer.write, bytes(waiting))
            waiting.clear()
    await run_to_end(writer.write, bytes(waiting))
