"""What Claude Code sends in a session, shortened: a probe, a count, a turn that calls a tool, and the tool's result."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from arriero.types.chat import ChatPrompt
from tests.contract.models import golden_engines, store_golden_models
from tests.serving import FakeLoader, Running, running_server

HEADERS = {
    "anthropic-version": "2023-06-01",
    "anthropic-beta": "claude-code-20250219,interleaved-thinking-2025-05-14",
    "x-api-key": "any",
    "user-agent": "claude-cli/2.1.177 (external, cli)",
}
EPHEMERAL = {"type": "ephemeral"}
TOOLS = [
    {
        "name": "Read",
        "description": "Reads a file",
        "input_schema": {
            "$schema": "http://json-schema.org/draft-07/schema#",
            "type": "object",
            "properties": {"file_path": {"type": "string"}},
            "required": ["file_path"],
            "additionalProperties": False,
        },
    },
    {"name": "Glob", "description": "Finds files", "input_schema": {"type": "object", "properties": {}}},
]
TURN = {
    "role": "user",
    "content": [
        {"type": "text", "text": "<system-reminder>be brief</system-reminder>"},
        {"type": "text", "text": "read the file", "cache_control": EPHEMERAL},
    ],
}


# A body is JSON.
def turn(messages: list[Any], nonce: str) -> dict[str, Any]:
    return {
        "model": "tool",
        "messages": messages,
        "system": [
            {
                "type": "text",
                "text": f"x-anthropic-billing-header: cc_version=2.1.177; cc_entrypoint=cli; cch={nonce};",
            },
            {"type": "text", "text": "You are Claude Code.", "cache_control": EPHEMERAL},
            {"type": "text", "text": "\nBe careful.", "cache_control": EPHEMERAL},
        ],
        "tools": TOOLS,
        "metadata": {"user_id": '{"session_id":"1"}'},
        "max_tokens": 32000,
        "thinking": {"type": "adaptive"},
        "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
        "output_config": {"effort": "medium"},
        "stream": True,
    }


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Running]:
    async with running_server(store_golden_models(tmp_path), FakeLoader(golden_engines())) as server:
        yield server


# Answers are JSON.
async def ask(server: Running, path: str, body: dict[str, Any]) -> Any:
    async with server.client.post(f"{path}?beta=true", json=body, headers=HEADERS) as response:
        assert response.status == 200
        assert response.content_type == "application/json"
        return await response.json()


async def stream(server: Running, body: dict[str, Any]) -> list[dict[str, Any]]:
    async with server.client.post("/v1/messages?beta=true", json=body, headers=HEADERS) as response:
        assert response.status == 200
        lines = (await response.text()).splitlines()
    return [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]


async def test_a_probe(server: Running) -> None:
    probe = {"model": "gen", "max_tokens": 1, "messages": [{"role": "user", "content": "quota"}]}
    assert (await ask(server, "/v1/messages", probe))["role"] == "assistant"


async def test_a_count(server: Running) -> None:
    body = {"model": "tool", "messages": [{"role": "user", "content": "foo"}], "tools": TOOLS}
    assert await ask(server, "/v1/messages/count_tokens", body) == {"input_tokens": 1}


async def test_a_tool_is_called_and_answers(server: Running) -> None:
    called = await stream(server, turn([TURN], "fa690"))
    [start] = [event["content_block"] for event in called if event["type"] == "content_block_start"]
    assert (start["type"], start["name"], start["input"]) == ("tool_use", "Read", {})
    [delta] = [event["delta"] for event in called if event["type"] == "content_block_delta"]
    assert delta == {"type": "input_json_delta", "partial_json": '{"location":"Boston"}'}
    assert called[-2]["delta"] == {"stop_reason": "tool_use", "stop_sequence": None}

    answered = [
        TURN,
        {"role": "assistant", "content": [{**start, "input": json.loads(delta["partial_json"])}]},
        {
            "role": "user",
            "content": [
                {
                    "tool_use_id": start["id"],
                    "type": "tool_result",
                    "content": "File does not exist.",
                    "is_error": True,
                    "cache_control": EPHEMERAL,
                }
            ],
        },
    ]
    await stream(server, turn(answered, "0aaa9"))
    first, second = (request.prompt for request in server.loader.loaded[-1].engine.requests)
    assert isinstance(first, ChatPrompt)
    assert isinstance(second, ChatPrompt)
    # All of the first prompt stands in front of the second one, as an engine's cache wants it.
    assert second.messages[: len(first.messages)] == first.messages
    assert first.messages[0].content == "You are Claude Code.\nBe careful."
    assert [turn.role for turn in second.messages] == ["system", "user", "assistant", "tool"]
    assert first.tools[0]["function"]["parameters"] == TOOLS[0]["input_schema"]
