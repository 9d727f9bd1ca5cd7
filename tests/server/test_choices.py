"""Several answers to one request, with OpenAI's own client."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import openai
import pytest

from arriero.engines.fake import FakeEngine, Script
from arriero.errors import EngineDied, EngineFailed
from arriero.store.layout import Store
from arriero.types.chat import TextRequest
from tests.factories_store import stored
from tests.server.openai_clients import openai_client
from tests.serving import until

TURN: list[openai.types.chat.ChatCompletionMessageParam] = [{"role": "user", "content": "hi"}]
SLOTS = (1, 4)


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture(params=SLOTS)
async def client(
    request: pytest.FixtureRequest, tmp_path: Path, engine: FakeEngine
) -> AsyncIterator[openai.AsyncOpenAI]:
    stored(Store(tmp_path / "models"), "gen:latest")
    async with openai_client(tmp_path, {"gen:latest": engine}, slots=request.param) as client, asyncio.timeout(10):
        yield client


def by_seed(request: TextRequest) -> Script:
    return Script(((f"{request.sampling.seed} ",), ("said",)))


async def test_each_answer_has_a_seed_of_its_own(client: openai.AsyncOpenAI, engine: FakeEngine) -> None:
    engine.script = by_seed
    answer = await client.chat.completions.create(model="gen", messages=TURN, n=3, seed=7)
    texts = [(choice.index, choice.message.content) for choice in answer.choices]
    assert texts == [(0, "7 said"), (1, "8 said"), (2, "9 said")]
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (11, 9)


async def test_a_stream_tells_them_apart(client: openai.AsyncOpenAI, engine: FakeEngine) -> None:
    engine.script = by_seed
    stream = await client.completions.create(
        model="gen", prompt="hi", n=2, seed=7, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    texts = ["", ""]
    for choice in (choice for chunk in chunks for choice in chunk.choices):
        texts[choice.index] += choice.text
    assert texts == ["7 said", "8 said"]
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 6


async def test_each_answer_begins_with_the_role(client: openai.AsyncOpenAI) -> None:
    stream = await client.chat.completions.create(model="gen", messages=TURN, n=2, stream=True)
    choices = [chunk.choices[0] async for chunk in stream]
    assert sorted(choice.index for choice in choices if choice.delta.role) == [0, 1]


async def test_all_fail_with_the_first_that_fails(client: openai.AsyncOpenAI, engine: FakeEngine) -> None:
    engine.script = Script(error=EngineFailed("too long", 400))
    with pytest.raises(openai.BadRequestError, match="too long"):
        await client.chat.completions.create(model="gen", messages=TURN, n=2, stream=True)


async def test_a_stream_that_breaks_off_raises(client: openai.AsyncOpenAI, engine: FakeEngine) -> None:
    engine.script = Script((("Hel",), ("lo",)), error=EngineDied("the engine went away"), fail_after=1)
    stream = await client.chat.completions.create(model="gen", messages=TURN, n=2, stream=True)
    with pytest.raises(openai.APIError, match="the engine went away"):
        assert [chunk async for chunk in stream]


async def test_a_client_that_goes_away_ends_them_all(client: openai.AsyncOpenAI, engine: FakeEngine) -> None:
    engine.script = Script((("Hel",),), hang=True)
    stream = await client.chat.completions.create(model="gen", messages=TURN, n=2, stream=True)
    await anext(aiter(stream))
    began = len(engine.requests)
    await stream.close()
    await until(engine, lambda: engine.running == 0)
    assert engine.cancelled >= began


@pytest.mark.parametrize("is_stream", [True, False])
async def test_what_cannot_be_done_is_told(
    client: openai.AsyncOpenAI,
    engine: FakeEngine,
    is_stream: bool,
) -> None:
    engine.passes_over = ("tool_choice",)
    answer = await client.completions.with_raw_response.create(
        model="gen", prompt="hi", n=2, best_of=3, stream=is_stream
    )
    assert answer.headers["x-arriero-ignored"] == "tool_choice, best_of"


@pytest.mark.parametrize("count", [0, -1, 17])
async def test_there_is_a_limit(client: openai.AsyncOpenAI, count: int) -> None:
    with pytest.raises(openai.BadRequestError, match="n must be between 1 and 16"):
        await client.chat.completions.create(model="gen", messages=TURN, n=count)
