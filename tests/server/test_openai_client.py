"""The first version of OpenAI's API, with OpenAI's own client."""

from collections.abc import AsyncIterator
from pathlib import Path

import openai
import pytest

from arriero.engines.fake import FakeEngine, Script
from arriero.errors import EngineDied, EngineFailed
from arriero.store.layout import Store
from arriero.types.chat import ChatPrompt, JsonFormat, Message
from arriero.types.events import ThinkingDelta
from tests.factories_store import stored
from tests.serving import FakeLoader, running_server

NAMES = ("gen:latest", "hf.co/user/repo-GGUF:Q4_K_M")
TURN: list[openai.types.chat.ChatCompletionMessageParam] = [{"role": "user", "content": "hi"}]


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("openai")
    for name in NAMES:
        stored(Store(root / "models"), name)
    return root


@pytest.fixture
async def client(root: Path, engine: FakeEngine) -> AsyncIterator[openai.AsyncOpenAI]:
    async with (
        running_server(root, FakeLoader({"gen:latest": engine})) as server,
        openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key="any", max_retries=0) as client,
    ):
        yield client


async def test_a_completion(client: openai.AsyncOpenAI, engine: FakeEngine) -> None:
    answer = await client.chat.completions.create(
        model="gen", messages=TURN, max_completion_tokens=50, temperature=0.5, seed=7, stop=["\n"]
    )
    [choice] = answer.choices
    assert (choice.message.role, choice.message.content, choice.finish_reason) == ("assistant", "Hello there.", "stop")
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens) == (11, 3, 14)
    [asked] = engine.requests
    assert asked.prompt == ChatPrompt((Message("user", "hi"),))
    sampling = asked.sampling
    assert (sampling.max_tokens, sampling.temperature, sampling.seed, sampling.stop) == (50, 0.5, 7, ("\n",))


async def test_a_stream(client: openai.AsyncOpenAI) -> None:
    stream = await client.chat.completions.create(
        model="gen", messages=TURN, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    texts = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
    assert "".join(texts) == "Hello there."
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.total_tokens == 14
    assert len({(chunk.id, chunk.created) for chunk in chunks}) == 1


async def test_reasoning(client: openai.AsyncOpenAI, engine: FakeEngine) -> None:
    engine.script = Script(((ThinkingDelta("Hm."), "Hello."),))
    answer = await client.chat.completions.create(model="gen", messages=TURN)
    message = answer.choices[0].message
    assert (message.content, message.model_extra) == ("Hello.", {"reasoning": "Hm."})


async def test_ids_tell_answers_apart(client: openai.AsyncOpenAI) -> None:
    answers = [await client.chat.completions.create(model="gen", messages=TURN) for _ in range(2)]
    assert answers[0].id != answers[1].id


async def test_an_unknown_model_is_not_found(client: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        await client.chat.completions.create(model="nope", messages=TURN)
    assert caught.value.body == {
        "message": "model 'nope' not found",
        "type": "not_found_error",
        "param": None,
        "code": None,
    }


async def test_a_request_without_turns_is_bad(client: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="is too short - 'messages'"):
        await client.chat.completions.create(model="gen", messages=[])


async def test_a_refusal_of_the_engine_is_passed_on(client: openai.AsyncOpenAI, engine: FakeEngine) -> None:
    engine.script = Script(error=EngineFailed("too long", 400))
    with pytest.raises(openai.BadRequestError, match="too long"):
        await client.chat.completions.create(model="gen", messages=TURN, stream=True)


async def test_a_stream_that_breaks_off_raises(client: openai.AsyncOpenAI, engine: FakeEngine) -> None:
    engine.script = Script((("Hel",), ("lo",)), error=EngineDied("the engine went away"), fail_after=1)
    stream = await client.chat.completions.create(model="gen", messages=TURN, stream=True)
    with pytest.raises(openai.APIError, match="the engine went away"):
        assert [chunk async for chunk in stream]


async def test_models_are_listed(client: openai.AsyncOpenAI) -> None:
    models = [model async for model in client.models.list()]
    assert {model.id: model.owned_by for model in models} == {NAMES[0]: "library", NAMES[1]: "user"}
    assert all(model.created > 0 for model in models)


@pytest.mark.parametrize("name", ["gen", "gen:latest", "GEN", NAMES[1], "HF.co/user/repo-gguf:q4_k_m"])
async def test_a_model_is_found_by_its_id(client: openai.AsyncOpenAI, name: str) -> None:
    assert (await client.models.retrieve(name)).id == name


@pytest.mark.parametrize(("name", "full"), [("nope", "nope:latest"), ("hf.co/a/b", "hf.co/a/b:latest")])
async def test_a_model_that_is_not_there_is_not_found(client: openai.AsyncOpenAI, name: str, full: str) -> None:
    with pytest.raises(openai.NotFoundError, match=f"model '{full}' not found"):
        await client.models.retrieve(name)


@pytest.mark.parametrize(
    ("wanted", "json_format"),
    [
        ({"type": "text"}, None),
        ({"type": "json_object"}, JsonFormat()),
        (
            {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}},
            JsonFormat({"type": "object"}),
        ),
    ],
)
async def test_the_answers_format_reaches_the_engine(
    client: openai.AsyncOpenAI, engine: FakeEngine, wanted: dict[str, object], json_format: JsonFormat | None
) -> None:
    await client.chat.completions.create(model="gen", messages=TURN, extra_body={"response_format": wanted})

    assert engine.requests[0].json_format == json_format


@pytest.mark.parametrize(
    ("field", "value"), [("tools", [{"type": "function", "function": {"name": "f"}}]), ("logprobs", True), ("n", 2)]
)
async def test_what_cannot_be_done_yet_is_refused(client: openai.AsyncOpenAI, field: str, value: object) -> None:
    with pytest.raises(openai.BadRequestError, match="not supported yet"):
        await client.chat.completions.create(model="gen", messages=TURN, extra_body={field: value})
