"""Keeps a request within the context, and tells what had to be left out. Nothing is ever cut silently."""

from collections.abc import Sequence
from typing import Protocol

from msgspec.structs import replace

from arriero.engines.opening import Beginning, Opening
from arriero.errors import EngineDied, EngineFailed, PromptTooLong
from arriero.types.chat import ChatPrompt, Message, Prompt, TextPrompt, TextRequest
from arriero.types.events import EventStream, Truncated

# Of a context that something was left out for, so much is kept free for the answer, at most.
_ANSWER_SHARE = 4
# Where answers may go on for ever, Ollama ends them after so many times the context.
_LONGEST_SHIFTED = 10
# So many beginnings of a conversation in a row may be refused by a template.
_MOST_REFUSED = 8


class Asks(Protocol):
    """An engine whose prompts can be counted."""

    def ask(self, request: TextRequest) -> EventStream:
        """Stream the answer to a prompt that is sent as it is. Raises PromptTooLong where it does not fit."""

    async def count(self, prompt: Prompt) -> int:
        """The tokens of a prompt."""


def generate_within(engine: Asks, request: TextRequest, context: int, *, engine_shifts: bool = False) -> EventStream:
    """Stream an answer within ``context`` tokens, or within the request's own ``num_ctx`` if that is smaller.

    Counting costs a call or two: it is left to the engine, which counts anyway, where the limit is the engine's own.
    Raises PromptTooLong where the last turn alone does not fit, or where nothing may be left out.
    engine_shifts: the engine goes on beyond its context by itself, which this request may not want.
    """
    return Opening(lambda: _begin_within(engine, request, context, engine_shifts=engine_shifts))


async def _begin_within(engine: Asks, request: TextRequest, context: int, *, engine_shifts: bool) -> Beginning:
    limit = min(request.num_ctx or context, context)
    truncated: Truncated | None = None
    is_counted = limit < context or (engine_shifts and not request.is_shifting)
    if is_counted:
        request, truncated = await fit(engine, request, limit)
    elif request.is_shifting:
        request = _with_limit(request, _LONGEST_SHIFTED * limit)
    stream = engine.ask(request)
    try:
        first = await anext(stream)
    except PromptTooLong:
        if is_counted or not request.is_truncating:
            raise
        request, truncated = await fit(engine, request, limit)
        stream = engine.ask(request)
        first = await anext(stream)
    return ([truncated, *first] if truncated else first), stream


async def fit(engine: Asks, request: TextRequest, limit: int) -> tuple[TextRequest, Truncated | None]:
    """The request with a prompt and an answer that fit into ``limit`` tokens, and what was left out for it."""
    prompt, truncated = request.prompt, None
    size = await engine.count(prompt)
    if size >= limit:
        if not request.is_truncating:
            raise PromptTooLong(size, limit)
        wanted = request.sampling.max_tokens
        spare = limit // _ANSWER_SHARE
        room = limit - (min(wanted, spare) if wanted else spare)
        match prompt:
            case ChatPrompt():
                prompt, truncated = await _drop_messages(engine, prompt, limit, room)
            case TextPrompt(context=context) if context:
                prompt, truncated = _drop_tokens(prompt, size, limit, room)
            case _:
                raise PromptTooLong(size, limit)
        size = truncated.prompt_tokens
    most = _LONGEST_SHIFTED * limit if request.is_shifting else limit - size
    return _with_limit(replace(request, prompt=prompt), most), truncated


async def _drop_messages(engine: Asks, prompt: ChatPrompt, limit: int, room: int) -> tuple[ChatPrompt, Truncated]:
    """Leave out as few of the first messages as it takes; system messages and the last one stay."""
    messages = prompt.messages
    low, high = 1, len(messages) - 1
    best: tuple[int, int] | None = None
    while low <= high:
        middle = (low + high) // 2
        start, size = await _size_from(engine, prompt, middle)
        if size <= room:
            best, high = (start, size), middle - 1
        else:
            low = middle + 1
    if best is None:
        start, size = await _size_from(engine, prompt, len(messages) - 1)
        if size >= limit:
            raise PromptTooLong(size, limit)
        best = start, size
    start, size = best
    kept = kept_from(messages, start)
    return replace(prompt, messages=kept), Truncated(len(messages) - len(kept), size, limit)


async def _size_from(engine: Asks, prompt: ChatPrompt, start: int) -> tuple[int, int]:
    """Where the conversation can begin at the earliest from ``start`` on, and its tokens then.

    Some templates refuse a conversation that begins with an answer.
    """
    last = len(prompt.messages) - 1
    for index in range(start, min(start + _MOST_REFUSED, last)):
        try:
            return index, await engine.count(replace(prompt, messages=kept_from(prompt.messages, index)))
        except EngineDied:
            raise
        except EngineFailed:
            continue
    return last, await engine.count(replace(prompt, messages=kept_from(prompt.messages, last)))


def kept_from(messages: Sequence[Message], start: int) -> tuple[Message, ...]:
    """The messages from ``start`` on, behind the system messages that come before."""
    return (*(message for message in messages[:start] if message.role == "system"), *messages[start:])


def _drop_tokens(prompt: TextPrompt, size: int, limit: int, room: int) -> tuple[TextPrompt, Truncated]:
    """Leave out the oldest tokens of the earlier exchange."""
    own = size - len(prompt.context)
    if own >= limit:
        raise PromptTooLong(own, limit)
    kept = min(len(prompt.context), max(0, room - own))
    context = prompt.context[len(prompt.context) - kept :]
    dropped = len(prompt.context) - kept
    return replace(prompt, context=context), Truncated(0, own + kept, limit, dropped)


def _with_limit(request: TextRequest, most: int) -> TextRequest:
    wanted = request.sampling.max_tokens
    if wanted is not None and wanted <= most:
        return request
    return replace(request, sampling=replace(request.sampling, max_tokens=max(1, most)))
