"""``/v1/models``."""

import asyncio

import msgspec

from arriero.protocol.openai_models import OpenAIModelList, model_object
from arriero.server.errors import OPENAI
from arriero.server.exchange import Exchange
from arriero.server.services import Services


class OpenAIModels:
    """Handlers of OpenAI's list of models."""

    def __init__(self, services: Services) -> None:
        self._library = services.library

    async def models(self, exchange: Exchange) -> None:
        """``GET /v1/models``."""
        records = await asyncio.to_thread(self._library.records)
        listed = OpenAIModelList("list", [model_object(record, record.name) for record in records])
        await exchange.reply(msgspec.json.encode(listed), OPENAI.content_type)

    async def model(self, exchange: Exchange) -> None:
        """``GET /v1/models/{id}``."""
        name = exchange.path_params["id"]
        record = self._library.find_listed(name)
        await exchange.reply(msgspec.json.encode(model_object(record, name)), OPENAI.content_type)
