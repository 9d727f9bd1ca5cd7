"""A router asked by the clients that people use."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

# Bodies and answers are JSON.
from typing import Any

import ollama
import openai
import pytest

from arriero.engines.fake import Script
from arriero.types.chat import ChatPrompt
from tests.contract import open_webui, vscode
from tests.server.routers import Served, running_router, store_models, turns


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return store_models(tmp_path_factory.mktemp("clients"))


@pytest.fixture
async def served(root: Path) -> AsyncIterator[Served]:
    async with running_router(root) as server:
        yield server


async def test_ollamas_client_chats_with_a_router(served: Served) -> None:
    def chat() -> tuple[ollama.ChatResponse, list[ollama.ChatResponse]]:
        client = ollama.Client(host=served.running.url)
        try:
            answer = client.chat(model="smart", messages=turns("a hard one"))
            return answer, list(client.chat(model="smart", messages=turns("easy"), stream=True))
        finally:
            client._client.close()

    answer, parts = await asyncio.to_thread(chat)
    assert (answer.model, answer.message.content, answer.done_reason) == ("smart", "big words", "stop")
    assert "".join(part.message.content or "" for part in parts) == "small talk"
    assert parts[-1].done


async def test_ollamas_client_lists_shows_loads_and_forces(served: Served) -> None:
    client = ollama.AsyncClient(host=served.running.url)
    try:
        [listed] = [each for each in (await client.list()).models if each.model == "smart"]
        assert listed.digest
        assert listed.details
        shown = await client.show("smart")
        assert shown.capabilities
        assert "completion" in shown.capabilities
        assert shown.modelinfo
        loaded = await client.generate("smart", "")
        assert loaded.done_reason == "load"
        forced = await client.chat("smart:local", messages=turns("a hard one"))
        assert forced.message.content == "small talk"
        option: dict[str, Any] = {"route": "local"}
        forced = await client.chat("smart", messages=turns("a hard one"), options=option)
        assert forced.message.content == "small talk"
        with pytest.raises(ollama.ResponseError, match="does not support embeddings"):
            await client.embed("smart", "x")
        with pytest.raises(ollama.ResponseError, match="smart"):
            await client.delete("smart")
    finally:
        await client._client.aclose()


async def test_openais_client_chats_with_a_router(served: Served) -> None:
    async with openai.AsyncOpenAI(base_url=f"{served.running.url}/v1", api_key="any", max_retries=0) as client:
        messages: Any = turns("a hard one")
        raw = await client.chat.completions.with_raw_response.create(model="smart", messages=messages)
        assert raw.headers["x-arriero-route"] == "remote"
        answer = raw.parse()
        assert (answer.model, answer.choices[0].message.content) == ("smart", "big words")
        assert answer.model_extra
        assert answer.model_extra["route"]["side"] == "remote"

        stream = await client.chat.completions.create(model="smart", messages=messages, stream=True)
        said = [chunk async for chunk in stream]
        assert "".join(chunk.choices[0].delta.content or "" for chunk in said if chunk.choices) == "big words"
        assert {chunk.model for chunk in said} == {"smart"}

        forced = await client.chat.completions.create(
            model="smart", messages=messages, extra_headers={"x-arriero-force": "local"}
        )
        assert forced.choices[0].message.content == "small talk"
        response = await client.responses.create(model="smart", input="a hard one")
        assert response.output_text == "big words"
        with pytest.raises(openai.BadRequestError):
            await client.embeddings.create(model="smart", input="x")


async def test_the_requests_of_open_webui_are_routed_over_ollamas_api(served: Served) -> None:
    assert await open_webui.chats(served.client, "smart") == "big words"
    served.local.script = served.remote.script = Script((('{"title": "Words"}',),))
    assert json.loads(await open_webui.makes_a_title(served.client, "smart")) == {"title": "Words"}
    assert set(await open_webui.looks_what_is_loaded(served.client)) >= {"big:latest"}


async def test_the_requests_of_open_webui_are_routed_over_openais_api(served: Served) -> None:
    assert await open_webui.chats_as_openai(served.client, "smart") == "big words"
    prompt = served.remote.requests[0].prompt
    assert isinstance(prompt, ChatPrompt)
    assert [turn.role for turn in prompt.messages] == ["system", "user"]
    assert await open_webui.makes_a_title_as_openai(served.client, "smart")


async def test_what_vs_code_asks_with_tools_goes_to_the_model_that_has_them(served: Served) -> None:
    said = await vscode.chats(served.client, "smart", turns("a hard one"))
    assert (said.text, said.finish_reason) == ("small talk", "stop")
