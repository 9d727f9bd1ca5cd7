"""What models there are: ``/api/tags``, ``/api/ps``, ``/api/show``, ``/api/version``."""

import asyncio
import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec

from arriero.errors import InvalidRequest, LoadFailed
from arriero.protocol import ollama as wire
from arriero.protocol.go_json import decode_body
from arriero.protocol.ollama_show import ShownFiles, details_to_wire, show_to_wire
from arriero.protocol.timestamps import local
from arriero.runners.carrier import Status
from arriero.server.errors import JSON
from arriero.server.exchange import Exchange
from arriero.server.services import Services
from arriero.store.describe import model_info
from arriero.types.models import ModelRecord
from arriero.version import OLLAMA_API_VERSION

logger = logging.getLogger(__name__)

_COPILOT = "GitHubCopilotChat/"
# Clients take the first 12 digits for granted.
_NO_DIGEST = "0" * 64
# Ollama's "forever" is the longest duration that Go knows.
_FOREVER = timedelta(days=292 * 365)


class OllamaModels:
    """Handlers that tell of models."""

    def __init__(self, services: Services) -> None:
        self._library = services.library
        self._carrier = services.carrier

    async def version(self, exchange: Exchange) -> None:
        """``GET /api/version``: of the API that is spoken here."""
        await exchange.reply(msgspec.json.encode(wire.VersionResponse(OLLAMA_API_VERSION)), JSON)

    async def tags(self, exchange: Exchange) -> None:
        """``GET /api/tags``."""
        records = await asyncio.to_thread(self._library.records)
        listed = [entry for record in records if (entry := self._listed(record)) is not None]
        await exchange.reply(msgspec.json.encode(wire.ListResponse(listed)), JSON)

    async def ps(self, exchange: Exchange) -> None:
        """``GET /api/ps``."""
        running = [self._running(status) for status in self._carrier.statuses()]
        await exchange.reply(msgspec.json.encode(wire.ProcessResponse(running)), JSON)

    async def show(self, exchange: Exchange) -> None:
        """``POST /api/show``."""
        body = decode_body(await exchange.body(), wire.ShowRequest)
        name = (body.model or body.name).strip()
        if not name:
            raise InvalidRequest("model is required")
        record = self._library.find_listed(name)
        files = await self._shown_files(record, verbose=body.verbose)
        if exchange.user_agent.startswith(_COPILOT):
            # It shows this as the model's name.
            files = replace(files, model_info={**files.model_info, "general.basename": name})
        answer = show_to_wire(record, files, body.system, body.options)
        await exchange.reply(msgspec.json.encode(answer), JSON)

    async def _shown_files(self, record: ModelRecord, *, verbose: bool) -> ShownFiles:
        if record.weights is None:
            return ShownFiles(record.model_info)
        gguf = await asyncio.to_thread(self._library.gguf, record.weights, verbose=verbose)
        seeing = {}
        if record.projector:
            seeing = model_info(await asyncio.to_thread(self._library.gguf, record.projector, verbose=verbose))
        return ShownFiles(model_info(gguf), gguf.tensors, seeing)

    def _listed(self, record: ModelRecord) -> wire.ListedModel | None:
        try:
            digest = self._library.shown_digest(record)
        except LoadFailed as error:
            logger.warning("model left out of the list", extra={"model": record.name, "error": error.message})
            return None
        details = details_to_wire(record)
        details.context_length = record.architecture.trained_context or msgspec.UNSET
        details.embedding_length = record.architecture.embedding_length or msgspec.UNSET
        return wire.ListedModel(
            name=record.name,
            model=record.name,
            modified_at=local(record.modified_at),
            size=record.size_bytes,
            digest=digest,
            details=details,
            capabilities=list(record.capabilities),
        )

    def _running(self, status: Status) -> wire.RunningModel:
        record = status.record
        try:
            digest = self._library.shown_digest(record)
        except LoadFailed:
            # It runs on, although its file has gone.
            digest = _NO_DIGEST
        name = f"{record.name} ({record.instance})" if record.instance else record.name
        stay = min(timedelta.max.total_seconds() / 2, status.expires_in_s)
        return wire.RunningModel(
            name=name,
            model=name,
            size=status.memory_bytes,
            digest=digest,
            details=details_to_wire(record),
            expires_at=local(datetime.now(UTC) + min(_FOREVER, timedelta(seconds=stay))),
            size_vram=status.vram_bytes,
            context_length=status.context,
        )
