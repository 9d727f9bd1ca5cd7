"""Servers for what clients send: a model, or a router over two, that thinks, calls the first tool once, and answers."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from arriero.engines.fake import FakeEngine, Script
from arriero.store.layout import Store
from arriero.types.chat import ChatPrompt, TextRequest, ToolCall
from arriero.types.events import ThinkingDelta, ToolCallDelta
from tests.contract.models import PIECES, THINKING_TEMPLATE, TOOL_TEMPLATE
from tests.factories_store import stored
from tests.server.routers import running_router, store_models
from tests.serving import FakeLoader, running_server

ARGUMENTS = {"file_path": "/tmp/hello.txt"}


@dataclass(frozen=True, slots=True)
class Agent:
    """A server, what its model is called, and the engines behind that."""

    client: aiohttp.ClientSession
    model: str
    engines: tuple[FakeEngine, ...]

    def prompts(self) -> list[ChatPrompt]:
        """What the first engine was asked, in order."""
        return [request.prompt for request in self.engines[0].requests if isinstance(request.prompt, ChatPrompt)]


@asynccontextmanager
async def running_agent(root: Path, *, sees: bool = True, context: int = 4096) -> AsyncIterator[Agent]:
    """Serve ``agent``, a model that does all of it."""
    template = TOOL_TEMPLATE + THINKING_TEMPLATE
    sight = {"llama.vision.block_count": 1} if sees else {}
    stored(Store(root / "models"), "agent", {"tokenizer.chat_template": template, **sight})
    engine = FakeEngine(answer, context=context)
    async with running_server(root, FakeLoader({"agent:latest": engine})) as server:
        yield Agent(server.client, "agent", (engine,))


@asynccontextmanager
async def running_routed_agent(root: Path) -> AsyncIterator[Agent]:
    """Serve ``smart``, whose small model calls tools, and whose big one thinks and sees."""
    async with running_router(store_models(root)) as served:
        served.local.script = served.remote.script = answer
        yield Agent(served.client, "smart", (served.local, served.remote))


def answer(request: TextRequest) -> Script:
    """Thoughts where they are wanted; then a call of the first tool, JSON, or a text."""
    prompt = request.prompt
    assert isinstance(prompt, ChatPrompt)
    thoughts = ((ThinkingDelta("I must "), ThinkingDelta("look.")),) if prompt.think else ()
    if prompt.tools and not any(turn.role == "tool" for turn in prompt.messages):
        call = ToolCall(prompt.tools[0]["function"]["name"], ARGUMENTS, "call_1")
        return Script((*thoughts, ("I look.",), (ToolCallDelta(0, call),)))
    return Script((*thoughts, *((('{"title": "Words"}',),) if request.json_format else PIECES)))
