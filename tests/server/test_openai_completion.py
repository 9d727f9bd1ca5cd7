"""Text completions, with OpenAI's own client."""

from collections.abc import AsyncIterator
from pathlib import Path

import openai
import pytest

from arriero.engines.fake import FakeEngine, Script, prompt_text
from arriero.errors import EngineDied
from arriero.types.chat import ChatPrompt, InfillPrompt, Message
from tests.contract.models import SYSTEM, store_golden_models
from tests.server.openai_clients import openai_client


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return store_golden_models(tmp_path_factory.mktemp("openai"))


@pytest.fixture
async def client(root: Path, engine: FakeEngine) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai_client(root, {"sys:latest": engine, "fim:latest": engine}) as client:
        yield client


async def test_the_prompt_is_a_turn_of_the_users(client: openai.AsyncOpenAI, engine: FakeEngine) -> None:
    answer = await client.completions.create(model="sys", prompt="hi", max_tokens=50)
    assert (answer.choices[0].text, answer.choices[0].finish_reason) == ("Hello there.", "stop")
    assert answer.usage is not None
    assert answer.usage.total_tokens == 14
    assert engine.requests[0].prompt == ChatPrompt((Message("system", SYSTEM), Message("user", "hi")))
    assert engine.requests[0].sampling.max_tokens == 50


async def test_a_stream(client: openai.AsyncOpenAI) -> None:
    stream = await client.completions.create(
        model="sys", prompt=["hi"], stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    choices = [chunk.choices[0] for chunk in chunks if chunk.choices]
    assert "".join(choice.text for choice in choices) == "Hello there."
    assert [choice.finish_reason for choice in choices] == [None, None, None, "stop"]
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.total_tokens == 14


async def test_a_suffix_makes_a_gap(client: openai.AsyncOpenAI, engine: FakeEngine) -> None:
    await client.completions.create(model="fim", prompt="def f():", suffix="return x")
    assert engine.requests[0].prompt == InfillPrompt("def f():", "return x")


async def test_a_model_that_fills_no_gaps_refuses(client: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="does not support insert"):
        await client.completions.create(model="sys", prompt="def f():", suffix="return x")


async def test_log_probabilities(client: openai.AsyncOpenAI) -> None:
    answer = await client.completions.create(model="sys", prompt="Well: ", logprobs=1)
    told = answer.choices[0].logprobs
    assert told is not None
    assert (told.tokens, told.text_offset) == (["Hello", " there", "."], [0, 5, 11])


async def test_several_prompts_have_answers_each(client: openai.AsyncOpenAI, engine: FakeEngine) -> None:
    engine.script = lambda request: Script(((f"{prompt_text(request)}{request.sampling.seed}",),))
    answer = await client.completions.create(model="sys", prompt=["a", "b"], n=2, seed=1, echo=True)
    texts = [(choice.index, choice.text) for choice in answer.choices]
    assert texts == [(0, "aa1"), (1, "aa2"), (2, "bb1"), (3, "bb2")]
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (22, 12)
    stream = await client.completions.create(model="sys", prompt=["a", "b"], seed=1, stream=True)
    found = ["", ""]
    for choice in [choice for chunk in [each async for each in stream] for choice in chunk.choices]:
        found[choice.index] += choice.text
    assert found == ["a1", "b1"]


async def test_what_is_passed_over_is_told(client: openai.AsyncOpenAI) -> None:
    answer = await client.completions.with_raw_response.create(model="sys", prompt="hi", best_of=3)
    assert answer.headers["x-arriero-ignored"] == "best_of"


async def test_a_bias_reaches_the_engine(client: openai.AsyncOpenAI, engine: FakeEngine) -> None:
    await client.completions.create(model="sys", prompt="hi", logit_bias={"50256": -100})
    assert engine.requests[0].sampling.logit_bias == ((50256, -100.0),)


async def test_an_empty_prompt_loads_the_model(client: openai.AsyncOpenAI, engine: FakeEngine) -> None:
    loaded = [{"text": "", "index": 0, "finish_reason": "load"}]
    assert (await client.completions.create(model="sys", prompt="")).to_dict()["choices"] == loaded
    stream = await client.completions.create(model="sys", prompt="", stream=True)
    assert [chunk.to_dict()["choices"] async for chunk in stream] == [loaded]
    assert engine.requests == []


async def test_a_stream_that_breaks_off_raises(client: openai.AsyncOpenAI, engine: FakeEngine) -> None:
    engine.script = Script((("Hel",), ("lo",)), error=EngineDied("the engine went away"), fail_after=1)
    stream = await client.completions.create(model="sys", prompt="hi", stream=True)
    with pytest.raises(openai.APIError, match="the engine went away"):
        assert [chunk async for chunk in stream]


@pytest.mark.parametrize(("model", "message"), [("", "model '' not found"), ("nope", "model 'nope' not found")])
async def test_an_unknown_model_is_not_found(client: openai.AsyncOpenAI, model: str, message: str) -> None:
    with pytest.raises(openai.NotFoundError, match=message):
        await client.completions.create(model=model, prompt="hi")


async def test_a_model_that_only_embeds_refuses(client: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match='"emb" does not support generate'):
        await client.completions.create(model="emb", prompt="hi")
