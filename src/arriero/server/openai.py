"""``/v1/chat/completions`` and ``/v1/models``: a first version, on the same models."""

import asyncio
import itertools
import time

import msgspec

from arriero.errors import InvalidRequest
from arriero.protocol import openai_chat as wire
from arriero.protocol import openai_convert as convert
from arriero.protocol.go_json import decode_body
from arriero.protocol.ollama_convert import with_model
from arriero.protocol.ollama_options import merge_options, to_load_options, to_num_ctx, to_sampling
from arriero.server.errors import OPENAI
from arriero.server.exchange import Exchange
from arriero.server.services import Services
from arriero.server.streaming import Job, send_answer
from arriero.types.chat import TextRequest
from arriero.types.loading import Demand
from arriero.types.models import ModelRecord
from arriero.types.names import DEFAULT_NAMESPACE, parse_name


class OpenAIText:
    """Handlers of OpenAI's API."""

    def __init__(self, services: Services) -> None:
        self._library = services.library
        self._scheduler = services.scheduler
        self._numbers = itertools.count(1)

    async def chat_completions(self, exchange: Exchange) -> None:
        """``POST /v1/chat/completions``."""
        asked_ns = time.perf_counter_ns()
        body = decode_body(await exchange.body(), wire.ChatCompletionRequest)
        messages = convert.read_messages(body)
        if not body.model.strip():
            raise InvalidRequest("model is required")
        record = self._library.find(body.model)
        if "completion" not in record.capabilities:
            raise InvalidRequest(f'"{body.model}" does not support chat')
        convert.check_supported(body)
        options = merge_options(record.parameters, convert.read_options(body))
        prompt = with_model(messages, record)
        encoder = convert.OpenAIAnswer(
            body.model, next(self._numbers), int(time.time()), include_usage=body.stream_options.include_usage
        )
        job = Job(
            record,
            TextRequest(prompt, to_sampling(options), convert.read_format(body), num_ctx=to_num_ctx(options)),
            Demand(options=to_load_options(options)),
            encoder,
            body.stream,
            asked_ns,
        )
        await send_answer(exchange, self._scheduler, job)

    async def models(self, exchange: Exchange) -> None:
        """``GET /v1/models``."""
        listed = wire.OpenAIModelList(
            "list", [_to_wire(r, r.name) for r in await asyncio.to_thread(self._library.records)]
        )
        await exchange.reply(msgspec.json.encode(listed), OPENAI.content_type)

    async def model(self, exchange: Exchange) -> None:
        """``GET /v1/models/{id}``."""
        name = exchange.path_params["id"]
        record = self._library.find_listed(name)
        await exchange.reply(msgspec.json.encode(_to_wire(record, name)), OPENAI.content_type)


def _to_wire(record: ModelRecord, name: str) -> wire.OpenAIModel:
    return wire.OpenAIModel(name, "model", int(record.modified_at.timestamp()), _owner(record.name))


def _owner(name: str) -> str:
    try:
        return parse_name(name).namespace
    except InvalidRequest:
        return DEFAULT_NAMESPACE
