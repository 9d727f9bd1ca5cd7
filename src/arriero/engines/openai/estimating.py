"""Keeps a request within the context of a server that does not count: by estimates, and by what it refuses."""

from typing import Protocol

import msgspec
from msgspec.structs import replace

from arriero.engines.fitting import fit, kept_from
from arriero.engines.opening import Beginning, Opening
from arriero.errors import PromptTooLong
from arriero.types.chat import ChatPrompt, InfillPrompt, Prompt, TextPrompt, TextRequest
from arriero.types.events import EventStream, Truncated

# English has some four bytes a token, other languages and code have fewer.
_BYTES_PER_TOKEN = 3.0
_TOKENS_PER_MESSAGE = 8
_TOKENS_PER_IMAGE = 1024
_MOST_ATTEMPTS = 4
# An estimate is never exact, and one that has turned out too low is no better for being a little higher.
_MARGIN, _STEP = 0.95, 0.75


class AsksOnly(Protocol):
    """An engine that does not count."""

    def ask(self, request: TextRequest) -> EventStream:
        """Stream the answer to a prompt that is sent as it is. Raises PromptTooLong where it does not fit."""


class Estimate:
    """How many tokens prompts have, by their bytes and by what the server has said of one of them."""

    def __init__(self) -> None:
        self._bytes_per_token = _BYTES_PER_TOKEN

    def tokens(self, prompt: Prompt) -> int:
        """About so many tokens."""
        size, others = _size(prompt)
        return others + round(size / self._bytes_per_token)

    def learn(self, prompt: Prompt, refusal: PromptTooLong) -> None:
        """Take what a refusal says: the tokens that the prompt has, or at least has."""
        size, others = _size(prompt)
        told = _MARGIN * size / max(1, refusal.prompt_tokens - others)
        if self.tokens(prompt) < refusal.num_ctx:
            # It was thought to fit: then it has fewer bytes a token than was thought.
            told = min(told, _STEP * self._bytes_per_token)
        elif refusal.prompt_tokens <= refusal.num_ctx + 1:
            # vLLM stops counting there.
            told = min(told, self._bytes_per_token)
        self._bytes_per_token = max(0.5, told)


class _Estimating:
    """An engine with estimates in place of counts (see ``fitting.Asks``)."""

    def __init__(self, engine: AsksOnly) -> None:
        self.ask = engine.ask
        self.estimate = Estimate()

    async def count(self, prompt: Prompt) -> int:
        return self.estimate.tokens(prompt)


def generate_by_estimate(engine: AsksOnly, request: TextRequest, context: int | None) -> EventStream:
    """Stream an answer within the server's context, or within the request's own ``num_ctx`` if that is smaller.

    The server says what does not fit; then old messages are left out until it does. Raises PromptTooLong where the last
    turn alone does not, or where nothing may be left out. context: None where nobody knows it.
    """
    return Opening(lambda: _begin_by_estimate(engine, request, context))


async def _begin_by_estimate(engine: AsksOnly, request: TextRequest, context: int | None) -> Beginning:
    estimating = _Estimating(engine)
    asked, truncated = request, None
    if request.num_ctx and request.num_ctx < (context or request.num_ctx + 1):
        asked, truncated = await _within_wish(estimating, request, request.num_ctx)
    for attempt in range(_MOST_ATTEMPTS):
        stream = engine.ask(asked)
        try:
            first = await anext(stream)
        except PromptTooLong as error:
            if not request.is_truncating or attempt == _MOST_ATTEMPTS - 1:
                raise
            refusal = error
        else:
            return ([truncated, *first] if truncated else first), stream
        estimating.estimate.learn(asked.prompt, refusal)
        limit = min(request.num_ctx or refusal.num_ctx, refusal.num_ctx)
        refused = asked.prompt
        asked, truncated = await _fit_or_least(estimating, request, limit)
        if asked.prompt == refused:
            raise refusal
    raise AssertionError("the last attempt returns or raises")


async def _fit_or_least(
    estimating: _Estimating, request: TextRequest, limit: int
) -> tuple[TextRequest, Truncated | None]:
    """What fits; where by the estimate nothing does, the last turn alone, on which the server shall have its say."""
    try:
        return await fit(estimating, request, limit)
    except PromptTooLong as error:
        match request.prompt:
            case ChatPrompt(messages=messages) as prompt if len(messages) > 1:
                kept = kept_from(messages, len(messages) - 1)
                least = replace(prompt, messages=kept)
                return replace(request, prompt=least), Truncated(len(messages) - len(kept), error.prompt_tokens, limit)
            case _:
                return request, None


async def _within_wish(
    estimating: _Estimating, request: TextRequest, limit: int
) -> tuple[TextRequest, Truncated | None]:
    """What fits into the context that the request wishes; an estimate is no reason to refuse anything."""
    try:
        return await fit(estimating, request, limit)
    except PromptTooLong:
        return request, None


def byte_count(prompt: Prompt) -> int:
    """The bytes of a prompt's texts: more than it has tokens, but for what a template and images add."""
    return _size(prompt)[0]


def _size(prompt: Prompt) -> tuple[int, int]:
    """The bytes of a prompt's texts, and the tokens that it has besides."""
    match prompt:
        case ChatPrompt(messages=messages, tools=tools, context=context):
            texts = [text for message in messages for text in (message.content, message.thinking)]
            calls = [call.arguments for message in messages for call in message.tool_calls]
            size = sum(map(_bytes, texts)) + sum(len(msgspec.json.encode(each)) for each in (*calls, *tools))
            images = sum(len(message.images) for message in messages)
            return size, len(context) + _TOKENS_PER_MESSAGE * len(messages) + _TOKENS_PER_IMAGE * images
        case TextPrompt(text=text, context=context):
            return _bytes(text), len(context)
        case InfillPrompt(prefix, suffix):
            return _bytes(prefix) + _bytes(suffix), 0


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))
