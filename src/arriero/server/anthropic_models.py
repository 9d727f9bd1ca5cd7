"""``/v1/models`` for clients of Anthropic's."""

import asyncio

import msgspec

from arriero.protocol.anthropic_models import model_info, model_page
from arriero.server.errors import ANTHROPIC
from arriero.server.exchange import Exchange
from arriero.server.services import Services


class AnthropicModels:
    """Handlers of Anthropic's list of models."""

    def __init__(self, services: Services) -> None:
        self._library = services.library

    async def models(self, exchange: Exchange) -> None:
        """``GET /v1/models``."""
        records = await asyncio.to_thread(self._library.records)
        await exchange.reply(msgspec.json.encode(model_page(records)), ANTHROPIC.content_type)

    async def model(self, exchange: Exchange) -> None:
        """``GET /v1/models/{id}``."""
        name = exchange.path_params["id"]
        record = self._library.find_listed(name)
        await exchange.reply(msgspec.json.encode(model_info(record, name)), ANTHROPIC.content_type)
