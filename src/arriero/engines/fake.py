"""An engine that is a script: it says what it was told to say, at the speed it was told. Most tests use it."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from arriero.errors import ArrieroError
from arriero.types.chat import ChatPrompt, InfillPrompt, TextPrompt, TextRequest
from arriero.types.events import Event, EventStream, Finished, TextDelta
from arriero.types.usage import Usage

_USAGE = Usage(prompt_tokens=11, completion_tokens=3, prompt_ns=2_000_000, completion_ns=3_000_000)


@dataclass(frozen=True, slots=True)
class Script:
    """What a fake engine answers.

    pieces: the batches of texts, or whole events, of an answer. fail_after: raise ``error`` after so many batches.
    piece_s: seconds before each batch. hang: after the batches, wait for ever.
    """

    pieces: Sequence[Sequence[str | Event]] = (("Hello",), (" there",), (".",))
    usage: Usage = _USAGE
    piece_s: float = 0.0
    error: ArrieroError | None = None
    fail_after: int = 0
    hang: bool = False


@dataclass(slots=True)
class FakeEngine:
    """Answers by its script and remembers what it was asked.

    is_healthy: what ``health`` says. running: answers under way; cancelled: those that were not finished.
    changed: set, and replaced, whenever these two change.
    """

    script: Script | Callable[[TextRequest], Script] = field(default_factory=Script)
    is_healthy: bool = True
    requests: list[TextRequest] = field(default_factory=list)
    running: int = 0
    cancelled: int = 0
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def generate(self, request: TextRequest) -> EventStream:
        """Stream one answer (see ``Engine``)."""
        script = self.script(request) if callable(self.script) else self.script
        self.requests.append(request)
        self._count(1)
        completed = False
        try:
            for index, piece in enumerate(script.pieces):
                if script.error is not None and index == script.fail_after:
                    raise script.error
                await asyncio.sleep(script.piece_s)
                yield [TextDelta(item) if isinstance(item, str) else item for item in piece]
            if script.hang:
                await asyncio.Event().wait()
            completed = True
            yield [_finished(request, script)]
        finally:
            self.cancelled += not completed
            self._count(-1)

    async def render(self, prompt: ChatPrompt) -> str:
        """The messages, one a line."""
        return "".join(f"<{message.role}>{message.content}\n" for message in prompt.messages)

    async def health(self) -> bool:
        """Whether it is told to be well."""
        return self.is_healthy

    async def aclose(self) -> None:
        """Nothing to give back."""

    def _count(self, change: int) -> None:
        self.running += change
        self.changed.set()
        self.changed = asyncio.Event()


def _finished(request: TextRequest, script: Script) -> Finished:
    limit = request.sampling.max_tokens
    return Finished("length" if limit is not None and limit <= len(script.pieces) else "stop", script.usage)


def prompt_text(request: TextRequest) -> str:
    """What the user said last: for scripts that depend on it."""
    match request.prompt:
        case TextPrompt(text):
            return text
        case InfillPrompt(prefix):
            return prefix
        case ChatPrompt(messages):
            return messages[-1].content
