"""Answers that end early: the engine fails, or the client leaves. Of any server whose engine can be looked at."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from typing import TypeVar

import anthropic
import openai
import pytest

from tests.sdk.clients import anthropic_client, openai_client
from tests.sdk.questions import ENDLESS
from tests.sdk.scenario import Served

Chunk = TypeVar("Chunk")
# Ends the engine in the middle of its work.
EndEngine = Callable[[], None]
# Whether the engine works on an answer.
IsBusy = Callable[[], bool]
_PATIENCE_S = 30.0
# Tokens of an answer that would go on for longer than anybody waits.
_LONG = 1900


async def a_broken_chat_raises(served: Served, end_engine: EndEngine) -> str:
    async with openai_client(served.url) as client:
        stream = await client.chat.completions.create(
            model=served.model, messages=[{"role": "user", "content": ENDLESS}], temperature=0, stream=True
        )
        with pytest.raises(openai.APIError) as caught:
            await _until_broken(stream, end_engine)
    return caught.value.message


async def a_broken_response_has_failed(served: Served, end_engine: EndEngine) -> str:
    async with openai_client(served.url) as client:
        stream = await client.responses.create(model=served.model, input=ENDLESS, temperature=0, stream=True)
        events = await _until_broken(stream, end_engine)
    last = events[-1]
    assert last.type == "response.failed", last
    assert last.response.error is not None
    assert last.response.status == "failed"
    return last.response.error.message


async def a_broken_message_raises(served: Served, end_engine: EndEngine) -> str:
    async with anthropic_client(served.url) as client:
        stream = await client.messages.create(
            model=served.model, max_tokens=_LONG, messages=[{"role": "user", "content": ENDLESS}], stream=True
        )
        with pytest.raises(anthropic.APIStatusError) as caught:
            await _until_broken(stream, end_engine)
    return caught.value.message


async def who_leaves_a_chat_ends_the_work(served: Served, is_busy: IsBusy) -> None:
    async with openai_client(served.url) as client:
        stream = await client.chat.completions.create(
            model=served.model, messages=[{"role": "user", "content": ENDLESS}], temperature=0, stream=True
        )
        await anext(aiter(stream))
        await until(is_busy)
        await stream.close()
        await until(lambda: not is_busy())


async def who_leaves_a_message_ends_the_work(served: Served, is_busy: IsBusy) -> None:
    async with anthropic_client(served.url) as client:
        stream = await client.messages.create(
            model=served.model, max_tokens=_LONG, messages=[{"role": "user", "content": ENDLESS}], stream=True
        )
        await anext(aiter(stream))
        await until(is_busy)
        await stream.close()
        await until(lambda: not is_busy())


async def who_gives_a_response_up_ends_the_work(served: Served, is_busy: IsBusy) -> None:
    async with openai_client(served.url) as client:
        asking = asyncio.create_task(client.responses.create(model=served.model, input=ENDLESS, temperature=0))
        await until(is_busy)
        asking.cancel()
        await until(lambda: not is_busy())


async def _until_broken(stream: AsyncIterator[Chunk], end_engine: EndEngine) -> list[Chunk]:
    """All chunks of a stream whose engine is ended after the third."""
    chunks = []
    async for chunk in stream:
        chunks.append(chunk)
        if len(chunks) == 3:
            end_engine()
    return chunks


async def until(holds: IsBusy) -> None:
    """Wait for what an engine tells of itself: it has no event to wait for."""
    async with asyncio.timeout(_PATIENCE_S):
        while not holds():  # noqa: ASYNC110  # there is none
            await asyncio.sleep(0.05)


Breaking = Callable[[Served, EndEngine], Coroutine[None, None, str]]
Leaving = Callable[[Served, IsBusy], Coroutine[None, None, None]]
BROKEN: Sequence[Breaking] = (a_broken_chat_raises, a_broken_response_has_failed, a_broken_message_raises)
LEFT: Sequence[Leaving] = (
    who_leaves_a_chat_ends_the_work,
    who_leaves_a_message_ends_the_work,
    who_gives_a_response_up_ends_the_work,
)
