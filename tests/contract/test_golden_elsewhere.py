"""The golden cases of OpenAI's and Anthropic's API, on an engine elsewhere whose streams are passed on, or read."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

# Patterns and bodies are JSON.
from typing import Any

import aiohttp
import pytest

from arriero.types.upstreams import UpstreamSettings
from tests.contract.case import Ask, Case
from tests.contract.cases_anthropic import ANTHROPIC
from tests.contract.cases_dialects import DIALECTS
from tests.contract.cases_openai import OPENAI
from tests.contract.cases_responses import RESPONSES
from tests.contract.models import golden_engines, store_golden_models
from tests.serving import FakeLoader, running_server
from tests.upstreams.served import serving_before

A_8 = range(104, 130)
# What a server with OpenAI's API lists it as: only streams under this very name are passed on.
LISTED = "gen:latest"


def renamed(pattern: Any) -> Any:
    """A body or pattern with the model under the name that it is listed by."""
    match pattern:
        case "gen":
            return LISTED
        case dict():
            return {key: renamed(value) for key, value in pattern.items()}
        case list():
            return [renamed(each) for each in pattern]
        case _:
            return pattern


def asks(case: Case) -> list[Ask]:
    """The requests of a case, where they are all for a model that only writes text, or for none."""
    found = [step for step in case.steps if isinstance(step, Ask) and step.method == "POST"]
    models = [ask.body.get("model") for ask in found if isinstance(ask.body, dict)]
    return found if len(found) == len(case.steps) and {"gen", "nope"}.issuperset(models) else []


CASES = [case for case in (*DIALECTS, *OPENAI, *RESPONSES, *ANTHROPIC) if case.number in A_8 and asks(case)]


@dataclass(frozen=True, slots=True)
class Front:
    """What a request of a golden case is sent to."""

    client: aiohttp.ClientSession


@pytest.fixture(params=[True, False], ids=["passed on", "read"])
async def front(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Front]:
    async with running_server(store_golden_models(tmp_path), FakeLoader(golden_engines())) as engine:
        settings = UpstreamSettings("golden", engine.url, "openai", capabilities=("completion",), passes=request.param)
        async with serving_before(settings) as url, aiohttp.ClientSession(url) as client:
            yield Front(client)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_case_elsewhere(case: Case, front: Front) -> None:
    async with asyncio.timeout(10):
        for ask in asks(case):
            expected = replace(ask.expected, body=renamed(ask.expected.body))
            await replace(ask, body=renamed(ask.body), expected=expected)(front)


def test_the_streams_of_chat_are_among_them() -> None:
    assert {case.number for case in CASES} >= {104, 105, 106, 107, 109, 110, 111, 114, 115, 121, 122, 124, 125, 126}
