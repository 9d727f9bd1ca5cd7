"""Embeddings by llama.cpp: what a model is loaded with for them, and how they are asked for."""

import base64
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from msgspec import Struct, field

from arriero.engines.base import Plan
from arriero.engines.openai.wire import OpenAIWire
from arriero.errors import EngineFailed
from arriero.types.embeddings import Embeddings
from arriero.types.models import Architecture

# llama.cpp's numbers for how the vectors of all tokens become one.
_MEAN, _LAST = 1, 3
_BATCH = 2048
# llama.cpp ends itself when it begins with less: it warms up with two tokens, and takes one of each slot at a time.
_LEAST_BATCH = 2
_INPUTS_AT_ONCE = 64
# The longest batch on a slow machine, and then some.
_EMBED_TIMEOUT_S = 3600.0


@dataclass(frozen=True, slots=True)
class EmbeddingSettings:
    """How a model is loaded, so that it embeds.

    pooling: llama.cpp's number; None leaves the model's own. batch: tokens that are computed at once.
    input_limit: tokens of an input at most.
    """

    pooling: int | None
    batch: int
    input_limit: int

    def params(self) -> dict[str, Any]:
        """Under the names of the wheel's settings."""
        pooling = {} if self.pooling is None else {"pooling_type": self.pooling}
        return {"embedding": True, **pooling, "n_batch": self.batch, "n_ubatch": self.batch}

    def flags(self) -> list[str]:
        """As a binary's flags."""
        pooling = [] if self.pooling is None else ["--pooling", "mean"]
        return [*pooling, "--batch-size", str(self.batch), "--ubatch-size", str(self.batch)]

    def variables(self) -> dict[str, str]:
        """As a binary's variables."""
        return {"LLAMA_ARG_EMBEDDINGS": "1"}


def batch_of(plan: Plan) -> int:
    """The tokens that a model for text computes at once."""
    return max(plan.options.batch or _BATCH, plan.slots, _LEAST_BATCH)


def embedding_settings(architecture: Architecture, plan: Plan) -> EmbeddingSettings:
    """How to load a model that embeds, too.

    A model for text takes the mean over all tokens. That, and whatever looks at a whole text at once, has to be
    computed in one batch, whose size costs memory only once a text of that length comes, where there is no GPU.
    """
    batch = batch_of(plan)
    if not architecture.pooling_type:
        return EmbeddingSettings(_MEAN, batch, min(plan.context, batch))
    if architecture.pooling_type == _LAST:
        return EmbeddingSettings(None, batch, plan.context)
    return EmbeddingSettings(None, plan.context, plan.context)


class _Vector(Struct):
    # As bytes in base64: decimals take five times as long to read.
    embedding: str
    index: int


class _Counts(Struct):
    prompt_tokens: int = 0


class _Embedded(Struct):
    data: list[_Vector]
    usage: _Counts = field(default_factory=_Counts)


async def embed(wire: OpenAIWire, inputs: Sequence[str | Sequence[int]]) -> Embeddings:
    """Embed texts or tokens, a number of them with each call. Raises EngineFailed."""
    vectors: list[list[float]] = []
    tokens = 0
    for start in range(0, len(inputs), _INPUTS_AT_ONCE):
        some = inputs[start : start + _INPUTS_AT_ONCE]
        body = {"input": some, "encoding_format": "base64"}
        answer = await wire.call("/v1/embeddings", body, _Embedded, timeout_s=_EMBED_TIMEOUT_S)
        if len(answer.data) != len(some):
            raise EngineFailed(f"the engine made {len(answer.data)} embeddings of {len(some)} inputs")
        vectors += [_numbers(vector.embedding) for vector in sorted(answer.data, key=lambda vector: vector.index)]
        tokens += answer.usage.prompt_tokens
    return Embeddings(vectors, tokens)


def _numbers(encoded: str) -> list[float]:
    try:
        numbers = array("f")
        numbers.frombytes(base64.b64decode(encoded))
    except ValueError as error:
        raise EngineFailed(f"the engine's embedding cannot be read: {error}") from error
    return numbers.tolist()
