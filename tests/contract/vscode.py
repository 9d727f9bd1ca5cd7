"""What VS Code's Copilot asks of an Ollama, shortened, and what it needs to come back.

Its provider of Ollama's models lists them by Ollama's API, and talks with them by OpenAI's, on the same port.
"""

import json
from dataclasses import dataclass
from typing import Any

import aiohttp

AGENT = {"User-Agent": "GitHubCopilotChat/0.31.0"}
_LEAST_VERSION = (0, 6, 4)
_DEFAULT_CONTEXT = 4096
READ_FILE = {
    "type": "function",
    "function": {
        "name": "read_file",
        "description": "Read the contents of a file.",
        "parameters": {
            "type": "object",
            "properties": {"file_path": {"type": "string"}},
            "required": ["file_path"],
        },
    },
}
# A conversation is JSON.
QUESTION: list[dict[str, Any]] = [
    {"role": "system", "content": "You are an expert AI programming assistant."},
    {"role": "user", "content": [{"type": "text", "text": "What is in hello.txt?"}]},
]


@dataclass(frozen=True, slots=True)
class Listed:
    """A model as the picker shows it."""

    id: str
    name: str
    context: int
    calls_tools: bool
    sees: bool


@dataclass(frozen=True, slots=True)
class Said:
    """A streamed answer, put together."""

    text: str
    calls: list[dict[str, Any]]
    finish_reason: str
    usage: dict[str, Any]


async def lists_models(client: aiohttp.ClientSession) -> dict[str, Listed]:
    """The models, by their ids, after a look at the version."""
    version = (await _got(client, "/api/version"))["version"]
    assert tuple(int(part) for part in version.split(".")) >= _LEAST_VERSION
    models = (await _got(client, "/api/tags"))["models"]
    return {model["model"]: await _shown(client, model["model"]) for model in models}


async def _got(client: aiohttp.ClientSession, path: str) -> Any:
    async with client.get(path, headers=AGENT) as response:
        assert (response.status, response.content_type) == (200, "application/json")
        return await response.json()


async def _shown(client: aiohttp.ClientSession, ident: str) -> Listed:
    async with client.post("/api/show", json={"model": ident}, headers=AGENT) as response:
        assert (response.status, response.content_type) == (200, "application/json")
        shown = await response.json()
    info = shown["model_info"]
    context = info.get(f"{info['general.architecture']}.context_length", _DEFAULT_CONTEXT)
    assert isinstance(context, int)
    can = shown["capabilities"]
    return Listed(ident, info["general.basename"], context, calls_tools="tools" in can, sees="vision" in can)


async def lists_models_as_openai(client: aiohttp.ClientSession) -> set[str]:
    """The ids, as its provider of any server with OpenAI's API asks for them."""
    return {model["id"] for model in (await _got(client, "/v1/models"))["data"]}


async def chats(client: aiohttp.ClientSession, model: str, messages: list[Any], **more: Any) -> Said:
    """A turn, streamed, with tools and usage."""
    body = {
        "model": model,
        "messages": messages,
        "tools": [READ_FILE],
        "tool_choice": "auto",
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": 0.1,
        "top_p": 1,
        "max_tokens": 2048,
        "n": 1,
        **more,
    }
    async with client.post("/v1/chat/completions", json=body, headers=AGENT) as response:
        text = await response.text()
        assert (response.status, response.content_type) == (200, "text/event-stream"), text
    return _put_together(text)


def _put_together(text: str) -> Said:
    frames = [frame.removeprefix("data: ") for frame in text.split("\n\n")[:-1]]
    assert frames.pop() == "[DONE]"
    chunks = [json.loads(frame) for frame in frames]
    assert len({chunk["id"] for chunk in chunks}) == 1
    last = chunks.pop()
    assert last["choices"] == []
    [*_, finish] = [chunk["choices"][0]["finish_reason"] for chunk in chunks]
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    calls = [call for delta in deltas for call in delta.get("tool_calls") or ()]
    return Said("".join(delta.get("content") or "" for delta in deltas), calls, finish, last["usage"])


def with_result(called: Said, *, content: Any = "mules love apples") -> list[dict[str, Any]]:
    """The conversation with the calls, and what the tool gave."""
    calls = [{"id": each["id"], "type": "function", "function": each["function"]} for each in called.calls]
    results = [{"role": "tool", "tool_call_id": each["id"], "content": content} for each in calls]
    return [*QUESTION, {"role": "assistant", "content": called.text, "tool_calls": calls}, *results]


async def has_a_session(client: aiohttp.ClientSession, listed: str) -> None:
    """All of it, in order, with the model that is listed so."""
    model = (await lists_models(client))[listed]
    assert model.calls_tools
    assert listed in await lists_models_as_openai(client)
    called = await chats(client, model.id, QUESTION)
    [call] = called.calls
    assert (called.finish_reason, call["index"], call["type"]) == ("tool_calls", 0, "function")
    assert call["id"]
    assert (call["function"]["name"], type(json.loads(call["function"]["arguments"]))) == ("read_file", dict)
    answered = await chats(client, model.id, with_result(called))
    assert (answered.finish_reason, answered.calls) == ("stop", [])
    assert answered.text
    assert answered.usage["total_tokens"] == answered.usage["prompt_tokens"] + answered.usage["completion_tokens"]
