"""The tokens of an exchange, which the next request may bring along as its context."""

from collections.abc import Sequence
from contextlib import aclosing
from typing import Protocol

from msgspec.structs import replace

from arriero.engines.answers.think_text import CLOSE, OPEN
from arriero.engines.base import Engine, Renders, Tokenizes, TokenizesChats
from arriero.errors import EngineFailed
from arriero.types.chat import ChatPrompt, InfillPrompt, TextPrompt, TextRequest
from arriero.types.events import Event, EventStream, Finished, text_and_thinking


class RendersAndTokenizes(Renders, Tokenizes, Protocol):
    """What it takes to know the tokens of an exchange."""


class Continues(Engine, Renders, Protocol):
    """What it takes to go on from the tokens of an exchange."""


async def behind_context(engine: Continues, request: TextRequest, prompt: ChatPrompt) -> EventStream:
    """Stream the answer to a chat that stands behind the tokens of an earlier exchange."""
    text = TextPrompt(await engine.render(prompt), prompt.context, thinks=prompt.think is not None)
    async with aclosing(engine.generate(replace(request, prompt=text))) as stream:
        async for events in stream:
            yield events


async def with_context(engine: RendersAndTokenizes, request: TextRequest, stream: EventStream) -> EventStream:
    """Hand on an answer, and put the tokens of prompt and answer into its ``Finished``."""
    collected: list[Event] = []
    async with aclosing(stream):
        async for events in stream:
            collected += events
            last = events[-1]
            if isinstance(last, Finished):
                tokens = await _tokens(engine, request, collected)
                yield [*events[:-1], replace(last, context=tokens)]
            else:
                yield events


async def _tokens(engine: RendersAndTokenizes, request: TextRequest, events: Sequence[Event]) -> tuple[int, ...]:
    """The tokens; none where the engine fails now: the answer is there all the same."""
    said, thought = text_and_thinking(events)
    try:
        match request.prompt:
            case ChatPrompt(messages=messages) if any(message.images for message in messages):
                # A picture is no token.
                return ()
            case ChatPrompt() as prompt if isinstance(engine, TokenizesChats) and not thought:
                return (*(await engine.tokenize_chat(prompt)), *(await engine.tokenize(said)))
            case ChatPrompt() as prompt:
                earlier, text = (), await engine.render(prompt)
            case TextPrompt(context=earlier, text=text):
                pass
            case InfillPrompt():
                return ()
        opening = "" if text.rstrip().endswith(OPEN) else OPEN
        answer = f"{opening}{thought}{CLOSE}{said}" if thought else said
        before = await engine.tokenize(text, is_rendered=True, is_first=not earlier)
        return (*earlier, *before, *(await engine.tokenize(answer)))
    except EngineFailed:
        return ()
