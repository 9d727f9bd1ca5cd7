"""Ollama's API with Ollama's own client for Python."""

from collections.abc import AsyncIterator
from pathlib import Path

import ollama
import pytest

from arriero.engines.fake import FakeEngine, Script
from arriero.errors import EngineDied
from arriero.types.chat import ChatPrompt, Message
from tests.contract.models import SYSTEM, TEXT, golden_engines, store_golden_models
from tests.serving import FakeLoader, running_server

TURN = [{"role": "user", "content": "hi"}]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return store_golden_models(tmp_path_factory.mktemp("ollama"))


@pytest.fixture
def engines() -> dict[str, FakeEngine]:
    return golden_engines()


@pytest.fixture
async def client(root: Path, engines: dict[str, FakeEngine]) -> AsyncIterator[ollama.AsyncClient]:
    async with running_server(root, FakeLoader(engines)) as server:
        client = ollama.AsyncClient(host=server.url)
        yield client
        await client._client.aclose()


async def test_a_chat(client: ollama.AsyncClient, engines: dict[str, FakeEngine]) -> None:
    answer = await client.chat("gen", messages=TURN, options={"temperature": 0, "num_predict": 50}, keep_alive="5m")
    assert (answer.message.role, answer.message.content, answer.done_reason) == ("assistant", TEXT, "stop")
    assert (answer.prompt_eval_count, answer.eval_count) == (11, 3)
    assert answer.total_duration
    assert answer.load_duration
    [asked] = engines["gen:latest"].requests
    assert asked.prompt == ChatPrompt((Message("user", "hi"),))
    assert (asked.sampling.temperature, asked.sampling.max_tokens) == (0.0, 50)


async def test_a_stream_of_a_chat(client: ollama.AsyncClient) -> None:
    parts = [part async for part in await client.chat("gen", messages=TURN, stream=True)]
    assert "".join(part.message.content or "" for part in parts) == TEXT
    assert [part.done for part in parts] == [False] * (len(parts) - 1) + [True]


async def test_a_chat_with_thinking(client: ollama.AsyncClient) -> None:
    answer = await client.chat("think", messages=TURN, think=True)
    assert (answer.message.thinking, answer.message.content) == ("Let me think.", TEXT)


async def test_a_generated_answer(client: ollama.AsyncClient, engines: dict[str, FakeEngine]) -> None:
    answer = await client.generate("sys", "hi")
    assert (answer.response, answer.done_reason, answer.model) == (TEXT, "stop", "sys")
    [asked] = engines["sys:latest"].requests
    assert asked.prompt == ChatPrompt((Message("system", SYSTEM), Message("user", "hi")))


async def test_a_stream_of_a_generated_answer(client: ollama.AsyncClient) -> None:
    parts = [part async for part in await client.generate("gen", "hi", stream=True)]
    assert "".join(part.response or "" for part in parts) == TEXT
    assert parts[-1].eval_count == 3


async def test_a_schema_reaches_the_engine(client: ollama.AsyncClient, engines: dict[str, FakeEngine]) -> None:
    schema = {"type": "object", "properties": {"age": {"type": "integer"}}}
    await client.chat("gen", messages=TURN, format=schema)
    [asked] = engines["gen:latest"].requests
    assert asked.json_format is not None
    assert asked.json_format.schema == schema


async def test_models_are_listed(client: ollama.AsyncClient) -> None:
    listed = (await client.list()).models
    assert {model.model for model in listed} == {
        f"{name}:latest" for name in ("gen", "sys", "think", "tool", "fim", "emb")
    }
    assert all(model.modified_at and model.size and model.digest for model in listed)


async def test_a_model_is_shown(client: ollama.AsyncClient) -> None:
    shown = await client.show("gen")
    assert shown.capabilities == ["completion"]
    assert shown.modelinfo is not None
    assert shown.modelinfo["general.architecture"] == "llama"
    assert shown.details is not None
    assert shown.details.format == "gguf"


async def test_loaded_models_are_listed(client: ollama.AsyncClient) -> None:
    assert (await client.ps()).models == []
    await client.generate("gen", "", keep_alive="10m")
    [model] = (await client.ps()).models
    assert (model.name, model.context_length, model.size) == ("gen:latest", 128, 123_456)


async def test_texts_are_embedded(client: ollama.AsyncClient) -> None:
    answer = await client.embed("emb", ["a", "b c"], dimensions=8, keep_alive="5m", options={"num_ctx": 128})
    assert [len(vector) for vector in answer.embeddings] == [8, 8]
    assert answer.prompt_eval_count == 7
    assert answer.total_duration
    assert answer.load_duration


async def test_a_text_is_embedded_by_the_older_call(client: ollama.AsyncClient) -> None:
    assert len((await client.embeddings("emb", "a b")).embedding) == 16


async def test_a_text_that_is_too_long_to_embed_is_refused(client: ollama.AsyncClient) -> None:
    with pytest.raises(ollama.ResponseError, match="exceeds the context length") as caught:
        await client.embed("emb", "word " * 200, truncate=False)
    assert caught.value.status_code == 400


async def test_an_unknown_model_is_not_found(client: ollama.AsyncClient) -> None:
    with pytest.raises(ollama.ResponseError) as caught:
        await client.chat("nope", messages=TURN)
    assert (caught.value.status_code, caught.value.error) == (404, "model 'nope' not found")


async def test_a_stream_of_an_unknown_model_is_not_found(client: ollama.AsyncClient) -> None:
    with pytest.raises(ollama.ResponseError) as caught:
        assert [part async for part in await client.chat("nope", messages=TURN, stream=True)]
    assert caught.value.status_code == 404


async def test_a_stream_that_breaks_off_raises(client: ollama.AsyncClient, engines: dict[str, FakeEngine]) -> None:
    engines["gen:latest"].script = Script((("Hel",), ("lo",)), error=EngineDied("gone"), fail_after=1)
    with pytest.raises(ollama.ResponseError, match="gone"):
        assert [part async for part in await client.chat("gen", messages=TURN, stream=True)]
