"""What the commands of Ollama's own command line send, replayed as its Go client writes it.

Keys stand in the order of the Go structs, with the empty ones that Go sends, and ``options`` null where there are none.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

# Answers are JSON, compared with patterns.
from typing import Any

import pytest

from arriero.engines.fake import FakeEngine
from tests.contract.cases_general import EMPTY_TURN
from tests.contract.cases_models import DETAILS, LISTED, LOADED, SHOWN
from tests.contract.cases_text import chat_line, generated_line, last_chat_line, last_line
from tests.contract.matching import REST, differences, line_differences
from tests.contract.models import TEXT, golden_engines, store_golden_models
from tests.serving import FakeLoader, Running, running_server

USER_AGENT = "ollama/0.33.0 (amd64 linux) Go/go1.26.0"
PLAIN, STREAMED = "application/json", "application/x-ndjson"


@dataclass(frozen=True, slots=True)
class Answered:
    status: int
    headers: Mapping[str, str]
    body: bytes

    # Whatever JSON it is.
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class GoClient:
    """Sends bytes under the headers of Ollama's client."""

    server: Running

    async def send(self, method: str, path: str, body: bytes | None = None, accept: str = PLAIN) -> Answered:
        headers = {
            "User-Agent": USER_AGENT,
            "Content-Type": "application/json",
            "Accept": accept,
            "Accept-Encoding": "gzip",
        }
        async with self.server.client.request(method, path, data=body, headers=headers) as response:
            return Answered(response.status, dict(response.headers), await response.read())

    async def heartbeat(self) -> None:
        answer = await self.send("HEAD", "/")
        assert (answer.status, answer.body) == (200, b"")

    async def show(self, name: str) -> Answered:
        body = '{"model":"%s","system":"","template":"","verbose":false,"options":null,"name":""}'
        return await self.send("POST", "/api/show", (body % name).encode())

    async def generate(self, body: bytes) -> Answered:
        return await self.send("POST", "/api/generate", body, STREAMED)

    async def chat(self, body: bytes) -> Answered:
        return await self.send("POST", "/api/chat", body, STREAMED)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return store_golden_models(tmp_path_factory.mktemp("cli"))


@pytest.fixture
async def go(root: Path) -> AsyncIterator[GoClient]:
    async with running_server(root, FakeLoader(golden_engines())) as server:
        yield GoClient(server)


async def test_version(go: GoClient) -> None:
    answer = await go.send("GET", "/api/version")
    assert answer.status == 200
    assert differences({"version": "*.*.*"}, answer.json()) == []


async def test_list(go: GoClient) -> None:
    await go.heartbeat()
    answer = await go.send("GET", "/api/tags")
    assert answer.status == 200
    assert differences({"models": [LISTED] * 4}, answer.json()) == []


async def test_show(go: GoClient) -> None:
    await go.heartbeat()
    body = b'{"model":"","system":"","template":"","verbose":false,"options":null,"name":"gen"}'
    answer = await go.send("POST", "/api/show", body)
    assert answer.status == 200
    numbers = {"llama.context_length": "<int>", "llama.embedding_length": "<int>", "general.parameter_count": "<int>"}
    info = {**SHOWN["model_info"], **numbers}
    assert differences({**SHOWN, "model_info": info, "details": DETAILS}, answer.json()) == []


async def test_ps_shows_what_a_run_has_loaded_and_stop_unloads_it(go: GoClient) -> None:
    await go.heartbeat()
    assert (await go.send("GET", "/api/ps")).json() == {"models": []}
    await go.generate(b'{"model":"gen","prompt":"hi","suffix":"","system":"","template":"","options":{}}')
    assert differences({"models": [LOADED]}, (await go.send("GET", "/api/ps")).json()) == []

    await go.heartbeat()
    assert (await go.show("gen")).status == 200
    stop = b'{"model":"gen","prompt":"","suffix":"","system":"","template":"","keep_alive":"0s","options":null}'
    answer = await go.generate(stop)
    assert differences({**generated_line(response=""), "done": True, "done_reason": "unload"}, answer.json()) == []
    await asyncio.wait_for(go.server.loader.loaded[0].stopped.wait(), 5)
    assert (await go.send("GET", "/api/ps")).json() == {"models": []}


async def test_stop_of_an_unknown_model(go: GoClient) -> None:
    await go.heartbeat()
    answer = await go.show("nope")
    # The command looks for "not found" in the text.
    assert (answer.status, answer.json()) == (404, {"error": "model 'nope:latest' not found"})


async def test_run_with_a_prompt(go: GoClient) -> None:
    await go.heartbeat()
    assert "thinking" not in (await go.show("gen")).json()["capabilities"]
    answer = await go.generate(
        b'{"model":"gen","prompt":"Why?","suffix":"","system":"","template":"","keep_alive":"5m0s","options":{}}'
    )
    assert (answer.status, answer.headers["Content-Type"]) == (200, STREAMED)
    assert line_differences([generated_line(), REST, last_line()], answer.body) == []
    assert "".join(json.loads(line)["response"] for line in answer.body.splitlines()) == TEXT


async def test_run_with_a_prompt_and_a_model_that_thinks(go: GoClient) -> None:
    await go.heartbeat()
    assert "thinking" in (await go.show("think")).json()["capabilities"]
    answer = await go.generate(
        b'{"model":"think","prompt":"Why?","suffix":"","system":"","template":"","options":{},"think":true}'
    )
    thinks = {**generated_line(response="", thinking="*"), "model": "think"}
    says = {**generated_line(), "model": "think"}
    last = {**last_line(), "model": "think"}
    assert line_differences([thinks, thinks, says, REST, last], answer.body) == []


async def test_run_with_a_json_format(go: GoClient) -> None:
    answer = await go.generate(
        b'{"model":"gen","prompt":"Why?","suffix":"","system":"","template":"","format":"json","options":{}}'
    )
    assert answer.status == 200
    request = golden_engine(go, "gen:latest").requests[0]
    assert request.json_format is not None


async def test_run_interactively(go: GoClient) -> None:
    await go.heartbeat()
    assert (await go.show("gen")).status == 200
    assert (await go.show("gen")).status == 200
    load = await go.generate(b'{"model":"gen","prompt":"","suffix":"","system":"","template":"","options":null}')
    assert differences({**generated_line(response=""), "done": True, "done_reason": "load"}, load.json()) == []

    first = await go.chat(b'{"model":"gen","messages":[{"role":"user","content":"Hi"}],"options":{}}')
    assert line_differences([chat_line(), REST, last_chat_line(**EMPTY_TURN)], first.body) == []
    second = await go.chat(
        b'{"model":"gen","messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"Hello there."},'
        b'{"role":"user","content":"And now?"}],"options":{"temperature":0,"stop":["\\n"],"num_ctx":2048}}'
    )
    assert line_differences([chat_line(), REST, last_chat_line(**EMPTY_TURN)], second.body) == []
    asked = golden_engine(go, "gen:latest").requests[-1]
    assert (asked.sampling.temperature, asked.sampling.stop) == (0.0, ("\n",))


async def test_run_of_an_unknown_model_begins_with_a_404(go: GoClient) -> None:
    await go.heartbeat()
    assert (await go.show("nope")).status == 404


def golden_engine(go: GoClient, name: str) -> FakeEngine:
    return go.server.loader.engines[name]
