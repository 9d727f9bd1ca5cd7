"""What Open WebUI asks of an Ollama, and of the same server as one with OpenAI's API, shortened."""

import json
from typing import Any

import aiohttp

QUESTION = [{"role": "user", "content": "a hard one"}]
TITLE = """### Task:
Generate a concise, 3-5 word title with an emoji summarizing the chat history.
### Output:
JSON format: { "title": "your concise title here" }
### Chat History:
<chat_history>
USER: a hard one
ASSISTANT: big words
</chat_history>"""
METADATA = {"user_id": "1", "chat_id": "2", "task": None, "features": {"web_search": False}, "model": {"id": "any"}}


# Answers are JSON.
async def _got(client: aiohttp.ClientSession, path: str) -> Any:
    async with client.get(path) as response:
        # The media type decides whether the page reads it.
        assert (response.status, response.content_type) == (200, "application/json")
        return await response.json()


async def _posted(client: aiohttp.ClientSession, path: str, body: dict[str, Any]) -> Any:
    async with client.post(path, json=body) as response:
        told = await response.json()
        assert (response.status, response.content_type) == (200, "application/json"), told
        return told


async def looks_whether_the_server_is_there(client: aiohttp.ClientSession) -> None:
    async with client.get("/") as response:
        assert (response.status, await response.text()) == (200, "Ollama is running")
    version = (await _got(client, "/api/version"))["version"]
    assert all(part.isdigit() for part in version.split("."))


async def lists_models(client: aiohttp.ClientSession, listed: str) -> None:
    """By what both lists have, and what the page shows beside a name."""
    [model] = [each for each in (await _got(client, "/api/tags"))["models"] if each["model"] == listed]
    assert model["name"] == listed
    assert isinstance(model["size"], int)
    assert {"parameter_size", "quantization_level"} <= set(model["details"])
    shown = await _posted(client, "/api/show", {"name": listed, "model": listed})
    assert "completion" in shown["capabilities"]
    assert {"details", "model_info"} <= set(shown)


async def looks_what_is_loaded(client: aiohttp.ClientSession) -> list[str]:
    loaded = (await _got(client, "/api/ps"))["models"]
    assert all({"expires_at", "size_vram"} <= set(each) for each in loaded)
    return [each["model"] for each in loaded]


async def chats(client: aiohttp.ClientSession, model: str) -> str:
    """Ollama's way, streamed; what was said."""
    asked = {"model": model, "messages": QUESTION, "stream": True, "options": {"temperature": 0.7}, "keep_alive": "5m"}
    async with client.post("/api/chat", json=asked) as response:
        assert (response.status, response.content_type) == (200, "application/x-ndjson")
        lines = [json.loads(line) for line in (await response.text()).splitlines()]
    assert [line["done"] for line in lines] == [False] * (len(lines) - 1) + [True]
    assert {line["model"] for line in lines} == {model}
    # It shows tokens a second out of these.
    assert {"eval_count", "eval_duration", "prompt_eval_count", "prompt_eval_duration"} <= set(lines[-1])
    return "".join(line["message"]["content"] for line in lines)


async def makes_a_title(client: aiohttp.ClientSession, model: str) -> str:
    asked = [{"role": "user", "content": TITLE}]
    told = await _posted(client, "/api/chat", {"model": model, "messages": asked, "stream": False})
    assert told["model"] == model
    return str(told["message"]["content"])


async def stops_a_model(client: aiohttp.ClientSession, model: str) -> None:
    async with client.post("/api/generate", json={"model": model, "keep_alive": 0}) as response:
        assert response.status == 200
        assert (await response.json(content_type=None))["done_reason"] == "unload"


async def lists_models_as_openai(client: aiohttp.ClientSession, listed: str) -> None:
    told = await _got(client, "/v1/models")
    assert listed in {each["id"] for each in told["data"]}


async def chats_as_openai(client: aiohttp.ClientSession, model: str, **more: Any) -> str:
    """OpenAI's way, streamed; what was said."""
    asked = {
        "model": model,
        "messages": [{"role": "system", "content": "Be kind."}, *QUESTION],
        "stream": True,
        "stream_options": {"include_usage": True},
        "metadata": METADATA,
        **more,
    }
    async with client.post("/v1/chat/completions", json=asked, headers={"Authorization": "Bearer any"}) as response:
        assert (response.status, response.content_type) == (200, "text/event-stream")
        text = await response.text()
    [*chunks, usage] = [json.loads(frame.removeprefix("data: ")) for frame in text.split("\n\n")[:-2]]
    assert text.endswith("data: [DONE]\n\n")
    assert (usage["choices"], usage["usage"]["total_tokens"] > 0) == ([], True)
    return "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks)


async def makes_a_title_as_openai(client: aiohttp.ClientSession, model: str) -> str:
    asked = [{"role": "user", "content": TITLE}]
    body = {"model": model, "messages": asked, "stream": False, "metadata": METADATA, "max_completion_tokens": 50}
    told = await _posted(client, "/v1/chat/completions", body)
    return str(told["choices"][0]["message"]["content"])


async def has_a_session(client: aiohttp.ClientSession, model: str, listed: str) -> None:
    """All of it, in order, but for what ends a model's stay."""
    await looks_whether_the_server_is_there(client)
    await lists_models(client, listed)
    await looks_what_is_loaded(client)
    assert await chats(client, model)
    assert await makes_a_title(client, model)
    assert await looks_what_is_loaded(client)
    await lists_models_as_openai(client, listed)
    assert await chats_as_openai(client, model)
    assert await makes_a_title_as_openai(client, model)
