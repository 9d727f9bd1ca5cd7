import asyncio
import json
from pathlib import Path

import aiohttp

from arriero.engines.fake import FakeEngine, Script, prompt_text
from arriero.store.layout import Store
from tests.factories_store import stored
from tests.serving import FakeLoader, running_server

CLIENTS = 32
PIECES = 20


def words(prompt: str) -> list[str]:
    return [f"{prompt}.{at} " for at in range(PIECES)]


async def ask(client: aiohttp.ClientSession, prompt: str) -> str:
    async with client.post("/api/generate", json={"model": "gen", "prompt": prompt}) as response:
        lines = [json.loads(line) for line in (await response.read()).splitlines()]
    assert lines[-1]["done"] is True
    return "".join(line["response"] for line in lines)


async def test_every_client_gets_its_own_text_whole_and_in_order(tmp_path: Path) -> None:
    stored(Store(tmp_path / "models"), "gen")
    engine = FakeEngine(lambda request: Script([(word,) for word in words(prompt_text(request))]))
    loader = FakeLoader({"gen:latest": engine})
    async with running_server(tmp_path, loader) as server:
        prompts = [f"client {number}" for number in range(CLIENTS)]
        texts = await asyncio.gather(*(ask(server.client, prompt) for prompt in prompts))
    assert texts == ["".join(words(prompt)) for prompt in prompts]
    assert loader.attempts == 1
    assert (engine.running, engine.cancelled) == (0, 0)
