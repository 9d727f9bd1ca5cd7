"""The scenarios of official clients with arriero in front of vLLM and of SGLang, which serve SmolLM2.

Plain ones are named in ``ARRIERO_TEST_VLLM`` and ``ARRIERO_TEST_SGLANG`` (URLs), those that think and call tools in
``ARRIERO_TEST_THINKING_VLLM`` and ``ARRIERO_TEST_THINKING_SGLANG``; what is not named is started where it is installed.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack

import openai
import pytest

from tests.engines_live.servers import MODEL, EngineKind, is_installed, plain_engine, thinking_engine
from tests.engines_live.stages import front
from tests.sdk.every import SCENARIOS
from tests.sdk.javascript import CLIENTS, CannotInstall, JavaScript, play
from tests.sdk.openai_completions import EMBEDDINGS
from tests.sdk.scenario import Part, Scenario, Served

pytestmark = pytest.mark.engines

_VARIABLES: dict[Part, str] = {"plain": "ARRIERO_TEST", "able": "ARRIERO_TEST_THINKING"}
_STARTS: dict[Part, Callable[[EngineKind], AbstractContextManager[str]]] = {
    "plain": plain_engine,
    "able": thinking_engine,
}


class Fronts:
    """Arrieros in front of an engine, each of them started when it is first asked for."""

    def __init__(self, kind: EngineKind, stack: ExitStack) -> None:
        self._kind: EngineKind = kind
        self._stack = stack
        self._served: dict[Part, Served] = {}

    def served(self, part: Part) -> Served:
        """The model of this part. Skips where there is no such engine."""
        if part not in self._served:
            self._served[part] = Served(self._stack.enter_context(front(self._engine(part))).url, MODEL)
        return self._served[part]

    def _engine(self, part: Part) -> str:
        variable = f"{_VARIABLES[part]}_{self._kind.upper()}"
        if variable in os.environ:
            return os.environ[variable]
        if not is_installed(self._kind):
            pytest.skip(f"no {self._kind}: name its URL in {variable}")
        return self._stack.enter_context(_STARTS[part](self._kind))


@pytest.fixture(scope="module", params=["vllm", "sglang"])
def fronts(request: pytest.FixtureRequest) -> Iterator[Fronts]:
    with ExitStack() as stack:
        yield Fronts(request.param, stack)


@pytest.mark.parametrize("scenario", [each for each in SCENARIOS if each.part in _STARTS], ids=str)
async def test_it_holds(scenario: Scenario, fronts: Fronts) -> None:
    served = fronts.served(scenario.part)
    if scenario in EMBEDDINGS:
        with pytest.raises(openai.APIStatusError, match="does not support embeddings") as caught:
            await scenario.play(served)
        assert caught.value.status_code == 501
    else:
        assert await scenario.play(served)


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.package)
def test_it_holds_of_clients_for_javascript(client: JavaScript, fronts: Fronts) -> None:
    try:
        assert play(client, fronts.served("plain"), fronts.served("able"))
    except CannotInstall as error:
        pytest.skip(str(error))
