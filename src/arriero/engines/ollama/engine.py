"""A model of an Ollama that runs elsewhere, as an engine: asked by its native API, which loses nothing."""

from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass

from msgspec.structs import replace

from arriero.engines.answers.think_text import OPEN, ThinkText
from arriero.engines.base import Engine, ServedModel
from arriero.engines.formatted_thinking import think_then_answer
from arriero.engines.ollama.body import MOST_TOP_LOGPROBS, path_and_body
from arriero.engines.ollama.embedding import embed_texts
from arriero.engines.ollama.reader import OllamaReader
from arriero.engines.ollama.refusals import is_about_length, understood
from arriero.engines.openai.estimating import generate_by_estimate
from arriero.engines.openai.wire import OpenAIWire
from arriero.engines.system_one import ask_server
from arriero.errors import EngineDied, EngineFailed, PromptTooLong
from arriero.types.chat import ChatPrompt, TextPrompt, TextRequest
from arriero.types.embeddings import Embeddings
from arriero.types.events import EventStream
from arriero.types.loading import Demand
from arriero.types.system_one import Decided, DecisionRequest

_ANYTHING = Demand()
# Of a model whose Ollama does not say.
_INPUT_LIMIT = 8192


class OllamaEngine:
    """One model of an Ollama (see ``Engine``), which is told how to load it (see ``TakesDemand``)."""

    def __init__(self, wire: OpenAIWire, model: ServedModel) -> None:
        self._wire = wire
        self._model = model

    def generate(self, request: TextRequest) -> EventStream:
        """Stream one answer (see ``Engine``)."""
        return self.generate_on_demand(request, _ANYTHING)

    def generate_on_demand(self, request: TextRequest, demand: Demand) -> EventStream:
        """Stream one answer of a model that is loaded, and stays, as is asked (see ``TakesDemand``).

        The Ollama would cut a prompt that is too long and not tell: old messages are left out here, where it refuses.
        """
        # How long a context is when the model has been loaded, the Ollama knows.
        return generate_by_estimate(_Asking(self, demand), request, request.num_ctx)

    def ignored(self, request: TextRequest) -> Sequence[str]:
        """What is passed over (see ``Ignores``): that a tool must be called, a bias, and what sets limits."""
        found = []
        if isinstance(request.prompt, ChatPrompt):
            found += ["tool_choice"] if request.prompt.tool_choice != "auto" else []
            found += ["budget_tokens"] if request.prompt.think_tokens is not None else []
        if (request.top_logprobs or 0) > MOST_TOP_LOGPROBS:
            found.append("top_logprobs")
        if request.sampling.logit_bias:
            found.append("logit_bias")
        return found

    async def decide(self, request: DecisionRequest) -> Decided:
        """A reading for each question (see ``Decides``), of an Ollama that has such a model, or of an arriero."""
        return await ask_server(self._wire, self._model.name, request)

    async def health(self) -> bool:
        """Whether the Ollama answers; costs it nothing."""
        return await self._wire.is_ready("/api/version")

    async def aclose(self) -> None:
        """Drop the connections."""
        await self._wire.aclose()

    async def ask(self, request: TextRequest, demand: Demand) -> EventStream:
        """Stream the answer to a prompt that is sent as it is. Raises PromptTooLong where it does not fit.

        One that tells no numbers with its refusal is left to cut the prompt, where it may be cut.
        """
        stream = self._once(replace(request, is_truncating=False), demand)
        try:
            first = await anext(stream)
        except EngineDied:
            raise
        except EngineFailed as error:
            refusal = understood(error)
            if isinstance(refusal, PromptTooLong) or not (request.is_truncating and is_about_length(refusal)):
                raise refusal from error
            stream = self._once(request, demand)
            first = await anext(stream)
        async with aclosing(stream):
            yield first
            async for events in stream:
                yield events

    def _once(self, request: TextRequest, demand: Demand) -> EventStream:
        prompt = request.prompt
        if isinstance(prompt, TextPrompt) and prompt.thinks and request.json_format and _is_open(prompt):
            return think_then_answer(lambda part: self._stream(part, demand), request, prompt)
        return self._stream(request, demand)

    async def _stream(self, request: TextRequest, demand: Demand) -> EventStream:
        prompt = request.prompt
        if request.wants_context and "thinking" in self._model.capabilities:
            # Only of a chat does every Ollama tell the thinking apart, and that tells no context.
            request = replace(request, wants_context=False)
        path, body = path_and_body(self._model.name, request, demand)
        reader = OllamaReader(
            min(request.top_logprobs or 0, MOST_TOP_LOGPROBS),
            think=ThinkText(is_open=_is_open(prompt)) if isinstance(prompt, TextPrompt) and prompt.thinks else None,
            is_one_call=isinstance(prompt, ChatPrompt) and prompt.is_one_call,
            wants_context=request.wants_context,
        )
        async with aclosing(self._wire.stream(path, body, reader, is_ndjson=True)) as stream:
            async for events in stream:
                yield events


@dataclass(frozen=True, slots=True)
class _Asking:
    """An engine with what is demanded of it (see ``estimating.AsksOnly``)."""

    engine: OllamaEngine
    demand: Demand

    def ask(self, request: TextRequest) -> EventStream:
        return self.engine.ask(request, self.demand)


class OllamaEmbedding(OllamaEngine):
    """One model that embeds (see ``Embeds``)."""

    @property
    def input_limit(self) -> int:
        """Tokens of one input at most."""
        return self._model.context or _INPUT_LIMIT

    async def embed(self, inputs: Sequence[str | Sequence[int]]) -> Embeddings:
        """One vector for each input."""
        return await embed_texts(self._wire, self._model.name, inputs)


def ollama_engine(wire: OpenAIWire, model: ServedModel) -> Engine:
    """Who answers for a model of an Ollama; it has ``embed`` where the model embeds."""
    return (OllamaEmbedding if "embedding" in model.capabilities else OllamaEngine)(wire, model)


def _is_open(prompt: TextPrompt) -> bool:
    return prompt.text.rstrip().endswith(OPEN)
