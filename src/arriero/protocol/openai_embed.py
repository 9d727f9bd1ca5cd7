"""OpenAI's ``/v1/embeddings``: wire types, and how a request is read. Pure."""

import base64
import sys
from array import array
from collections.abc import Sequence
from typing import Any

from msgspec import UNSET, Struct, UnsetType, field

from arriero.errors import InvalidRequest
from arriero.protocol.ollama import Loose

_FORMATS = ("float", "base64")


class OpenAIEmbedRequest(Struct):
    """``POST /v1/embeddings``. dimensions: 0 for all. The last three are Ollama's own, and no part of OpenAI's API."""

    model: str = ""
    input: Loose | UnsetType = UNSET
    encoding_format: str = ""
    dimensions: int = 0
    num_ctx: int | UnsetType = UNSET
    keep_alive: Loose | UnsetType = UNSET
    # Options are checked by ``merge_options``.
    options: dict[str, Any] = field(default_factory=dict)


class OpenAIEmbedding(Struct):
    """One vector: numbers, or base64 of little-endian numbers of 32 bits."""

    object: str
    embedding: list[float] | str
    index: int


class EmbedUsage(Struct):
    """Tokens of all inputs together."""

    prompt_tokens: int
    total_tokens: int


class OpenAIEmbeddings(Struct):
    """``POST /v1/embeddings``, answered."""

    object: str
    data: list[OpenAIEmbedding]
    model: str
    usage: EmbedUsage


def read_encoding(body: OpenAIEmbedRequest) -> bool:
    """Whether the vectors are wanted in base64. Raises InvalidRequest for a format that there is not."""
    wanted = body.encoding_format
    if wanted and wanted.lower() not in _FORMATS:
        raise InvalidRequest(f"Invalid value for 'encoding_format' = {wanted}. Supported values: ['float', 'base64'].")
    return wanted.lower() == "base64"


def read_texts(value: Loose | UnsetType) -> list[str]:
    """The texts of ``input``; an empty one is one. Tokens are refused: they are hardly ever those of this model."""
    match value:
        case str():
            return [value]
        case list() if value and all(isinstance(text, str) for text in value):
            return value
        case UnsetType() | []:
            raise InvalidRequest("invalid input")
        case _:
            raise InvalidRequest("invalid input type: send text, not tokens")


def embeddings_object(model: str, vectors: Sequence[list[float]], tokens: int, *, is_base64: bool) -> OpenAIEmbeddings:
    """The answer. ``model``: as asked for."""
    data = [
        OpenAIEmbedding("embedding", to_base64(vector) if is_base64 else vector, index)
        for index, vector in enumerate(vectors)
    ]
    return OpenAIEmbeddings("list", data, model, EmbedUsage(tokens, tokens))


def to_base64(vector: Sequence[float]) -> str:
    """A vector as OpenAI's clients ask for it: shorter than decimals, and read at once."""
    numbers = array("f", vector)
    if sys.byteorder == "big":
        numbers.byteswap()
    return base64.b64encode(numbers.tobytes()).decode()
