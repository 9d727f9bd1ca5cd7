"""The golden cases of the Ollama API, by their numbers: ``pytest -k case_14``."""

import asyncio
from pathlib import Path

import pytest

from arriero.server.app import Access
from arriero.server.origins import parse_origins
from tests.contract.case import Case
from tests.contract.cases_dialects import DIALECTS
from tests.contract.cases_general import GENERAL
from tests.contract.cases_models import EMPTY_STORE, MODELS
from tests.contract.cases_text import CHAT, GENERATE
from tests.contract.models import golden_engines, store_golden_models
from tests.contract.not_yet import NOT_YET
from tests.serving import FakeLoader, running_server

CASES = [*GENERAL, *GENERATE, *CHAT, *MODELS, *DIALECTS]


def name(case: Case) -> str:
    return case.name


@pytest.fixture(scope="module")
def golden_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return store_golden_models(tmp_path_factory.mktemp("golden"))


@pytest.mark.parametrize("case", CASES, ids=name)
async def test_case(case: Case, golden_root: Path) -> None:
    async with (
        asyncio.timeout(10),
        running_server(golden_root, FakeLoader(golden_engines()), access=Access(is_local=True)) as server,
    ):
        for step in case.steps:
            await step(server)


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost"])
async def test_case_136_every_origin(golden_root: Path, origin: str) -> None:
    access = Access(origins=parse_origins(["*"]))
    async with (
        running_server(golden_root, access=access) as server,
        server.client.get("/api/tags", headers={"Origin": origin}) as response,
    ):
        assert (response.status, response.headers["Access-Control-Allow-Origin"]) == (200, "*")


@pytest.mark.parametrize("case", EMPTY_STORE, ids=name)
async def test_case_of_an_empty_store(case: Case, tmp_path: Path) -> None:
    async with asyncio.timeout(10), running_server(tmp_path) as server:
        for step in case.steps:
            await step(server)


def test_every_number_is_answered_or_waits_for_something() -> None:
    # 136 needs a server of its own.
    answered = {case.number for case in [*CASES, *EMPTY_STORE]} | {136}
    assert answered | NOT_YET.keys() == set(range(1, 148))
    assert not answered & NOT_YET.keys()
