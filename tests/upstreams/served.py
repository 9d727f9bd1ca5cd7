"""Scenarios: the whole server with an engine elsewhere, asked over Ollama's API."""

import json
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

# Bodies and answers are JSON.
from typing import Any

import aiohttp

from arriero.engines.upstream.server import connect
from arriero.runners.carrier import Carriers
from arriero.runners.scheduler import Scheduler
from arriero.runners.upstreams import Upstreams
from arriero.server.app import Access, build_app
from arriero.store.layout import Layout, Store
from arriero.store.library import Library
from arriero.types.upstreams import UpstreamSettings
from tests.serving import ROOMY, FakeLoader, listening, services_of
from tests.upstreams.scenario import CAPITAL, MODEL, PARIS, Scenario, Situation

_PATIENCE_S = 30.0
_GREEDY = {"temperature": 0, "num_predict": 24}
_COUNT = [{"role": "user", "content": "Count from one to ten."}]


@asynccontextmanager
async def serving_before(settings: UpstreamSettings) -> AsyncIterator[str]:
    """The whole server with one engine elsewhere, and no model of its own; its address."""
    with tempfile.TemporaryDirectory() as folder:
        library = Library(Layout(data=Path(folder), own=Store(Path(folder) / "models")))
        scheduler = Scheduler(FakeLoader(), ROOMY)
        upstreams = Upstreams(connect, library.offer)
        carrier = Carriers({"process": scheduler, "upstream": upstreams})
        services = replace(services_of(library, scheduler), carrier=carrier, upstreams=upstreams)
        try:
            await upstreams.set_servers([settings], _PATIENCE_S)
            async with listening(build_app(services, Access())) as own:
                yield own
        finally:
            await carrier.aclose()


@asynccontextmanager
async def arriero_before(url: str) -> AsyncIterator[aiohttp.ClientSession]:
    """A client of the whole server with one engine elsewhere."""
    async with serving_before(UpstreamSettings("elsewhere", url)) as own, aiohttp.ClientSession(own) as client:
        yield client


async def _lines(client: aiohttp.ClientSession, path: str, body: Mapping[str, Any]) -> list[dict[str, Any]]:
    async with client.post(path, json={"model": MODEL, "options": _GREEDY, **body}) as answer:
        assert answer.status == 200, await answer.text()
        return [json.loads(line) for line in (await answer.read()).splitlines()]


async def served_models(at: Situation) -> None:
    """Its model is listed and shown, with what is known of it."""
    async with arriero_before(at.url) as client:
        async with client.get("/api/tags") as answer:
            listed = (await answer.json())["models"]
        async with client.post("/api/show", json={"model": MODEL}) as answer:
            shown = await answer.json()
    assert [model["name"].removesuffix(":latest") for model in listed] == [MODEL]
    assert "completion" in shown["capabilities"]
    architecture = shown["model_info"]["general.architecture"]
    assert shown["model_info"][f"{architecture}.context_length"] == 2048


async def served_chat(at: Situation) -> None:
    """A chat is answered line by line, and its last line counts."""
    async with arriero_before(at.url) as client:
        lines = await _lines(client, "/api/chat", {"messages": [{"role": "user", "content": CAPITAL}]})
    assert "".join(line["message"]["content"] for line in lines) == PARIS
    assert [line["done"] for line in lines] == [False] * (len(lines) - 1) + [True]
    assert (lines[-1]["prompt_eval_count"], lines[-1]["eval_count"]) == (36, 8)
    assert lines[-1]["done_reason"] == "stop"
    assert lines[-1]["total_duration"] > 0


async def served_generate(at: Situation) -> None:
    """``/api/generate`` goes through the model's template; raw, it does not."""
    async with arriero_before(at.url) as client:
        (templated,) = await _lines(client, "/api/generate", {"prompt": CAPITAL, "stream": False})
        options = {"temperature": 0, "num_predict": 4}
        body = {"prompt": "The sky is", "raw": True, "stream": False, "options": options}
        (raw,) = await _lines(client, "/api/generate", body)
    assert templated["response"] == PARIS
    assert raw["response"].startswith(" a canvas of")
    assert raw["done_reason"] == "length"


async def served_seed_options(at: Situation) -> None:
    """What broke the layer that arriero follows: a seed, no limit, more stop texts than four."""
    options = {"temperature": 0, "seed": 42, "num_predict": -1, "stop": ["a1", "b2", "c3", "d4", "e5", " Paris"]}
    async with arriero_before(at.url) as client:
        body = {"messages": [{"role": "user", "content": CAPITAL}], "options": options}
        lines = await _lines(client, "/api/chat", body)
    assert "".join(line["message"]["content"] for line in lines) == "The capital of France is"
    assert lines[-1]["done_reason"] == "stop"


async def served_death(at: Situation) -> None:
    """An engine that dies in the middle leaves an error line behind what it has said."""
    async with arriero_before(at.url) as client:
        lines = await _lines(client, "/api/chat", {"messages": _COUNT})
    assert "".join(line["message"]["content"] for line in lines[:-1])
    assert list(lines[-1]) == ["error"]


SERVED: Sequence[Scenario] = [
    Scenario(served_models),
    Scenario(served_chat),
    Scenario(served_generate),
    Scenario(served_seed_options),
    Scenario(served_death, cut_after=6),
]
