"""Makes engines of the models of servers that speak OpenAI's API: SGLang, vLLM, smg, and any other."""

from collections.abc import Sequence
from dataclasses import replace

from arriero.engines.base import Engine, ServedModel
from arriero.engines.openai.deciding import DecidingEngine
from arriero.engines.openai.embedding import embed_by
from arriero.engines.openai.plain import OpenAIEngine
from arriero.engines.openai.quirks import quirks_of
from arriero.engines.openai.wire import OpenAIWire
from arriero.types.embeddings import Embeddings
from arriero.types.upstreams import UpstreamKind, UpstreamSettings

# Of a model whose server does not say.
_INPUT_LIMIT = 8192


class _Embedding(OpenAIEngine):
    """One model that embeds (see ``Embeds``)."""

    @property
    def input_limit(self) -> int:
        """Tokens of one input at most."""
        return self._context or _INPUT_LIMIT

    async def embed(self, inputs: Sequence[str | Sequence[int]]) -> Embeddings:
        """One vector for each input."""
        return await embed_by(self._wire, self._model.name, inputs)


class _TokenizingEmbedding(_Embedding, DecidingEngine):
    """One model that embeds, of a server that tokenizes."""


def engine_for(kind: UpstreamKind, wire: OpenAIWire, model: ServedModel, settings: UpstreamSettings) -> Engine:
    """Who answers for a model of a server of this kind. It takes the wire as its own, and closes it.

    What it can do beside answering (``Counts``, ``Renders``, ``Tokenizes``, ``Decides``, ``Embeds``) is what the server
    can do, and the model: one that does not embed gives an engine that has no ``embed``.
    """
    quirks = quirks_of(kind)
    if settings.passes is not None:
        quirks = replace(quirks, passes=settings.passes, is_vouched_for=not quirks.passes)
    makers = {
        (False, False): OpenAIEngine,
        (True, False): DecidingEngine,
        (False, True): _Embedding,
        (True, True): _TokenizingEmbedding,
    }
    make = makers[quirks.tokenizes, "embedding" in model.capabilities]
    return make(quirks, wire, model, is_cumulative=settings.is_cumulative)
