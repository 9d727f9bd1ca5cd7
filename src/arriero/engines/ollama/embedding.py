"""Embeddings by an Ollama."""

from collections.abc import Sequence

from msgspec import Struct

from arriero.engines.openai.wire import OpenAIWire
from arriero.errors import EngineFailed
from arriero.types.embeddings import Embeddings

_INPUTS_AT_ONCE = 64
# The longest batch on a slow machine, and then some.
_EMBED_TIMEOUT_S = 3600.0


class _Embedded(Struct):
    embeddings: list[list[float]]
    prompt_eval_count: int | float | None = None


async def embed_texts(wire: OpenAIWire, model: str, inputs: Sequence[str | Sequence[int]]) -> Embeddings:
    """Embed texts, a number of them with each call; the Ollama cuts those that are too long. Raises EngineFailed."""
    if not all(isinstance(text, str) for text in inputs):
        raise EngineFailed("an Ollama embeds texts only: send text in place of tokens", 400)
    vectors: list[list[float]] = []
    tokens = 0
    for start in range(0, len(inputs), _INPUTS_AT_ONCE):
        some = inputs[start : start + _INPUTS_AT_ONCE]
        answer = await wire.call("/api/embed", {"model": model, "input": some}, _Embedded, timeout_s=_EMBED_TIMEOUT_S)
        if len(answer.embeddings) != len(some):
            raise EngineFailed(f"the engine made {len(answer.embeddings)} embeddings of {len(some)} inputs")
        vectors += answer.embeddings
        tokens += int(answer.prompt_eval_count or 0)
    return Embeddings(vectors, tokens)
