"""Open WebUI's probes and chats, with a model and with a router."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.contract import open_webui
from tests.contract.agents import Agent, running_agent, running_routed_agent
from tests.contract.models import TEXT


@pytest.fixture
async def agent(tmp_path: Path) -> AsyncIterator[Agent]:
    async with running_agent(tmp_path) as agent:
        yield agent


async def test_a_session_with_a_model(agent: Agent) -> None:
    await open_webui.has_a_session(agent.client, agent.model, "agent:latest")


async def test_a_session_with_a_router(tmp_path: Path) -> None:
    async with running_routed_agent(tmp_path) as agent:
        await open_webui.has_a_session(agent.client, agent.model, "smart")


async def test_both_ways_say_the_same(agent: Agent) -> None:
    assert await open_webui.chats(agent.client, agent.model) == TEXT
    assert await open_webui.chats_as_openai(agent.client, agent.model) == TEXT


async def test_the_system_text_and_the_notes_of_openais_way_are_read(agent: Agent) -> None:
    await open_webui.chats_as_openai(agent.client, agent.model)
    assert [turn.role for turn in agent.prompts()[0].messages] == ["system", "user"]


async def test_a_model_can_be_stopped_out_of_the_list(agent: Agent) -> None:
    await open_webui.chats(agent.client, agent.model)
    assert await open_webui.looks_what_is_loaded(agent.client) == ["agent:latest"]
    await open_webui.stops_a_model(agent.client, agent.model)
    assert await open_webui.looks_what_is_loaded(agent.client) == []
