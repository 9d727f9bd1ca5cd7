"""Embeddings by servers that speak OpenAI's API."""

import base64
from array import array
from collections.abc import Sequence

from msgspec import Struct

from arriero.engines.openai.wire import OpenAIWire
from arriero.errors import EngineFailed
from arriero.types.embeddings import Embeddings

_INPUTS_AT_ONCE = 64
# The longest batch on a slow machine, and then some.
_EMBED_TIMEOUT_S = 3600.0


class _Vector(Struct):
    # Numbers, or their bytes in base64, which servers send as they like.
    embedding: str | list[float]
    index: int = 0


class _Counts(Struct):
    prompt_tokens: int | None = 0


class _Embedded(Struct):
    data: list[_Vector]
    usage: _Counts | None = None


async def embed_by(wire: OpenAIWire, model: str, inputs: Sequence[str | Sequence[int]]) -> Embeddings:
    """Embed texts or tokens, a number of them with each call. Raises EngineFailed.

    model: "" for a server that has only one. Vectors are asked for as bytes: decimals take five times as long to read.
    """
    vectors: list[list[float]] = []
    tokens = 0
    for start in range(0, len(inputs), _INPUTS_AT_ONCE):
        for some in _alike(inputs[start : start + _INPUTS_AT_ONCE]):
            body = {"input": some, "encoding_format": "base64", **({"model": model} if model else {})}
            answer = await wire.call("/v1/embeddings", body, _Embedded, timeout_s=_EMBED_TIMEOUT_S)
            if len(answer.data) != len(some):
                raise EngineFailed(f"the engine made {len(answer.data)} embeddings of {len(some)} inputs")
            vectors += [_numbers(vector.embedding) for vector in sorted(answer.data, key=lambda vector: vector.index)]
            tokens += (answer.usage.prompt_tokens or 0) if answer.usage else 0
    return Embeddings(vectors, tokens)


def _alike(inputs: Sequence[str | Sequence[int]]) -> list[list[str | Sequence[int]]]:
    """Inputs in runs of texts only, or of tokens only: servers refuse lists of both."""
    runs: list[list[str | Sequence[int]]] = []
    for each in inputs:
        if runs and isinstance(runs[-1][0], str) == isinstance(each, str):
            runs[-1].append(each)
        else:
            runs.append([each])
    return runs


def _numbers(embedding: str | list[float]) -> list[float]:
    if not isinstance(embedding, str):
        return embedding
    try:
        numbers = array("f")
        numbers.frombytes(base64.b64decode(embedding))
    except ValueError as error:
        raise EngineFailed(f"the engine's embedding cannot be read: {error}") from error
    return numbers.tolist()
