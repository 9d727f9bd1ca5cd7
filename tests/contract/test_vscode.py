"""VS Code's contract, with a model and with a router."""

import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.contract import vscode
from tests.contract.agents import Agent, running_agent, running_routed_agent
from tests.contract.models import TEXT
from tests.contract.vscode import QUESTION, Listed

PICTURE = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(16)).decode()


@pytest.fixture
async def agent(tmp_path: Path) -> AsyncIterator[Agent]:
    async with running_agent(tmp_path) as agent:
        yield agent


async def test_a_session_with_a_model(agent: Agent) -> None:
    await vscode.has_a_session(agent.client, "agent:latest")


async def test_a_session_with_a_router(tmp_path: Path) -> None:
    async with running_routed_agent(tmp_path) as agent:
        await vscode.has_a_session(agent.client, "smart")


async def test_the_picker_shows_what_a_model_can(agent: Agent) -> None:
    shown = await vscode.lists_models(agent.client)
    assert shown == {"agent:latest": Listed("agent:latest", "agent:latest", 128, calls_tools=True, sees=True)}


async def test_the_picker_shows_what_both_models_of_a_router_can(tmp_path: Path) -> None:
    async with running_routed_agent(tmp_path) as agent:
        shown = (await vscode.lists_models(agent.client))["smart"]
    assert (shown.name, shown.calls_tools, shown.sees) == ("smart", True, True)


async def test_what_a_tool_gave_may_be_parts(agent: Agent) -> None:
    called = await vscode.chats(agent.client, agent.model, QUESTION)
    content: list[Any] = [{"type": "text", "text": "mules "}, {"type": "text", "text": "love apples"}]
    answered = await vscode.chats(agent.client, agent.model, vscode.with_result(called, content=content))
    assert answered.text == TEXT
    last = agent.prompts()[-1].messages[-1]
    assert (last.role, last.content, last.tool_call_id) == ("tool", "mules \nlove apples", "call_1")


async def test_a_picture_comes_inside_the_question(agent: Agent) -> None:
    url = {"url": f"data:image/png;base64,{PICTURE}", "detail": "low"}
    asked = [{"role": "user", "content": [{"type": "text", "text": "?"}, {"type": "image_url", "image_url": url}]}]
    await vscode.chats(agent.client, agent.model, asked)
    assert agent.prompts()[-1].messages[-1].images == (PICTURE,)


async def test_a_model_without_tools_is_talked_to_all_the_same(agent: Agent) -> None:
    said = await vscode.chats(agent.client, agent.model, QUESTION, tools=None, tool_choice=None)
    assert (said.text, said.finish_reason) == (TEXT, "stop")
