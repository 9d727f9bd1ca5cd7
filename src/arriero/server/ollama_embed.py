"""``/api/embed`` and ``/api/embeddings``."""

import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import msgspec

from arriero.engines.base import Engine
from arriero.errors import EngineDied, EngineFailed, InvalidRequest, ModelNotFound
from arriero.protocol import ollama_embed as wire
from arriero.protocol.go_json import decode_body
from arriero.protocol.ollama_convert import read_keep_alive
from arriero.protocol.ollama_embed import input_limit, read_inputs
from arriero.protocol.ollama_options import options_for, to_load_options
from arriero.server.embedding import (
    EmbeddedTexts,
    EmbedSettings,
    cut_headers,
    cut_input,
    embed_texts,
    embedding_engine,
    find_embedder,
)
from arriero.server.errors import JSON
from arriero.server.exchange import Exchange
from arriero.server.services import Services
from arriero.types.loading import Demand


class OllamaEmbed:
    """Handlers of the two endpoints that embed."""

    def __init__(self, services: Services) -> None:
        self._library = services.library
        self._carrier = services.carrier

    async def embed(self, exchange: Exchange) -> None:
        """``POST /api/embed``."""
        asked_ns = time.perf_counter_ns()
        body = decode_body(await exchange.body(), wire.EmbedRequest)
        keep_alive_s = read_keep_alive(body.keep_alive)
        texts = read_inputs(body.input)
        if not body.model.strip():
            # Ollama's own tests want 404 here and 400 at the older route.
            raise ModelNotFound("model '' not found")
        record = find_embedder(self._library, body.model)
        options = options_for(record, body.options)
        demand = Demand(keep_alive_s, to_load_options(options))
        answer = wire.EmbedResponse(body.model, [])
        headers: Sequence[tuple[bytes, bytes]] = ()

        async def embed(engine: Engine) -> EmbeddedTexts:
            answer.load_duration = time.perf_counter_ns() - asked_ns
            return await embed_texts(
                engine, texts, EmbedSettings(options.get("num_ctx"), body.truncate, body.dimensions)
            )

        async with exchange.while_connected():
            if texts:
                embedded = await self._carrier.call(record, embed, demand, takes_slot=True)
                answer.embeddings, answer.prompt_eval_count = embedded.vectors, embedded.tokens
                if embedded.cut:
                    answer.truncated = wire.TruncatedInputs(embedded.cut, embedded.limit)
                headers = cut_headers(record, embedded)
                answer.total_duration = time.perf_counter_ns() - asked_ns
            else:
                await self._carrier.load(record, demand)
        await exchange.reply(msgspec.json.encode(answer), JSON, extra=headers)

    async def embeddings(self, exchange: Exchange) -> None:
        """``POST /api/embeddings``: one text, which is never cut, and its vector as the engine gives it."""
        body = decode_body(await exchange.body(), wire.EmbeddingsRequest)
        keep_alive_s = read_keep_alive(body.keep_alive)
        if not body.model.strip():
            raise InvalidRequest("model is required")
        record = find_embedder(self._library, body.model)
        options = options_for(record, body.options)
        demand = Demand(keep_alive_s, to_load_options(options))
        vectors: list[list[float]] = [[]]
        async with exchange.while_connected():
            if body.prompt:
                work = partial(_embed_as_it_is, text=body.prompt, options=options)
                vectors = await self._carrier.call(record, work, demand, takes_slot=True)
            else:
                await self._carrier.load(record, demand)
        await exchange.reply(msgspec.json.encode(wire.EmbeddingsResponse(vectors[0])), JSON)


# Options have been checked by `merge_options`.
async def _embed_as_it_is(engine: Engine, text: str, options: Mapping[str, Any]) -> list[list[float]]:
    """The vector of one text. Whatever the engine says of it is told with the status 500, as Ollama does."""
    able = embedding_engine(engine)
    limit = input_limit(options.get("num_ctx"), able.input_limit, truncate=False)
    try:
        return (await able.embed([await cut_input(engine, text, limit)])).vectors
    except EngineDied:
        # The scheduler has to know, and may ask again.
        raise
    except (EngineFailed, InvalidRequest) as error:
        raise EngineFailed(error.message) from error
