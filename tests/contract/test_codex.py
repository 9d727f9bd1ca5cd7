"""What Codex CLI 0.169 sends in a session, shortened: a turn that calls tools, and what they gave, packed or not."""

import json
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from arriero.engines.fake import FakeEngine, Script
from arriero.store.layout import Store
from arriero.types.chat import ChatPrompt, Message, ToolCall
from arriero.types.events import ThinkingDelta, ToolCallDelta
from tests.contract.models import THINKING_TEMPLATE, TOOL_TEMPLATE
from tests.factories_store import stored
from tests.serving import FakeLoader, Running, running_server

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

HEADERS = {
    "authorization": "Bearer any",
    "accept": "text/event-stream",
    "originator": "codex_exec",
    "user-agent": "codex_exec/0.169.0 (Debian 12.0.0; x86_64)",
}
OBJECT = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
TOOLS = [
    {"type": "function", "name": "exec_command", "description": "Runs it", "strict": False, "parameters": OBJECT},
    {
        "type": "namespace",
        "name": "multi_agent_v1",
        "description": "Other agents",
        "tools": [
            {
                "type": "function",
                "name": "close_agent",
                "description": "Ends one",
                "strict": False,
                "parameters": OBJECT,
            }
        ],
    },
    {
        "type": "custom",
        "name": "apply_patch",
        "description": "Edits files",
        "format": {"type": "grammar", "syntax": "lark", "definition": "start: WORD"},
    },
    {"type": "web_search", "external_web_access": True},
]
CALLS = [
    ToolCall("exec_command", {"cmd": "cat hello.txt"}, "call_1"),
    ToolCall("multi_agent_v1.close_agent", {"target": "a"}, "call_2"),
    ToolCall("apply_patch", {"input": "*** Begin Patch"}, "call_3"),
]
CALLING = Script(
    ((ThinkingDelta("Let me see."),), ("I look ", "at it."), [ToolCallDelta(n, c) for n, c in enumerate(CALLS)])
)


def said(role: str, *texts: str) -> dict[str, Any]:
    parts = [{"type": "input_text", "text": text} for text in texts]
    return {"type": "message", "id": "msg_01a20261", "role": role, "content": parts}


TURN = [
    said("developer", "You are a coding agent."),
    said("developer", "<skills_instructions>none</skills_instructions>", "<permissions>all</permissions>"),
    said("user", "<environment_context>\n  <cwd>/tmp</cwd>\n</environment_context>"),
    said("user", "What is in hello.txt?"),
]


# A body is JSON.
def turn(items: list[Any]) -> dict[str, Any]:
    return {
        "model": "agent",
        "stream": True,
        "input": items,
        "tools": TOOLS,
        "tool_choice": "auto",
        "parallel_tool_calls": True,
        "reasoning": {"summary": "auto"},
        "store": False,
        "include": ["reasoning.encrypted_content"],
        "prompt_cache_key": "01a20261-ea95-7ff3-ab87-7f25ec947613",
        "client_metadata": {"session_id": "01a20261"},
    }


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine(CALLING)


@pytest.fixture
async def server(tmp_path: Path, engine: FakeEngine) -> AsyncIterator[Running]:
    stored(Store(tmp_path / "models"), "agent", {"tokenizer.chat_template": TOOL_TEMPLATE + THINKING_TEMPLATE})
    async with running_server(tmp_path, FakeLoader({"agent:latest": engine})) as server:
        yield server


async def stream(server: Running, body: bytes, headers: Mapping[str, str] = HEADERS) -> list[dict[str, Any]]:
    headers = {**headers, "content-type": "application/json"}
    async with server.client.post("/v1/responses", data=body, headers=headers) as response:
        assert response.status == 200
        assert response.headers["x-arriero-ignored"] == "tools.web_search"
        lines = (await response.text()).splitlines()
    return [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]


def prompt_of(engine: FakeEngine) -> ChatPrompt:
    prompt = engine.requests[-1].prompt
    assert isinstance(prompt, ChatPrompt)
    return prompt


async def test_tools_are_called_and_answer(server: Running, engine: FakeEngine) -> None:
    called = await stream(server, json.dumps(turn(TURN)).encode())
    # Of a stream, Codex keeps what these events have.
    items = [event["item"] for event in called if event["type"] == "response.output_item.done"]
    assert [item["type"] for item in items] == [
        "reasoning",
        "message",
        "function_call",
        "function_call",
        "custom_tool_call",
    ]
    assert (items[3]["name"], items[3]["namespace"], items[4]["input"]) == (
        "close_agent",
        "multi_agent_v1",
        "*** Begin Patch",
    )
    assert called[-1]["type"] == "response.completed"
    assert called[-1]["response"]["usage"]["total_tokens"] == 14

    engine.script = Script()
    results = [
        {"type": "function_call_output", "id": "fco_1", "call_id": "call_1", "output": "mules love apples"},
        {
            "type": "function_call_output",
            "id": "fco_2",
            "call_id": "call_2",
            "output": [{"type": "input_text", "text": "closed"}],
        },
        {"type": "custom_tool_call_output", "id": "ctco_3", "call_id": "call_3", "output": "done"},
    ]
    first = prompt_of(engine)
    body = json.dumps(turn([*TURN, *items, *results])).encode()
    await stream(server, zstd.compress(body), {**HEADERS, "content-encoding": "zstd"})

    second = prompt_of(engine)
    # All of the first prompt stands in front of the second one, as an engine's cache wants it.
    assert second.messages[: len(first.messages)] == first.messages
    assert second.messages[len(first.messages) :] == (
        Message("assistant", "I look at it.", "Let me see.", tool_calls=tuple(CALLS)),
        Message("tool", "mules love apples", tool_name="exec_command", tool_call_id="call_1"),
        Message("tool", "closed", tool_name="multi_agent_v1.close_agent", tool_call_id="call_2"),
        Message("tool", "done", tool_name="apply_patch", tool_call_id="call_3"),
    )


async def test_the_sides_alternate_as_templates_want_it(server: Running, engine: FakeEngine) -> None:
    await stream(server, json.dumps(turn(TURN)).encode())
    prompt = prompt_of(engine)
    assert [message.role for message in prompt.messages] == ["system", "user"]
    assert prompt.messages[0].content.startswith("You are a coding agent.\n\n<skills_instructions>")
    assert [tool["function"]["name"] for tool in prompt.tools] == [
        "exec_command",
        "multi_agent_v1.close_agent",
        "apply_patch",
    ]


async def test_a_conversation_that_is_too_long_is_told_by_its_code(server: Running, engine: FakeEngine) -> None:
    engine.context = 4
    async with server.client.post("/v1/responses", json=turn(TURN), headers=HEADERS) as response:
        assert response.status == 400
        assert (await response.json())["error"]["code"] == "context_length_exceeded"
