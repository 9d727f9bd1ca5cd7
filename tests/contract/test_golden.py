"""The golden cases of the Ollama API, by their numbers: ``pytest -k case_14``."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from arriero.server.app import Access
from arriero.server.origins import parse_origins
from tests.contract.case import Case
from tests.contract.cases_abilities import ABILITIES
from tests.contract.cases_anthropic import ANTHROPIC
from tests.contract.cases_dialects import DIALECTS
from tests.contract.cases_embed import EMBED
from tests.contract.cases_general import GENERAL
from tests.contract.cases_models import EMPTY_STORE, MODELS
from tests.contract.cases_openai import OPENAI
from tests.contract.cases_responses import RESPONSES
from tests.contract.cases_scheduling import SHORT_QUEUE
from tests.contract.cases_store import STORE
from tests.contract.cases_text import CHAT, GENERATE
from tests.contract.cases_transfer import TRANSFER
from tests.contract.models import golden_engines, store_golden_models
from tests.contract.not_yet import NOT_YET
from tests.serving import ROOMY, FakeLoader, running_server

CASES = [*GENERAL, *GENERATE, *CHAT, *ABILITIES, *EMBED, *MODELS, *DIALECTS, *OPENAI, *RESPONSES, *ANTHROPIC]


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


@pytest.mark.parametrize("case", [*STORE, *TRANSFER], ids=name)
async def test_case_with_a_store_of_its_own(case: Case, tmp_path: Path) -> None:
    async with asyncio.timeout(10), running_server(store_golden_models(tmp_path)) as server:
        for step in case.steps:
            await step(server)


@pytest.mark.parametrize("case", SHORT_QUEUE, ids=name)
async def test_case_where_one_may_wait(case: Case, golden_root: Path) -> None:
    async with asyncio.timeout(10), running_server(golden_root, limits=replace(ROOMY, queue=1)) as server:
        for step in case.steps:
            await step(server)


@pytest.mark.parametrize("case", EMPTY_STORE, ids=name)
async def test_case_of_an_empty_store(case: Case, tmp_path: Path) -> None:
    async with asyncio.timeout(10), running_server(tmp_path) as server:
        for step in case.steps:
            await step(server)


def test_every_number_is_answered_or_waits_for_something() -> None:
    # 136 needs a server of its own.
    answered = {case.number for case in [*CASES, *STORE, *TRANSFER, *EMPTY_STORE, *SHORT_QUEUE]} | {136}
    assert answered | NOT_YET.keys() == set(range(1, 148))
    assert not answered & NOT_YET.keys()
