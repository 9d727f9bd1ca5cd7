"""Chat completions and the list of models, with OpenAI's own client."""

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
from tests.server.openai_clients import openai_client

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
    async with openai_client(root, {"gen:latest": engine}) as client:
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


async def test_log_probabilities(client: openai.AsyncOpenAI) -> None:
    answer = await client.chat.completions.create(model="gen", messages=TURN, logprobs=True, top_logprobs=2)
    logprobs = answer.choices[0].logprobs
    assert logprobs is not None
    assert logprobs.content is not None
    assert [(token.token, token.logprob, len(token.top_logprobs)) for token in logprobs.content] == [
        ("Hello", -0.5, 2),
        (" there", -0.5, 2),
        (".", -0.5, 2),
    ]
    assert bytes(logprobs.content[0].bytes or []) == b"Hello"


async def test_log_probabilities_of_a_stream(client: openai.AsyncOpenAI) -> None:
    stream = await client.chat.completions.create(model="gen", messages=TURN, logprobs=True, stream=True)
    found = [choice.logprobs for chunk in [each async for each in stream] for choice in chunk.choices]
    assert [token.token for each in found if each for token in each.content or ()] == ["Hello", " there", "."]


async def test_too_many_alternatives_are_refused(client: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="top_logprobs must be between 0 and 20"):
        await client.chat.completions.create(model="gen", messages=TURN, logprobs=True, top_logprobs=21)


async def test_options_of_ollama_reach_the_engine(client: openai.AsyncOpenAI, engine: FakeEngine) -> None:
    extra = {"options": {"top_k": 3, "temperature": 0.1}, "num_ctx": 100, "keep_alive": "1h"}
    await client.chat.completions.create(model="gen", messages=TURN, extra_body=extra)
    [asked] = engine.requests
    assert (asked.sampling.top_k, asked.sampling.temperature, asked.num_ctx) == (3, 0.1, 100)


async def test_an_option_of_null_is_left_to_the_model(client: openai.AsyncOpenAI, engine: FakeEngine) -> None:
    await client.chat.completions.create(model="gen", messages=TURN, extra_body={"options": {"temperature": None}})
    assert (engine.requests[0].sampling.temperature, engine.requests[0].sampling.top_p) == (0.8, 1.0)


@pytest.mark.parametrize(
    ("extra", "message"),
    [({"options": {"top_k": "x"}}, 'option "top_k" must be of type integer'), ({"keep_alive": "x"}, "duration")],
)
async def test_options_are_checked(client: openai.AsyncOpenAI, extra: dict[str, object], message: str) -> None:
    with pytest.raises(openai.BadRequestError, match=message):
        await client.chat.completions.create(model="gen", messages=TURN, extra_body=extra)


async def test_a_bias_reaches_the_engine(client: openai.AsyncOpenAI, engine: FakeEngine) -> None:
    await client.chat.completions.create(model="gen", messages=TURN, logit_bias={"7": 5})
    assert engine.requests[0].sampling.logit_bias == ((7, 5.0),)


@pytest.mark.parametrize(
    ("bias", "message"),
    [({"x": 1}, "'x' is not the number of a token"), ({"7": 101}, "must be between -100 and 100")],
)
async def test_a_bias_is_checked(client: openai.AsyncOpenAI, bias: dict[str, int], message: str) -> None:
    with pytest.raises(openai.BadRequestError, match=message):
        await client.chat.completions.create(model="gen", messages=TURN, logit_bias=bias)


async def test_sound_is_not_answered_with(client: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="no model of this server answers with 'audio'"):
        await client.chat.completions.create(
            model="gen", messages=TURN, modalities=["text", "audio"], audio={"voice": "ash", "format": "wav"}
        )


async def test_what_changes_nothing_may_be_there(client: openai.AsyncOpenAI, engine: FakeEngine) -> None:
    answer = await client.chat.completions.create(
        model="gen",
        messages=TURN,
        store=True,
        user="ana",
        service_tier="flex",
        modalities=["text"],
        prediction={"type": "content", "content": "Hello there."},
        verbosity="low",
        safety_identifier="x",
        prompt_cache_key="y",
    )
    assert answer.choices[0].message.content == "Hello there."
    assert engine.requests[0].prompt == ChatPrompt((Message("user", "hi"),))


async def test_a_prompt_that_was_cut_is_told(client: openai.AsyncOpenAI, engine: FakeEngine) -> None:
    engine.context = 8
    turns: list[openai.types.chat.ChatCompletionMessageParam] = [
        {"role": "user", "content": "one two three four five"},
        {"role": "assistant", "content": "six seven eight"},
        *TURN,
    ]
    answer = await client.chat.completions.with_raw_response.create(model="gen", messages=turns)
    assert answer.headers["x-arriero-truncated"].startswith("dropped_messages=1, ")
