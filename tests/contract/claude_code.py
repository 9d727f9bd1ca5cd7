"""What Claude Code 2.1 sends in a session, shortened, and what it needs to come back."""

import json
from typing import Any

import aiohttp

HEADERS = {
    "anthropic-version": "2023-06-01",
    "anthropic-beta": "claude-code-20250219,interleaved-thinking-2025-05-14,context-management-2025-06-27,"
    "prompt-caching-scope-2026-01-05,mid-conversation-system-2026-04-07,effort-2025-11-24,structured-outputs-2025-12-15",
    "authorization": "Bearer any",
    "user-agent": "claude-cli/2.1.197 (external, sdk-cli)",
    "x-app": "cli",
    "anthropic-dangerous-direct-browser-access": "true",
}
EPHEMERAL = {"type": "ephemeral"}
TOOLS = [
    {
        "name": "Read",
        "description": "Reads a file",
        "input_schema": {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "properties": {"file_path": {"type": "string"}},
            "required": ["file_path"],
            "additionalProperties": False,
        },
    },
    {"name": "Glob", "description": "Finds files", "input_schema": {"type": "object", "properties": {}}},
]
QUESTION = {
    "role": "user",
    "content": [
        {"type": "text", "text": "<system-reminder>\nbe brief\n</system-reminder>"},
        {"type": "text", "text": "What is in hello.txt?", "cache_control": EPHEMERAL},
    ],
}
FOUND = {"type": "text", "text": "mules love apples"}
AGENTS = {"role": "system", "content": "Available agents: none."}
TITLE_FORMAT = {
    "type": "json_schema",
    "schema": {
        "type": "object",
        "properties": {"title": {"type": "string"}},
        "required": ["title"],
        "additionalProperties": False,
    },
}


# Bodies, blocks and answers are JSON.
def turn(model: str, messages: list[Any], nonce: str = "a5a", **more: Any) -> dict[str, Any]:
    """The body of a turn. nonce: what is different in the block for the bill each time."""
    return {
        "model": model,
        "messages": messages,
        "system": [
            {"type": "text", "text": f"x-anthropic-billing-header: cc_version=2.1.197.{nonce}; cc_entrypoint=cli;"},
            {"type": "text", "text": "You are Claude Code.", "cache_control": EPHEMERAL},
            {"type": "text", "text": "\nBe careful.", "cache_control": EPHEMERAL},
        ],
        "tools": TOOLS,
        "metadata": {"user_id": '{"device_id":"1","account_uuid":"","session_id":"2"}'},
        "max_tokens": 32000,
        "thinking": {"type": "adaptive"},
        "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
        "output_config": {"effort": "high"},
        "stream": True,
        **more,
    }


def result(*content: Any, **more: Any) -> dict[str, Any]:
    """What the tool gave, in a turn of its own."""
    block = {"tool_use_id": "call_1", "type": "tool_result", "content": list(content), "cache_control": EPHEMERAL}
    return {"role": "user", "content": [{**block, **more}]}


async def ask(client: aiohttp.ClientSession, path: str, body: dict[str, Any], status: int = 200) -> Any:
    """Send a request whose answer comes in one piece; that answer."""
    async with client.post(f"{path}?beta=true", json=body, headers=HEADERS) as response:
        told = await response.json()
        assert (response.status, response.content_type) == (status, "application/json"), told
        assert response.headers["request-id"].startswith("req_")
        if status >= 400:
            assert told["request_id"] == response.headers["request-id"]
        return told


async def stream(client: aiohttp.ClientSession, body: dict[str, Any]) -> dict[str, Any]:
    """Send a request whose answer is streamed; the message that it adds up to."""
    async with client.post("/v1/messages?beta=true", json=body, headers=HEADERS) as response:
        text = await response.text()
        assert (response.status, response.content_type) == (200, "text/event-stream"), text
    return message_of(text)


def message_of(text: str) -> dict[str, Any]:
    """Put a stream together, and see that each event comes where it may, under its own name."""
    message: dict[str, Any] = {}
    kinds = []
    for frame in text.split("\n\n")[:-1]:
        name, data = frame.split("\n")
        event = json.loads(data.removeprefix("data: "))
        assert name == f"event: {event['type']}"
        kinds.append(event["type"])
        _grow(message, event)
    assert (kinds[0], kinds[-2:]) == ("message_start", ["message_delta", "message_stop"])
    return message


def _grow(message: dict[str, Any], event: dict[str, Any]) -> None:
    match event:
        case {"type": "message_start", "message": begun}:
            assert begun["content"] == []
            assert (begun["stop_reason"], begun["stop_sequence"]) == (None, None)
            message |= begun
        case {"type": "content_block_start", "index": index, "content_block": block}:
            assert index == len(message["content"])
            message["content"].append(block)
        case {"type": "content_block_delta", "index": index, "delta": {"partial_json": str(written)}}:
            message["content"][index]["input"] = json.loads(written)
        case {"type": "content_block_delta", "index": index, "delta": {"type": kind, **more}}:
            place = kind.removesuffix("_delta")
            message["content"][index][place] += more[place]
        case {"type": "content_block_stop", "index": index}:
            assert index == len(message["content"]) - 1
        case {"type": "message_delta", "delta": delta, "usage": usage}:
            message |= {**delta, "usage": usage}
        case {"type": kind}:
            assert kind == "message_stop"


async def looks_whether_the_server_is_there(client: aiohttp.ClientSession) -> None:
    async with client.head("/", headers=HEADERS) as response:
        assert response.status == 200


async def lists_models(client: aiohttp.ClientSession, listed: str) -> None:
    async with client.get("/v1/models?limit=1000", headers=HEADERS) as response:
        told = await response.json()
    assert response.status == 200
    assert told["has_more"] is False
    assert {"model"} == {each["type"] for each in told["data"]}
    assert listed in {each["id"] for each in told["data"]}


async def asks_for_its_quota(client: aiohttp.ClientSession, model: str) -> None:
    body = {"model": model, "max_tokens": 1, "messages": [{"role": "user", "content": "quota"}]}
    answer = await ask(client, "/v1/messages", body)
    assert (answer["type"], answer["role"]) == ("message", "assistant")


async def counts_its_tools(client: aiohttp.ClientSession, model: str) -> int:
    body = {"model": model, "messages": [{"role": "user", "content": "foo"}], "tools": TOOLS}
    counted = await ask(client, "/v1/messages/count_tokens", body)
    assert set(counted) == {"input_tokens"}
    return int(counted["input_tokens"])


async def asks(client: aiohttp.ClientSession, model: str, **more: Any) -> dict[str, Any]:
    """The first turn; the message that calls a tool."""
    message = await stream(client, turn(model, [QUESTION, AGENTS], "fa6", **more))
    assert message["stop_reason"] == "tool_use", message
    called = message["content"][-1]
    assert (called["type"], called["name"], type(called["input"])) == ("tool_use", "Read", dict)
    return message


async def brings(
    client: aiohttp.ClientSession, model: str, called: dict[str, Any], *blocks: Any, **more: Any
) -> dict[str, Any]:
    """The turn after: what was said before, thoughts and signatures with it, and what the tool gave."""
    assistant = {"role": "assistant", "content": called["content"]}
    messages = [QUESTION, AGENTS, assistant, result(FOUND, *blocks)]
    message = await stream(client, turn(model, messages, "0aa", **more))
    assert message["stop_reason"] in {"end_turn", "max_tokens"}
    assert message["usage"]["output_tokens"] > 0
    return message


async def makes_a_title(client: aiohttp.ClientSession, model: str) -> None:
    """What is asked of the small model on the side."""
    asked = [{"role": "user", "content": [{"type": "text", "text": "<session>\nWhat is in hello.txt?\n</session>"}]}]
    body = turn(model, asked, tools=[], output_config={"effort": "high", "format": TITLE_FORMAT})
    del body["thinking"], body["context_management"]
    message = await stream(client, body)
    said = message["content"][-1]
    assert (said["type"], set(json.loads(said["text"]))) == ("text", {"title"})


async def has_a_session(client: aiohttp.ClientSession, model: str, listed: str) -> None:
    """All of it, in order."""
    await looks_whether_the_server_is_there(client)
    await lists_models(client, listed)
    await asks_for_its_quota(client, model)
    assert await counts_its_tools(client, model) > 0
    await brings(client, model, await asks(client, model))
    await makes_a_title(client, model)
