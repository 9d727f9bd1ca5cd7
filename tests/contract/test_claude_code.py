"""Claude Code's sessions, with a model and with a router, and the refusals that it knows what to do about."""

import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from arriero.types.chat import Message
from tests.contract import claude_code
from tests.contract.agents import ARGUMENTS, Agent, running_agent, running_routed_agent
from tests.contract.claude_code import AGENTS, QUESTION, TOOLS, ask, turn

PICTURE = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(16)).decode()
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PICTURE}}


@pytest.fixture
async def agent(tmp_path: Path) -> AsyncIterator[Agent]:
    async with running_agent(tmp_path) as agent:
        yield agent


async def test_a_session_with_a_model(agent: Agent) -> None:
    await claude_code.has_a_session(agent.client, agent.model, "agent:latest")


async def test_a_session_with_a_router(tmp_path: Path) -> None:
    async with running_routed_agent(tmp_path) as agent:
        await claude_code.has_a_session(agent.client, agent.model, "smart")


async def test_thoughts_come_back_with_their_signature(agent: Agent) -> None:
    called = await claude_code.asks(agent.client, agent.model)
    thought = called["content"][0]
    assert (thought["type"], thought["thinking"]) == ("thinking", "I must look.")
    assert thought["signature"]
    await claude_code.brings(agent.client, agent.model, called)
    assert agent.prompts()[1].messages[2].thinking == "I must look."


async def test_all_of_a_prompt_stands_in_front_of_the_next_one(agent: Agent) -> None:
    called = await claude_code.asks(agent.client, agent.model)
    await claude_code.brings(agent.client, agent.model, called)

    first, second = agent.prompts()
    # As an engine's cache wants it.
    assert second.messages[: len(first.messages)] == first.messages
    assert [turn.role for turn in second.messages] == ["system", "user", "assistant", "tool"]
    assert first.messages[0] == Message("system", "You are Claude Code.\nBe careful.")
    assert first.messages[1].content.endswith(
        "What is in hello.txt?\n\n<system-reminder>\nAvailable agents: none.\n</system-reminder>"
    )
    assert second.messages[2].tool_calls[0].arguments == ARGUMENTS
    assert first.tools[0]["function"]["parameters"] == TOOLS[0]["input_schema"]
    assert first.think == "high"


async def test_a_tool_may_bring_pictures_and_words(agent: Agent) -> None:
    called = await claude_code.asks(agent.client, agent.model)
    await claude_code.brings(agent.client, agent.model, called, IMAGE, {"type": "text", "text": "!"})
    given = agent.prompts()[1].messages[-1]
    assert (given.role, given.content, given.images) == ("tool", "mules love apples!", (PICTURE,))


async def test_a_tool_that_failed_is_told_with_what_the_user_says_then(agent: Agent) -> None:
    called = await claude_code.asks(agent.client, agent.model)
    failed = claude_code.result({"type": "text", "text": "no such file"}, is_error=True)
    failed["content"].append({"type": "text", "text": "try again"})
    messages = [QUESTION, AGENTS, {"role": "assistant", "content": called["content"]}, failed]
    await claude_code.stream(agent.client, turn(agent.model, messages))
    assert [(each.role, each.content) for each in agent.prompts()[1].messages[-2:]] == [
        ("tool", "no such file"),
        ("user", "try again"),
    ]


def with_result(*blocks: Any) -> list[Any]:
    use = {"type": "tool_use", "id": "call_1", "name": "Read", "input": ARGUMENTS}
    return [QUESTION, {"role": "assistant", "content": [use]}, claude_code.result(*blocks)]


LONG = [{"role": "user", "content": "word " * 5000}]
PDF = {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}}
SEARCH = {"type": "web_search_20250305", "name": "web_search", "max_uses": 8}


@pytest.mark.parametrize(
    ("body", "status", "kind", "words"),
    [
        # It says which model there is not, and how to choose another.
        (turn("nope", [QUESTION]), 404, "not_found_error", "model 'nope' not found"),
        # It makes a summary, and goes on with that.
        (turn("agent", LONG), 400, "invalid_request_error", "prompt is too long: 5006 tokens > 4096 maximum"),
        # It leaves the file out of what it sends next.
        (turn("agent", with_result(PDF)), 400, "invalid_request_error", "The PDF specified was not valid"),
        (turn("agent", with_result(IMAGE)), 400, "invalid_request_error", "Could not process image"),
        # It tells the model.
        (turn("agent", [QUESTION], tools=[SEARCH]), 400, "invalid_request_error", "this server runs no tools"),
    ],
)
async def test_a_refusal_that_it_knows_what_to_do_about(
    tmp_path: Path, body: dict[str, Any], status: int, kind: str, words: str
) -> None:
    async with running_agent(tmp_path, sees=False) as agent:
        told = await ask(agent.client, "/v1/messages", body, status)
    assert (told["type"], told["error"]["type"]) == ("error", kind)
    assert told["error"]["message"].startswith(words)
