"""Has texts embedded: cut to what a model takes, and as unit vectors. For every dialect."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from arriero.engines.base import Embeds, Engine, Tokenizes
from arriero.errors import EngineFailed, InvalidRequest, ModelNotFound
from arriero.protocol.ollama_embed import InputLimit, input_limit
from arriero.server.streaming import TRUNCATED_HEADER
from arriero.store.library import Library
from arriero.types.embeddings import unit_vector
from arriero.types.models import ModelRecord

logger = logging.getLogger(__name__)

Input = str | Sequence[int]


@dataclass(frozen=True, slots=True)
class EmbedSettings:
    """How texts are embedded.

    num_ctx: tokens of each at most; None: as many as the model takes. is_truncating: longer ones are cut instead of
    refused. dimensions: of a vector at most; 0 for all.
    """

    num_ctx: int | None = None
    is_truncating: bool = True
    dimensions: int = 0


@dataclass(frozen=True, slots=True)
class EmbeddedTexts:
    """A unit vector for each text. tokens: of all texts. cut: the places of those that were cut to ``limit`` tokens."""

    vectors: list[list[float]]
    tokens: int
    cut: list[int]
    limit: int


def find_embedder(library: Library, name: str) -> ModelRecord:
    """The model of this name. Raises ModelNotFound in the words that Ollama has for these endpoints.

    Raises InvalidRequest for a router: vectors of its two models do not go together.
    """
    try:
        record = library.find(name)
    except ModelNotFound as error:
        raise ModelNotFound(f'model "{name}" not found, try pulling it first') from error
    if record.carrier == "router":
        raise InvalidRequest(f'"{name}" does not support embeddings: it is a router; ask for a model that embeds')
    return record


async def embed_texts(engine: Engine, texts: Sequence[str], settings: EmbedSettings) -> EmbeddedTexts:
    """Embed some texts, at least one. Raises InvalidRequest, EngineFailed."""
    able = embedding_engine(engine)
    limit = input_limit(settings.num_ctx, able.input_limit, truncate=settings.is_truncating)
    inputs = [await cut_input(engine, text, limit) for text in texts]
    cut = [index for index, (text, taken) in enumerate(zip(texts, inputs, strict=True)) if taken is not text]
    embedded = await able.embed(inputs)
    vectors = []
    for vector in embedded.vectors:
        vectors.append(unit_vector(vector, settings.dimensions))
        # A long list must not hold up other answers.
        await asyncio.sleep(0)
    return EmbeddedTexts(vectors, embedded.tokens, cut, limit.tokens)


def embedding_engine(engine: Engine) -> Embeds:
    """The engine as one that embeds. Raises EngineFailed where it does not."""
    if not isinstance(engine, Embeds):
        raise EngineFailed("the engine of this model does not support embeddings; use another model", 501)
    return engine


async def cut_input(engine: Engine, text: str, limit: InputLimit) -> Input:
    """The text itself where it fits, else as many of its tokens as do. Counted only where it may be too long."""
    if limit.surely_holds(text) or not isinstance(engine, Tokenizes):
        return text
    tokens = await engine.tokenize(text, is_rendered=True)
    if len(tokens) <= limit.tokens:
        return text
    return limit.cut(tokens, await engine.tokenize("", is_rendered=True))


def cut_headers(record: ModelRecord, embedded: EmbeddedTexts) -> Sequence[tuple[bytes, bytes]]:
    """Tell in the log what was cut; the header that tells the client."""
    if not embedded.cut:
        return ()
    count, num_ctx = len(embedded.cut), embedded.limit
    logger.warning("inputs truncated", extra={"model": record.name, "inputs": count, "num_ctx": num_ctx})
    return ((TRUNCATED_HEADER, b"inputs=%d, num_ctx=%d" % (count, num_ctx)),)
