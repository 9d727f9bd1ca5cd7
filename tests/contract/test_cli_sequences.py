"""What the commands of Ollama's own command line send, replayed as its Go client writes it.

Keys stand in the order of the Go structs, with the empty ones that Go sends, and ``options`` null where there are none.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from arriero.engines.fake import FakeEngine
from arriero.types.chat import ChatPrompt
from tests.contract.cases_general import EMPTY_TURN
from tests.contract.cases_models import DETAILS, LISTED, LOADED, SHOWN
from tests.contract.cases_text import TOKENS, chat_line, generated_line, last_chat_line, last_line
from tests.contract.go_client import STREAMED, GoClient
from tests.contract.matching import REST, differences, line_differences
from tests.contract.models import SYSTEM, TEXT, golden_engines, store_golden_models
from tests.serving import FakeLoader, running_server


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
    assert differences({"models": [LISTED, REST]}, answer.json()) == []


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
    answer = await go.unload("gen")
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
    assert line_differences([generated_line(), REST, last_line(context=TOKENS)], answer.body) == []
    assert "".join(json.loads(line)["response"] for line in answer.body.splitlines()) == TEXT


async def test_run_with_a_prompt_and_a_model_that_thinks(go: GoClient) -> None:
    await go.heartbeat()
    assert "thinking" in (await go.show("think")).json()["capabilities"]
    answer = await go.generate(
        b'{"model":"think","prompt":"Why?","suffix":"","system":"","template":"","options":{},"think":true}'
    )
    thinks = {**generated_line(response="", thinking="*"), "model": "think"}
    says = {**generated_line(), "model": "think"}
    last = {**last_line(context=TOKENS), "model": "think"}
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
    load = await go.load("gen")
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


async def test_run_with_an_embedding_model(go: GoClient) -> None:
    await go.heartbeat()
    assert (await go.show("emb")).json()["capabilities"] == ["embedding"]
    answer = await go.send("POST", "/api/embed", b'{"model":"emb","input":"Why?","options":null}')
    assert answer.status == 200
    assert all(isinstance(number, float) for number in answer.json()["embeddings"][0])


async def test_run_keeps_the_flags_of_its_command_line_in_every_question(go: GoClient) -> None:
    await go.load("think", b'"keep_alive":"10m0s",')
    body = (
        b'{"model":"think","messages":[{"role":"user","content":"Hi"},'
        b'{"role":"assistant","content":"Hello there.","thinking":"Let me think."},{"role":"user","content":"Why?"}],'
        b'"format":"json","keep_alive":"10m0s","think":true,"options":{}}'
    )
    first, *_, last = (await go.chat(body)).lines()
    assert differences(chat_line("think", content="", thinking="Let me "), first) == []
    assert differences(last_chat_line("think", **EMPTY_TURN), last) == []
    asked = golden_engine(go, "think:latest").requests[-1]
    assert isinstance(asked.prompt, ChatPrompt)
    assert [message.thinking for message in asked.prompt.messages] == ["", "Let me think.", ""]


async def test_slash_list(go: GoClient) -> None:
    assert differences({"models": [LISTED, REST]}, (await go.send("GET", "/api/tags")).json()) == []


async def test_slash_load(go: GoClient) -> None:
    assert (await go.show("think")).status == 200
    assert (await go.show("think")).status == 200
    assert (await go.load("think")).json()["done_reason"] == "load"

    refused = await go.show("nope")
    # On these words the session stays with its old model.
    assert "not found" in refused.json()["error"]


@pytest.mark.parametrize(
    "body",
    [
        b'{"model":"sys","system":"","template":"","verbose":false,"options":{},"name":""}',
        b'{"model":"sys","system":"","template":"","verbose":false,"options":null,"name":""}',
    ],
)
async def test_slash_show(go: GoClient, body: bytes) -> None:
    answer = await go.send("POST", "/api/show", body)
    assert answer.status == 200
    assert differences({**SHOWN, "system": SYSTEM}, answer.json()) == []


async def test_slash_show_of_what_the_session_has_set(go: GoClient) -> None:
    body = (
        b'{"model":"sys","system":"Be brief.","template":"","verbose":false,'
        b'"options":{"num_ctx":4096,"stop":["a","b"],"temperature":0.5},"name":""}'
    )
    shown = (await go.send("POST", "/api/show", body)).json()
    assert "SYSTEM Be brief." in shown["modelfile"].splitlines()
    assert {"PARAMETER num_ctx 4096", "PARAMETER stop a", "PARAMETER stop b"} <= set(shown["modelfile"].splitlines())


async def test_slash_set_think_asks_whether_the_model_can(go: GoClient) -> None:
    assert "thinking" in (await go.show("think")).json()["capabilities"]
    refused = await go.chat(b'{"model":"gen","messages":[{"role":"user","content":"Hi"}],"think":true,"options":{}}')
    # These words do not end the session.
    assert "does not support thinking" in refused.json()["error"]


async def test_an_answer_that_breaks_off_ends_with_the_error(go: GoClient) -> None:
    body = b'{"model":"gen","messages":[{"role":"user","content":"fail in the middle"}],"options":{}}'
    answer = await go.chat(body)
    assert answer.status == 200
    assert answer.lines()[-1] == {"error": "out of memory"}


async def test_signin_and_signout(go: GoClient) -> None:
    await go.heartbeat()
    me = await go.send("POST", "/api/me")
    assert (me.status, me.json()["error"]) == (401, "unauthorized")
    assert me.json()["signin_url"].startswith("https://")

    await go.heartbeat()
    signout = await go.send("POST", "/api/signout")
    assert (signout.status, signout.json()) == (401, {"error": "you are not currently signed in"})


async def test_ollama_without_a_command(go: GoClient) -> None:
    await go.heartbeat()
    assert (await go.send("GET", "/api/tags")).status == 200
    cloud = await go.send("GET", "/api/status")
    assert differences({"cloud": {"disabled": True, "source": "*"}}, cloud.json()) == []
    assert (await go.send("GET", "/api/experimental/model-recommendations")).json() == {"recommendations": []}
    assert (await go.send("POST", "/api/me")).status == 401
    assert (await go.show("tool")).status == 200
    assert (await go.send("GET", "/api/ps")).json() == {"models": []}

    body = (
        b'{"model":"tool","messages":[{"role":"user","content":"Hi"}],"tools":[{"type":"function","function":{"name":'
        b'"web_search","description":"Search.","parameters":{"type":"object","required":["query"],"properties":'
        b'{"query":{"type":"string","description":"What for."}}}}}],"options":{}}'
    )
    called = [
        line["message"]["tool_calls"] for line in (await go.chat(body)).lines() if "tool_calls" in line["message"]
    ]
    assert differences([[{"id?": "*", "function": {"name": "web_search", "…": None}}]], called) == []
    for path, sent in (("web_search", b'{"query":"mules"}'), ("web_fetch", b'{"url":"https://example.com"}')):
        assert (await go.send("POST", f"/api/experimental/{path}", sent)).status == 403


def golden_engine(go: GoClient, name: str) -> FakeEngine:
    return go.server.loader.engines[name]
