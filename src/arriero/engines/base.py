"""What an engine is to the rest of the server."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from arriero.types.chat import ChatPrompt, Prompt, TextRequest
from arriero.types.embeddings import Embeddings
from arriero.types.events import EventStream
from arriero.types.loading import LoadOptions


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
class Embeds(Protocol):
    """An engine that turns texts into vectors."""

    @property
    def input_limit(self) -> int:
        """Tokens of one input at most, with those that the model puts around it."""

    async def embed(self, inputs: Sequence[str | Sequence[int]]) -> Embeddings:
        """One vector for each input, in order; an input is a text, or tokens as they are. Raises EngineFailed."""


@dataclass(frozen=True, slots=True)
class LaunchSpec:
    """How to start an engine's process.

    argv: the command. environment: variables on top of the server's own. stdin: text to write to its standard input,
    which stays open: its end tells the process that its parent is gone.
    """

    argv: tuple[str, ...]
    environment: dict[str, str] = field(default_factory=dict)
    stdin: str = ""


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
    """An engine that needs a process: how to start it, and how to reach it; it is up when ``health`` says so."""

    spec: LaunchSpec
    plan: Plan
    connect: Callable[[], Engine]
