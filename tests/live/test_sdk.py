"""The scenarios of official clients with the embedded engine: SmolLM2, the same made to think, and Qwen."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from arriero.store.layout import layout_from
from arriero.store.library import Library
from tests.engines_live.servers import TEMPLATE
from tests.live.launching import MODEL, Server, launched
from tests.live.models import qwen
from tests.live.seeing import SEEING, seeing_server
from tests.sdk.every import SCENARIOS
from tests.sdk.interruptions import BROKEN, LEFT, Breaking, Leaving
from tests.sdk.javascript import CLIENTS, CannotInstall, JavaScript, play
from tests.sdk.scenario import Part, Scenario, Served

pytestmark = pytest.mark.live

NAME = "smollm2"
PARTS: Sequence[Part] = ("plain", "able")


@pytest.fixture(scope="module")
def small(model_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[Part, Server]]:
    """SmolLM2 under its own template, and under one that shows it how to think and to call tools."""
    weights = Library(layout_from({"ARRIERO_HOME": str(model_home)})).find(MODEL).path
    flags = ("--model", str(weights), "--served-model-name", NAME, "--context-length", "2048")
    with ExitStack() as stack:
        yield {
            "plain": stack.enter_context(launched(tmp_path_factory.mktemp("plain"), *flags)),
            "able": stack.enter_context(
                launched(tmp_path_factory.mktemp("able"), *flags, "--chat-template", str(TEMPLATE))
            ),
        }


@pytest.fixture(scope="module")
def skilled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    flags = ("--model", str(qwen()), "--served-model-name", "qwen", "--context-length", "4096")
    with launched(tmp_path_factory.mktemp("skilled"), *flags) as server:
        yield server


@pytest.fixture(scope="module")
def seeing(model_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with seeing_server(model_home, tmp_path_factory.mktemp("seeing")) as server:
        yield server


@pytest.mark.parametrize("scenario", [each for each in SCENARIOS if each.part in PARTS], ids=str)
async def test_it_holds(scenario: Scenario, small: Mapping[Part, Server]) -> None:
    assert await scenario.play(Served(small[scenario.part].url, NAME))


@pytest.mark.parametrize("scenario", [each for each in SCENARIOS if each.part == "seeing"], ids=str)
async def test_it_holds_of_a_model_that_sees(scenario: Scenario, seeing: Server) -> None:
    assert await scenario.play(Served(seeing.url, SEEING))


@pytest.mark.models
@pytest.mark.parametrize("scenario", [each for each in SCENARIOS if each.part == "skilled"], ids=str)
async def test_it_holds_of_a_larger_model(scenario: Scenario, skilled: Server) -> None:
    assert await scenario.play(Served(skilled.url, "qwen"))


@pytest.mark.models
@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.package)
def test_it_holds_of_clients_for_javascript(client: JavaScript, small: Mapping[Part, Server]) -> None:
    plain, able = (Served(small[part].url, NAME) for part in PARTS)
    try:
        assert play(client, plain, able)
    except CannotInstall as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("left", LEFT)
async def test_who_leaves_frees_the_slot(left: Leaving, small: Mapping[Part, Server]) -> None:
    await left(Served(small["plain"].url, NAME), small["plain"].works)


@pytest.mark.parametrize("broken", BROKEN)
async def test_an_engine_that_fails_in_mid_answer_is_told(broken: Breaking, small: Mapping[Part, Server]) -> None:
    assert await broken(Served(small["plain"].url, NAME), small["plain"].kill_workers)
