"""The golden cases, asked of real engines: SmolLM2 in place of the fake, as ``gen``, ``sys`` and ``think``."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from arriero.cli.launching import make_launcher, make_planner
from arriero.config import Config
from arriero.runners.residency import Limits
from arriero.runners.scheduler import Scheduler
from arriero.runners.worker import WorkerLoader
from arriero.server.app import Access, build_app
from arriero.store.blobs import Blobs
from arriero.store.fetch import fetch
from arriero.store.holds import Holds
from arriero.store.install import Parts, install
from arriero.store.layout import Layout, Store, layout_from
from arriero.store.library import Library
from arriero.types.names import parse_name
from tests.contract.case import Ask, Case, Expected
from tests.contract.cases_abilities import ABILITIES
from tests.contract.cases_general import GENERAL, gen_is_stopped
from tests.contract.cases_models import MODELS
from tests.contract.cases_text import CHAT, GENERATE
from tests.contract.matching import Either
from tests.contract.models import LONG_STORY, SYSTEM, TEXT, add_layer, store_golden_models
from tests.live.launching import MODEL
from tests.live.thinking import thinking_copy
from tests.serving import FakeLoader, Running, listening, services_of

pytestmark = pytest.mark.live

# What the fake engine was told to say, and what a real one may say in its place.
SCRIPTED = {TEXT, "".join(LONG_STORY[:10]), "Let me ", "Let me think."}
NOT_ASKED = {
    37: "SmolLM2 has no tokens for infill; test_qwen fills gaps",
    51: "the fake renders in a way of its own",
    57: "SmolLM2 calls no tools; test_qwen does",
    58: "as 57",
    59: "as 57",
    64: "the fake renders in a way of its own",
    67: "a real engine does not fail on demand",
    68: "a real engine does not fail on demand; test_processes kills one in mid-answer",
    70: "looks into the fake engine; test_generation hangs up on a real one",
    85: "looks for the vocabulary of the fixture",
}
CASES = [case for case in (*GENERAL, *GENERATE, *CHAT, *ABILITIES, *MODELS) if case.number not in NOT_ASKED]


# A pattern is JSON.
def relaxed(pattern: Any) -> Any:
    """The pattern without the fake engine's own words and numbers."""
    match pattern:
        case str():
            return "*" if pattern in SCRIPTED else pattern
        case list():
            return [relaxed(item) for item in pattern]
        case dict():
            found = {key: relaxed(value) for key, value in pattern.items()}
            if found.get("done_reason") == "stop":
                found["done_reason"] = Either(("stop", "length"))
            if "dropped_messages" in found:
                found["prompt_tokens"] = "<int>"
            if "modelfile" in found:
                found["parameters"] = "*"
            if "general.architecture" in found:
                found = {"general.architecture": "llama", "…": None}
            return found
        case Either(patterns):
            return Either(tuple(relaxed(each) for each in patterns))
        case _:
            return pattern


def for_real(case: Case) -> Case:
    def step_for_real(step: Any) -> Any:
        if not isinstance(step, Ask):
            return step
        expected: Expected = step.expected
        headers = {name: value for name, value in expected.headers.items() if name != "x-arriero-truncated"}
        return replace(step, expected=replace(expected, body=relaxed(expected.body), headers=headers))

    return replace(case, steps=tuple(step_for_real(step) for step in case.steps))


@pytest.fixture(scope="module")
def golden_root(model_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = store_golden_models(tmp_path_factory.mktemp("golden"))
    record = fetch(MODEL, layout_from({"ARRIERO_HOME": str(model_home)}), memory_bytes=1 << 30).record
    store = Store(root / "models")
    with record.path.open("rb") as weights:
        plain = Blobs(store.blobs).add_stream(weights)
    thinking = Blobs(store.blobs).adopt(thinking_copy(record.path, root / "thinking.gguf"))
    for name, blob in (("gen", plain), ("sys", plain), ("think", thinking)):
        path = install(store, parse_name(name), Parts(blob), Holds())
        add_layer(store, path, "params", '{"num_predict": 48, "temperature": 0}')
        if name == "sys":
            add_layer(store, path, "system", SYSTEM)
    return root


@asynccontextmanager
async def real_server(root: Path) -> AsyncIterator[Running]:
    # llama.cpp has no trouble with two or four.
    config = Config(context=1024, slots=3)
    library = Library(Layout(data=root, own=Store(root / "models")))
    scheduler = Scheduler(WorkerLoader(make_launcher(config), make_planner(config), 60.0), Limits())
    services = services_of(library, scheduler)
    async with (
        listening(build_app(services, Access(is_local=True))) as url,
        aiohttp.ClientSession(url) as client,
    ):
        yield Running(url, client, scheduler, FakeLoader(), services.pulls)


async def nothing_is_loaded(server: Running) -> None:
    """A real model takes a moment to go."""
    for _ in range(100):
        if not server.scheduler.statuses():
            return
        await asyncio.sleep(0.05)
    raise AssertionError("the model is still loaded")


async def test_the_golden_cases_hold_for_a_real_engine(golden_root: Path) -> None:
    failed = {}
    async with real_server(golden_root) as server:
        # The first two are about a server that has nothing loaded yet.
        for case in sorted(CASES, key=lambda case: case.number not in {82, 83}):
            try:
                async with asyncio.timeout(60):
                    for step in for_real(case).steps:
                        await (nothing_is_loaded if step is gen_is_stopped else step)(server)
            except (AssertionError, TimeoutError) as error:
                failed[case.name] = str(error) or repr(error)
    assert failed == {}
    assert len(CASES) > 60
