"""An engine that is a script: it says what it was told to say, at the speed it was told. Most tests use it."""

import asyncio
import math
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from arriero.engines.base import NextTokens
from arriero.engines.context import behind_context, with_context
from arriero.engines.fitting import generate_within
from arriero.errors import ArrieroError, EngineFailed, PromptTooLong
from arriero.types.chat import ChatPrompt, InfillPrompt, Prompt, TextPrompt, TextRequest
from arriero.types.embeddings import Embeddings
from arriero.types.events import Event, EventStream, Finished, TextDelta, TokenLogprob, TopLogprob
from arriero.types.usage import Usage

# What stands before and after a text, as in BERT.
_FIRST, _LAST = 1, 2
_WIDTH = 16
# Characters of a prompt that a chance depends on.
_SEEN = 256
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

    is_healthy: what ``health`` says. context: tokens of prompt and answer, a token being a word. input_limit: tokens of
    a text to embed. embed_error: what embedding raises. passes_over: what it says that it cannot do. requests,
    embedded: what it was asked for, one for each call. running: calls under way; cancelled: those that were not
    finished. changed: set, and replaced, whenever these two change.
    """

    script: Script | Callable[[TextRequest], Script] = field(default_factory=Script)
    is_healthy: bool = True
    context: int = 4096
    input_limit: int = 2048
    embed_error: ArrieroError | None = None
    passes_over: Sequence[str] = ()
    requests: list[TextRequest] = field(default_factory=list)
    embedded: list[list[str | Sequence[int]]] = field(default_factory=list)
    running: int = 0
    cancelled: int = 0
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def generate(self, request: TextRequest) -> EventStream:
        """Stream one answer (see ``Engine``)."""
        if isinstance(request.prompt, ChatPrompt) and request.prompt.context:
            return behind_context(self, request, request.prompt)
        return generate_within(self, request, self.context)

    def ask(self, request: TextRequest) -> EventStream:
        """Stream the answer to a prompt that is sent as it is. Raises PromptTooLong where it does not fit."""
        stream = self._answer(request)
        return with_context(self, request, stream) if request.wants_context else stream

    async def count(self, prompt: Prompt) -> int:
        """The words of a prompt."""
        match prompt:
            case ChatPrompt(messages=messages):
                return sum(len(message.content.split()) for message in messages)
            case TextPrompt(text=text, context=context):
                return len(context) + len(text.split())
            case InfillPrompt(prefix, suffix):
                return len(prefix.split()) + len(suffix.split())

    async def _answer(self, request: TextRequest) -> EventStream:
        if (size := await self.count(request.prompt)) >= self.context:
            raise PromptTooLong(size, self.context)
        script = self.script(request) if callable(self.script) else self.script
        self.requests.append(request)
        self._count(1)
        completed = False
        try:
            for index, piece in enumerate(script.pieces):
                if script.error is not None and index == script.fail_after:
                    raise script.error
                await asyncio.sleep(script.piece_s)
                yield [_event(item, request) for item in piece]
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

    async def tokenize(self, text: str, *, is_rendered: bool = False, is_first: bool = True) -> list[int]:
        """One token a word, between two more where the text is a whole prompt."""
        words = [zlib.crc32(word.encode()) % 2**31 for word in text.split()]
        return [_FIRST, *words, _LAST] if is_rendered and is_first else words

    async def next_tokens(self, prompt: TextPrompt, tokens: Sequence[int]) -> NextTokens:
        """Chances that depend on nothing but the prompt's last words and the token. Hangs where its script says so."""
        if (size := await self.count(prompt)) >= self.context:
            raise PromptTooLong(size, self.context)
        self.requests.append(TextRequest(prompt))
        self._count(1)
        completed = False
        try:
            script = self.script if isinstance(self.script, Script) else Script()
            if script.error is not None:
                raise script.error
            if script.hang:
                await asyncio.Event().wait()
            completed = True
            seed = zlib.crc32(prompt.text[-_SEEN:].encode())
            return NextTokens([math.log(_chance(seed ^ token, len(tokens))) for token in tokens], size)
        finally:
            self.cancelled += not completed
            self._count(-1)

    async def embed(self, inputs: Sequence[str | Sequence[int]]) -> Embeddings:
        """Vectors that depend on nothing but the tokens, and are longer than 1. Hangs where its script says so."""
        self.embedded.append(list(inputs))
        self._count(1)
        completed = False
        try:
            tokens = [await self.tokenize(text, is_rendered=True) if isinstance(text, str) else text for text in inputs]
            if self.embed_error is not None:
                raise self.embed_error
            if any(len(each) > self.input_limit for each in tokens):
                raise EngineFailed("input is too large to process")
            if isinstance(self.script, Script) and self.script.hang:
                await asyncio.Event().wait()
            completed = True
            return Embeddings([_vector(each) for each in tokens], sum(map(len, tokens)))
        finally:
            self.cancelled += not completed
            self._count(-1)

    def ignored(self, request: TextRequest) -> Sequence[str]:  # noqa: ARG002
        """What it is told to pass over."""
        return self.passes_over

    async def health(self) -> bool:
        """Whether it is told to be well."""
        return self.is_healthy

    async def aclose(self) -> None:
        """Nothing to give back."""

    def _count(self, change: int) -> None:
        self.running += change
        self.changed.set()
        self.changed = asyncio.Event()


def _vector(tokens: Sequence[int]) -> list[float]:
    return [1.0 + sum((token >> place) % 16 for token in tokens) / len(tokens) for place in range(_WIDTH)]


def _chance(seed: int, count: int) -> float:
    """A part of one half for each of so many."""
    return (1 + zlib.crc32(seed.to_bytes(8)) % 1000) / (2002 * count)


def _event(item: str | Event, request: TextRequest) -> Event:
    if not isinstance(item, str):
        return item
    if request.top_logprobs is None:
        return TextDelta(item)
    top = tuple(TopLogprob(f"{item}{rank}", -0.5 - rank) for rank in range(request.top_logprobs))
    return TextDelta(item, (TokenLogprob(item, -0.5, top),))


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
