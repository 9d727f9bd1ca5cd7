"""A router asked by the clients that people use."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

# Bodies and answers are JSON.
from typing import Any

import ollama
import openai
import pytest

from arriero.engines.fake import Script
from arriero.types.chat import ChatPrompt
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


TITLE = """### Task:
Generate a concise, 3-5 word title with an emoji summarizing the chat history.
### Output:
JSON format: { "title": "your concise title here" }
### Chat History:
<chat_history>
USER: a hard one
ASSISTANT: big words
</chat_history>"""
METADATA = {"user_id": "1", "chat_id": "2", "task": None, "features": {"web_search": False}, "model": {"id": "smart"}}


async def test_the_requests_of_open_webui_are_routed_over_ollamas_api(served: Served) -> None:
    for path in ("/api/version", "/api/tags", "/api/ps"):
        async with served.client.get(path) as response:
            assert (response.status, response.content_type) == (200, "application/json")
            await response.read()
    shown = await served.post("/api/show", {"name": "smart"})
    assert (shown.status, "vision" in shown.json["capabilities"]) == (200, True)
    asked = {"model": "smart", "messages": turns("a hard one"), "stream": True, "options": {}, "keep_alive": "5m"}
    got = await served.post("/api/chat", asked)
    assert (got.status, got.side, got.headers["content-type"]) == (200, "remote", "application/x-ndjson")
    served.local.script = Script((('{"title": "Words"}',),))
    for title in (TITLE, TITLE.replace("hard", "easy")):
        got = await served.post("/api/chat", {"model": "smart", "messages": turns(title), "stream": False})
        assert got.status == 200
        assert got.json["model"] == "smart"


async def test_the_requests_of_open_webui_are_routed_over_openais_api(served: Served) -> None:
    async with served.client.get("/v1/models") as response:
        assert "smart" in {each["id"] for each in (await response.json())["data"]}
    asked = {
        "model": "smart",
        "messages": [{"role": "system", "content": "Be kind."}, *turns("a hard one")],
        "stream": True,
        "stream_options": {"include_usage": True},
        "metadata": METADATA,
    }
    got = await served.post("/v1/chat/completions", asked)
    assert (got.status, got.side) == (200, "remote")
    assert '"usage":{' in got.text
    assert got.text.endswith("data: [DONE]\n\n")
    prompt = served.remote.requests[0].prompt
    assert isinstance(prompt, ChatPrompt)
    assert [turn.role for turn in prompt.messages] == ["system", "user"]

    title = {**asked, "messages": turns(TITLE), "stream": False, "max_completion_tokens": 50}
    del title["stream_options"]
    assert (await served.post("/v1/chat/completions", title)).status == 200


async def test_vs_code_sees_a_router_with_its_context_and_abilities(served: Served) -> None:
    agent = "GitHubCopilotChat/0.31.0"
    shown = (await served.post("/api/show", {"model": "smart"}, **{"User-Agent": agent})).json
    architecture = shown["model_info"]["general.architecture"]

    assert isinstance(shown["model_info"][f"{architecture}.context_length"], int)
    assert shown["model_info"]["general.basename"] == "smart"
    assert {"tools", "vision"} <= set(shown["capabilities"])
