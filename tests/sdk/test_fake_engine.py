"""The scenarios with fake engines that say what real ones say."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import anthropic
import openai
import pytest

from arriero.engines.fake import FakeEngine, Script
from arriero.errors import EngineDied
from arriero.server.app import Access
from arriero.store.layout import Store
from tests.contract.models import INFILL_TOKENS, THINKING_TEMPLATE, TOOL_TEMPLATE, add_layer
from tests.factories_store import stored, tiny_gguf
from tests.sdk.clients import anthropic_client, openai_client
from tests.sdk.every import SCENARIOS
from tests.sdk.imitation import Imitation
from tests.sdk.interruptions import BROKEN, LEFT, Breaking, Leaving, until
from tests.sdk.javascript import CLIENTS, CannotInstall, JavaScript, play
from tests.sdk.questions import ENDLESS
from tests.sdk.scenario import Scenario, Served
from tests.serving import FakeLoader, Running, running_server

# Ends each answer after a word.
BREAKING = Script((("The",), (" capital",)), error=EngineDied("the engine went away"), fail_after=1)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("sdk")
    store = Store(root / "models")
    stored(store, "plain")
    stored(store, "breaking")
    stored(store, "able", {"tokenizer.chat_template": TOOL_TEMPLATE + THINKING_TEMPLATE})
    stored(store, "skilled", {"tokenizer.chat_template": TOOL_TEMPLATE, **INFILL_TOKENS})
    projector = tiny_gguf(root / "projector", {"clip.has_vision_encoder": True}, architecture="clip")
    add_layer(store, stored(store, "seeing"), "projector", projector.read_bytes())
    return root


@pytest.fixture
def plain() -> Imitation:
    return Imitation()


@pytest.fixture
async def server(root: Path, plain: Imitation) -> AsyncIterator[Running]:
    engines: dict[str, FakeEngine] = {
        "plain:latest": plain,
        "able:latest": Imitation(thinks=True),
        "skilled:latest": Imitation(),
        "seeing:latest": Imitation(),
        "breaking:latest": FakeEngine(BREAKING),
    }
    async with running_server(root, FakeLoader(engines)) as server:
        yield server


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
async def test_it_holds(scenario: Scenario, server: Running) -> None:
    assert await scenario.play(Served(server.url, scenario.part))


@pytest.mark.models
@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.package)
async def test_it_holds_of_clients_for_javascript(client: JavaScript, server: Running) -> None:
    plain, able, breaking = (Served(server.url, model) for model in ("plain", "able", "breaking"))
    try:
        assert await asyncio.to_thread(play, client, plain, able, breaking=breaking)
    except CannotInstall as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("broken", BROKEN)
async def test_an_engine_that_fails_in_mid_answer_is_told(broken: Breaking, server: Running, plain: Imitation) -> None:
    assert "the engine went away" in await broken(Served(server.url, "plain"), plain.break_off)


@pytest.mark.parametrize("left", LEFT)
async def test_who_leaves_frees_the_slot(left: Leaving, server: Running, plain: Imitation) -> None:
    await left(Served(server.url, "plain"), lambda: plain.running > 0)
    assert plain.cancelled == 1


async def test_a_timeout_frees_the_slot(server: Running, plain: Imitation) -> None:
    async with openai_client(server.url).with_options(timeout=0.2) as client:
        with pytest.raises(openai.APITimeoutError):
            await client.responses.create(model="plain", input=ENDLESS)
    await until(lambda: plain.running == 0)
    turn: list[anthropic.types.MessageParam] = [{"role": "user", "content": ENDLESS}]
    async with anthropic_client(server.url).with_options(timeout=0.2) as other:
        with pytest.raises(anthropic.APITimeoutError):
            await other.messages.create(model="plain", max_tokens=10**6, messages=turn)
    await until(lambda: plain.running == 0)
    assert plain.cancelled == 2


async def test_a_wrong_key_is_told(root: Path) -> None:
    async with running_server(root, access=Access(api_key="secret")) as server:
        for key in ("any", "wrong"):
            async with openai_client(server.url, key) as client:
                with pytest.raises(openai.AuthenticationError):
                    await client.models.retrieve("plain")
            async with anthropic_client(server.url, key) as other:
                with pytest.raises(anthropic.AuthenticationError) as caught:
                    await other.messages.count_tokens(model="plain", messages=[{"role": "user", "content": "hi"}])
            assert caught.value.type == "authentication_error"
        async with openai_client(server.url, "secret") as client:
            assert (await client.models.retrieve("plain")).id == "plain"
