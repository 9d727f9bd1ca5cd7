"""What an engine is to the rest of the server."""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

from arriero.errors import EngineFailed
from arriero.types.chat import ChatPrompt, Prompt, TextPrompt, TextRequest
from arriero.types.embeddings import Embeddings
from arriero.types.events import EventStream
from arriero.types.loading import Demand, LoadOptions
from arriero.types.models import Capability, ModelDetails
from arriero.types.system_one import Decided, DecisionRequest
from arriero.types.upstreams import UpstreamKind


class Engine(Protocol):
    """Something that answers for one model."""

    def generate(self, request: TextRequest) -> EventStream:
        """Stream one answer: batches of events, the last of them ``Finished``.

        Closing the iterator stops the engine's work. Raises EngineFailed before the first batch where the engine
        refuses (with its status), EngineDied at any time where it goes away.
        """

    async def health(self) -> bool:
        """Whether the engine can answer now. Never raises, returns within seconds."""

    async def aclose(self) -> None:
        """Give back connections. Answers that still run end with EngineDied."""


@runtime_checkable
class Renders(Protocol):
    """An engine that can show the text that a model would be given."""

    async def render(self, prompt: ChatPrompt) -> str:
        """The prompt after the model's chat template."""


@runtime_checkable
class Counts(Protocol):
    """An engine that tells how long a prompt is."""

    async def count(self, prompt: Prompt) -> int:
        """The tokens of a prompt, after the model's chat template."""


@runtime_checkable
class Tokenizes(Protocol):
    """An engine that tells which tokens a text is made of."""

    async def tokenize(self, text: str, *, is_rendered: bool = False, is_first: bool = True) -> list[int]:
        """The tokens of a text.

        is_rendered: it is a prompt, in which special tokens stand by their names, and the model wants its first token
        before it, unless it goes on from other tokens (is_first).
        """


@runtime_checkable
class TokenizesChats(Protocol):
    """An engine that tells the tokens of a chat at once, and need not render it first."""

    async def tokenize_chat(self, prompt: ChatPrompt) -> list[int]:
        """The tokens of a prompt after the model's chat template."""


@dataclass(frozen=True, slots=True)
class NextTokens:
    """How likely some tokens are to come next: natural logarithms, over the whole vocabulary; -inf for never.

    prompt_tokens: of the prompt; cached_tokens: of which so many came out of a cache, where the engine tells.
    """

    logprobs: Sequence[float]
    prompt_tokens: int
    cached_tokens: int = 0


@runtime_checkable
class TellsNext(Protocol):
    """An engine that tells how likely given tokens are, however unlikely they be."""

    async def next_tokens(self, prompt: TextPrompt, tokens: Sequence[int]) -> NextTokens:
        """How likely each of the tokens is behind a prompt. Raises EngineFailed, PromptTooLong."""


@runtime_checkable
class Decides(Protocol):
    """An engine whose server answers questions by probabilities itself (System One)."""

    async def decide(self, request: DecisionRequest) -> Decided:
        """A reading for each question. Raises EngineFailed: with 400, 404, 405 or 501 where it does not take these."""


@runtime_checkable
class Embeds(Protocol):
    """An engine that turns texts into vectors."""

    @property
    def input_limit(self) -> int:
        """Tokens of one input at most, with those that the model puts around it."""

    async def embed(self, inputs: Sequence[str | Sequence[int]]) -> Embeddings:
        """One vector for each input, in order; an input is a text, or tokens as they are. Raises EngineFailed."""


@runtime_checkable
class TakesDemand(Protocol):
    """An engine whose server loads the model when it is asked, as a request wants it, and keeps it for so long."""

    def generate_on_demand(self, request: TextRequest, demand: Demand) -> EventStream:
        """Stream one answer (see ``Engine.generate``)."""


@runtime_checkable
class Ignores(Protocol):
    """An engine that cannot do all that a request may ask."""

    def ignored(self, request: TextRequest) -> Sequence[str]:
        """What the request asks for and this engine passes over, by the names of ``SamplingParams``."""


def ignored_by(engine: Engine, request: TextRequest) -> Sequence[str]:
    """What an engine passes over of a request."""
    return engine.ignored(request) if isinstance(engine, Ignores) else ()


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model of a server that runs elsewhere, with what is known of it.

    name: as that server calls it. context: tokens; None where it does not say. digest: 64 hex digits, "" where it has
    none. model_info: as ``/api/show`` tells it, ``general.architecture`` among it. details, template, size_bytes: as
    in ``ModelRecord``. is_loaded: it is in memory there now, with loaded_context tokens of context (None: ``context``),
    until expires_at (None: for ever); memory_bytes, vram_bytes: of which it takes so much, where that is told.
    """

    name: str
    context: int | None = None
    capabilities: tuple[Capability, ...] = ("completion",)
    # Its keys and types are the model author's.
    model_info: Mapping[str, Any] = field(default_factory=dict)
    details: ModelDetails = field(default_factory=ModelDetails)
    template: str = ""
    digest: str = ""
    size_bytes: int = 0
    modified_at: datetime | None = None
    embedding_length: int | None = None
    is_loaded: bool = True
    loaded_context: int | None = None
    expires_at: datetime | None = None
    memory_bytes: int = 0
    vram_bytes: int = 0


class UpstreamServer(Protocol):
    """A server that runs elsewhere, and serves one model or several."""

    @property
    def kind(self) -> UpstreamKind | None:
        """What it is; None as long as nobody has been able to find out."""

    async def look(self) -> Sequence[ServedModel]:
        """The models that it serves now. Also tells whether it is well: it takes seconds at most, and no generation.

        What is known of a model is only asked for again where something has changed. Raises EngineFailed where it
        refuses, as with a wrong key, and EngineDied where it cannot be reached.
        """

    def engine(self, model: str) -> Engine:
        """Who answers for one of its models, as it is called there; the same object each time."""

    async def aclose(self) -> None:
        """Drop the connections. Answers that still run end with EngineDied."""


@dataclass(frozen=True, slots=True)
class Relayed:
    """An answer of another Ollama that has begun. headers: those that are handed on, but for the content type's.

    first: the first piece of a stream, nothing of an empty one; of any other answer all of it. rest: the pieces after
    that; raises EngineDied where the answer breaks off; closing it stops the work there.
    """

    content_type: str
    headers: Sequence[tuple[bytes, bytes]]
    first: bytes
    rest: AsyncGenerator[bytes, None]

    @property
    def is_stream(self) -> bool:
        """Whether it comes in pieces."""
        return is_stream(self.content_type)

    @classmethod
    async def begun(
        cls, content_type: str, headers: Sequence[tuple[bytes, bytes]], pieces: AsyncGenerator[bytes, None]
    ) -> "Relayed":
        """The answer that these pieces make, read so far that another server need not be asked any more."""
        if is_stream(content_type):
            # Only a generator that runs closes what it holds when it is closed.
            first = await anext(pieces, b"")
        else:
            first = b"".join([piece async for piece in pieces])
        return cls(content_type, headers, first, pieces)


def is_stream(content_type: str) -> bool:
    """Whether an answer of this type is handed on as it comes."""
    return content_type.startswith(("application/x-ndjson", "text/event-stream"))


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer with an error status, as another Ollama has given it. headers: as in ``Relayed``."""

    status: int
    content_type: str
    headers: Sequence[tuple[bytes, bytes]]
    content: bytes


class RelayRefused(EngineFailed):
    """Another Ollama has refused, in the words of ``answer``.

    The error's status is what the refusal means here: 501 where it has no such route.
    """

    def __init__(self, error: EngineFailed, answer: "Refusal") -> None:
        super().__init__(error.message, error.status)
        self.answer = answer


@runtime_checkable
class Relays(Protocol):
    """An ``UpstreamServer`` that may be another Ollama (``kind`` tells), and takes requests as they are."""

    async def relay(self, path: str, body: bytes, headers: Sequence[tuple[bytes, bytes]]) -> Relayed:
        """Have a request answered. Raises RelayRefused; EngineFailed where nothing can be handed on; EngineDied."""


@dataclass(frozen=True, slots=True)
class LaunchSpec:
    """How to start an engine's process.

    argv: the command. environment: variables on top of the server's own. stdin: text to write to its standard input,
    which stays open: its end tells the process that its parent is gone. shown_as: what its output is shown under, line
    by line; "" leaves it to the log's most detailed level.
    """

    argv: tuple[str, ...]
    environment: dict[str, str] = field(default_factory=dict)
    stdin: str = ""
    shown_as: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a model is loaded: tokens of context for each of so many slots (answers at once).

    options: what requests had asked for when it was loaded. kv_cache_type: how keys and values are stored, as llama.cpp
    names it.
    """

    context: int
    slots: int
    options: LoadOptions = field(default_factory=LoadOptions)
    kv_cache_type: str = "f16"

    @property
    def is_shifting(self) -> bool:
        """Whether an answer may go on past the context, forgetting old tokens."""
        return self.options.is_shifting


@dataclass(frozen=True, slots=True)
class Launch:
    """An engine that needs a process: how to start it, and how to reach it; it is up when ``health`` says so.

    is_watched: a start during which nothing seems to happen for long is given up.
    """

    spec: LaunchSpec
    plan: Plan
    connect: Callable[[], Engine]
    is_watched: bool = True


@runtime_checkable
class Arrives(Protocol):
    """What stands for an engine while its process starts, where only the running process tells what it is."""

    async def arrive(self, plan: Plan) -> tuple[Engine, Plan]:
        """The engine that it has become, and how it was loaded. Raises EngineFailed."""
