"""What agents and pages send, with the embedded engine: SmolLM2 under a template that shows it how to call tools."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest

from arriero.store.layout import layout_from
from arriero.store.library import Library
from tests.contract import claude_code, open_webui, vscode
from tests.engines_live.servers import TEMPLATE
from tests.live.launching import MODEL, Server, launched

pytestmark = pytest.mark.live

NAME = "agent"
CONTEXT = 2048
# So small a model calls a tool only where it must, and does not come to an end by itself.
SHORT = {"max_tokens": 64, "options": {"temperature": 0}}


@pytest.fixture(scope="module")
def able(model_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    weights = Library(layout_from({"ARRIERO_HOME": str(model_home)})).find(MODEL).path
    flags = ("--model", str(weights), "--served-model-name", NAME, "--context-length", str(CONTEXT))
    with launched(tmp_path_factory.mktemp("clients"), *flags, "--chat-template", str(TEMPLATE)) as server:
        yield server


@pytest.fixture
async def client(able: Server) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(able.url) as client:
        yield client


async def test_claude_code_has_a_session(client: aiohttp.ClientSession) -> None:
    await claude_code.looks_whether_the_server_is_there(client)
    await claude_code.lists_models(client, NAME)
    await claude_code.asks_for_its_quota(client, NAME)
    assert await claude_code.counts_its_tools(client, NAME) > 100
    quick = {"thinking": {"type": "disabled"}, **SHORT}
    called = await claude_code.asks(client, NAME, tool_choice={"type": "tool", "name": "Read"}, **quick)
    answered = await claude_code.brings(client, NAME, called, **quick)
    # The first turn's prompt, the call and what it gave come out of the cache, but for what is new.
    assert answered["usage"]["cache_read_input_tokens"] > answered["usage"]["input_tokens"]


async def test_claude_code_is_told_when_to_make_room(client: aiohttp.ClientSession) -> None:
    long = claude_code.turn(NAME, [{"role": "user", "content": "word " * CONTEXT}])
    told = await claude_code.ask(client, "/v1/messages", long, status=400)
    assert told["error"]["message"].startswith("prompt is too long: ")
    assert f" tokens > {CONTEXT} maximum" in told["error"]["message"]


async def test_vs_code_has_a_session(client: aiohttp.ClientSession) -> None:
    shown = (await vscode.lists_models(client))[NAME]
    assert (shown.name, shown.calls_tools, shown.sees) == (NAME, True, False)
    assert NAME in await vscode.lists_models_as_openai(client)
    called = await vscode.chats(client, NAME, vscode.QUESTION, tool_choice="required", **SHORT)
    [call] = called.calls
    assert (call["function"]["name"], called.finish_reason) == ("read_file", "tool_calls")
    answered = await vscode.chats(client, NAME, vscode.with_result(called), tool_choice="none", **SHORT)
    assert answered.text
    assert answered.usage["prompt_tokens_details"]["cached_tokens"] > 0


async def test_open_webui_has_a_session(client: aiohttp.ClientSession) -> None:
    await open_webui.looks_whether_the_server_is_there(client)
    await open_webui.lists_models(client, NAME)
    assert await open_webui.looks_what_is_loaded(client) == [NAME]
    assert await open_webui.chats_as_openai(client, NAME, **SHORT)
