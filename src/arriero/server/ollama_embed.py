"""``/api/embed`` and ``/api/embeddings``."""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from arriero.engines.base import Embeds, Engine, Tokenizes
from arriero.errors import EngineFailed, InvalidRequest, ModelNotFound
from arriero.protocol import ollama_embed as wire
from arriero.protocol.go_json import decode_body
from arriero.protocol.ollama_convert import read_keep_alive
from arriero.protocol.ollama_embed import InputLimit, input_limit, read_inputs
from arriero.protocol.ollama_options import merge_options, to_load_options
from arriero.server.errors import JSON
from arriero.server.exchange import Exchange
from arriero.server.services import Services
from arriero.server.streaming import TRUNCATED_HEADER
from arriero.types.embeddings import unit_vector
from arriero.types.loading import Demand
from arriero.types.models import ModelRecord

logger = logging.getLogger(__name__)

Input = str | Sequence[int]
Options = Mapping[str, Any]  # checked by `merge_options`


class OllamaEmbed:
    """Handlers of the two endpoints that embed."""

    def __init__(self, services: Services) -> None:
        self._library = services.library
        self._scheduler = services.scheduler

    async def embed(self, exchange: Exchange) -> None:
        """``POST /api/embed``."""
        asked_ns = time.perf_counter_ns()
        body = decode_body(await exchange.body(), wire.EmbedRequest)
        keep_alive_s = read_keep_alive(body.keep_alive)
        texts = read_inputs(body.input)
        if not body.model.strip():
            # Ollama's own tests want 404 here and 400 at the older route.
            raise ModelNotFound("model '' not found")
        record = self._find(body.model)
        options = merge_options(record.parameters, body.options)
        demand = Demand(keep_alive_s, to_load_options(options))
        answer = wire.EmbedResponse(body.model, [])
        async with (
            exchange.while_connected(),
            self._scheduler.engine(record, demand, takes_slot=bool(texts)) as engine,
        ):
            if texts:
                answer.load_duration = time.perf_counter_ns() - asked_ns
                await _embed(engine, texts, body, options, answer)
                answer.total_duration = time.perf_counter_ns() - asked_ns
        headers = _tell_truncated(record, answer.truncated)
        await exchange.reply(msgspec.json.encode(answer), JSON, extra=headers)

    async def embeddings(self, exchange: Exchange) -> None:
        """``POST /api/embeddings``: one text, which is never cut, and its vector as the engine gives it."""
        body = decode_body(await exchange.body(), wire.EmbeddingsRequest)
        keep_alive_s = read_keep_alive(body.keep_alive)
        if not body.model.strip():
            raise InvalidRequest("model is required")
        record = self._find(body.model)
        options = merge_options(record.parameters, body.options)
        demand = Demand(keep_alive_s, to_load_options(options))
        vectors: list[list[float]] = [[]]
        async with (
            exchange.while_connected(),
            self._scheduler.engine(record, demand, takes_slot=bool(body.prompt)) as engine,
        ):
            if body.prompt:
                vectors = await _embed_as_it_is(engine, body.prompt, options)
        await exchange.reply(msgspec.json.encode(wire.EmbeddingsResponse(vectors[0])), JSON)

    def _find(self, name: str) -> ModelRecord:
        try:
            return self._library.find(name)
        except ModelNotFound as error:
            raise ModelNotFound(f'model "{name}" not found, try pulling it first') from error


async def _embed(
    engine: Engine, texts: Sequence[str], body: wire.EmbedRequest, options: Options, answer: wire.EmbedResponse
) -> None:
    """Put the vectors of all texts into the answer, and which of them were cut."""
    able = _embedding_engine(engine)
    limit = input_limit(options.get("num_ctx"), able.input_limit, truncate=body.truncate)
    inputs = [await _cut(engine, text, limit) for text in texts]
    cut = [index for index, (text, taken) in enumerate(zip(texts, inputs, strict=True)) if taken is not text]
    embedded = await able.embed(inputs)
    for vector in embedded.vectors:
        answer.embeddings.append(unit_vector(vector, body.dimensions))
        # A long list must not hold up other answers.
        await asyncio.sleep(0)
    answer.prompt_eval_count = embedded.tokens
    if cut:
        answer.truncated = wire.TruncatedInputs(cut, limit.tokens)


async def _embed_as_it_is(engine: Engine, text: str, options: Options) -> list[list[float]]:
    """The vector of one text. Whatever the engine says of it is told with the status 500, as Ollama does."""
    able = _embedding_engine(engine)
    limit = input_limit(options.get("num_ctx"), able.input_limit, truncate=False)
    try:
        return (await able.embed([await _cut(engine, text, limit)])).vectors
    except (EngineFailed, InvalidRequest) as error:
        raise EngineFailed(error.message) from error


def _embedding_engine(engine: Engine) -> Embeds:
    if not isinstance(engine, Embeds):
        raise EngineFailed("the engine of this model does not support embeddings; use another model", 501)
    return engine


async def _cut(engine: Engine, text: str, limit: InputLimit) -> Input:
    """The text itself where it fits, else as many of its tokens as do. Counted only where it may be too long."""
    if limit.surely_holds(text) or not isinstance(engine, Tokenizes):
        return text
    tokens = await engine.tokenize(text, is_rendered=True)
    if len(tokens) <= limit.tokens:
        return text
    return limit.cut(tokens, await engine.tokenize("", is_rendered=True))


def _tell_truncated(
    record: ModelRecord, truncated: wire.TruncatedInputs | msgspec.UnsetType
) -> Sequence[tuple[bytes, bytes]]:
    """Tell in the log what was cut; the header that tells the client."""
    if truncated is msgspec.UNSET:
        return ()
    count, num_ctx = len(truncated.inputs), truncated.num_ctx
    logger.warning("inputs truncated", extra={"model": record.name, "inputs": count, "num_ctx": num_ctx})
    return ((TRUNCATED_HEADER, b"inputs=%d, num_ctx=%d" % (count, num_ctx)),)
