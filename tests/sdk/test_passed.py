"""OpenAI's client on an engine elsewhere: the same holds whether its streams are passed on or read."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from arriero.store.layout import Store
from arriero.types.upstreams import UpstreamSettings
from tests.factories_store import stored
from tests.sdk.clients import openai_client
from tests.sdk.imitation import Imitation
from tests.sdk.openai_chat import CHAT, TURN
from tests.sdk.openai_completions import COMPLETIONS
from tests.sdk.openai_failures import FAILURES
from tests.sdk.scenario import Scenario, Served
from tests.serving import FakeLoader, running_server
from tests.upstreams.served import serving_before

MODEL = "plain:latest"
SCENARIOS = [scenario for scenario in (*CHAT, *COMPLETIONS, *FAILURES) if scenario.part == "plain"]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("passed")
    stored(Store(root / "models"), MODEL)
    return root


@dataclass(frozen=True, slots=True)
class Before:
    """A server before an engine, which passes on or reads what comes from there."""

    url: str
    engine_url: str
    passes: bool


@pytest.fixture(params=[True, False], ids=["passed on", "read"])
async def before(root: Path, request: pytest.FixtureRequest) -> AsyncIterator[Before]:
    passes = bool(request.param)
    async with running_server(root, FakeLoader({MODEL: Imitation()})) as engine:
        settings = UpstreamSettings("engine", engine.url, "openai", capabilities=("completion",), passes=passes)
        async with serving_before(settings) as url:
            yield Before(url, engine.url, passes)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
async def test_it_holds_both_ways(scenario: Scenario, before: Before) -> None:
    assert await scenario.play(Served(before.url, MODEL))


async def test_what_is_passed_on_has_the_engines_own_ids(before: Before) -> None:
    ids = []
    for url in (before.engine_url, before.engine_url, before.url):
        async with openai_client(url) as client:
            stream = await client.chat.completions.create(model=MODEL, messages=TURN, stream=True)
            ids.append({chunk.id async for chunk in stream})
    assert ids == [{"chatcmpl-1"}, {"chatcmpl-2"}, {"chatcmpl-3" if before.passes else "chatcmpl-1"}]
