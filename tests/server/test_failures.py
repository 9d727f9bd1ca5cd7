import asyncio
import json

import pytest

from arriero.engines.fake import FakeEngine, Script
from arriero.errors import ArrieroError, EngineDied, EngineFailed, LoadFailed
from arriero.protocol.sse import SseParser
from arriero.types.chat import TextRequest
from tests.contract.cases_general import USER
from tests.server.asgi import Call, app_of, post
from tests.serving import until

CHAT = {"model": "gen", "messages": USER}
GENERATE = {"model": "gen", "prompt": "hi"}


@pytest.mark.parametrize(("path", "body"), [("/api/chat", CHAT), ("/api/generate", GENERATE)])
@pytest.mark.parametrize("is_stream", [True, False])
@pytest.mark.parametrize("error", [EngineFailed("too long", 400), EngineDied("gone"), EngineFailed("busy", 503)])
async def test_a_failure_before_the_first_byte_has_a_status(
    path: str, body: dict[str, object], error: ArrieroError, *, is_stream: bool
) -> None:
    async with app_of(FakeEngine(Script(error=error))) as app:
        answer = await post(app, path, {**body, "stream": is_stream})
    assert (answer.status, json.loads(answer.body)) == (error.status, {"error": error.message})
    assert answer.headers["content-type"] == "application/json; charset=utf-8"


@pytest.mark.parametrize(("path", "body"), [("/api/chat", CHAT), ("/api/generate", GENERATE)])
async def test_a_failure_in_the_middle_of_a_stream_is_its_last_line(path: str, body: dict[str, object]) -> None:
    script = Script((("Hel",), ("lo",)), error=EngineDied("the engine went away"), fail_after=1)
    async with app_of(FakeEngine(script)) as app:
        answer = await post(app, path, body)
    lines = [json.loads(line) for line in answer.body.splitlines()]
    assert answer.status == 200
    assert answer.body.endswith(b"\n")
    assert lines[-1] == {"error": "the engine went away"}
    assert [line["done"] for line in lines[:-1]] == [False]


@pytest.mark.parametrize(("path", "body"), [("/api/chat", CHAT), ("/api/generate", GENERATE)])
async def test_a_failure_in_the_middle_of_a_whole_answer_has_a_status(path: str, body: dict[str, object]) -> None:
    script = Script((("Hel",), ("lo",)), error=EngineDied("the engine went away"), fail_after=1)
    async with app_of(FakeEngine(script)) as app:
        answer = await post(app, path, {**body, "stream": False})
    assert (answer.status, json.loads(answer.body)) == (500, {"error": "the engine went away"})


async def test_a_failure_in_the_middle_of_a_stream_of_openai_is_an_event() -> None:
    script = Script((("Hel",), ("lo",)), error=EngineDied("the engine went away"), fail_after=1)
    async with app_of(FakeEngine(script)) as app:
        answer = await post(app, "/v1/chat/completions", {**CHAT, "stream": True})
    *_, last = SseParser().feed(answer.body)
    assert answer.status == 200
    assert json.loads(last)["error"]["message"] == "the engine went away"


@pytest.mark.parametrize("path", ["/api/chat", "/api/generate", "/v1/chat/completions"])
async def test_a_load_that_fails_is_told_with_its_status(path: str) -> None:
    async with app_of(FakeEngine(), LoadFailed("bad magic", 507)) as app:
        answer = await post(app, path, {**CHAT, **GENERATE})
    assert answer.status == 507
    assert b"bad magic" in answer.body


async def test_a_bug_is_told_without_its_details(caplog: pytest.LogCaptureFixture) -> None:
    def fail(_: TextRequest) -> Script:
        raise KeyError("secret")

    async with app_of(FakeEngine(fail)) as app:
        answer = await post(app, "/api/chat", CHAT)
    assert answer.status == 500
    assert json.loads(answer.body) == {"error": "internal server error; the server's log says why"}
    assert "KeyError: 'secret'" in caplog.text


@pytest.mark.parametrize("path", ["/api/chat", "/v1/chat/completions"])
async def test_a_server_that_stops_ends_a_stream_with_an_error(path: str) -> None:
    engine = FakeEngine(Script((("Hel",),), hang=True))
    call = Call(path, {**CHAT, "stream": True})
    async with app_of(engine) as app:
        answering = asyncio.create_task(call.run(app))
        await asyncio.wait_for(call.wrote.wait(), 1)
        answering.cancel()
        await asyncio.wait({answering})
    answer = call.answer()
    assert answer.status == 200
    assert b"the server is shutting down" in answer.pieces[-1]
    assert (engine.running, engine.cancelled) == (0, 1)


@pytest.mark.parametrize("path", ["/api/chat", "/v1/chat/completions"])
async def test_a_server_that_stops_before_the_first_byte_is_busy(path: str) -> None:
    engine = FakeEngine(Script((), hang=True))
    call = Call(path, {**CHAT, "stream": False})
    async with app_of(engine) as app:
        answering = asyncio.create_task(call.run(app))
        await until(engine, lambda: engine.running == 1)
        answering.cancel()
        await asyncio.wait({answering})
    answer = call.answer()
    assert answer.status == 503
    assert b"the server is shutting down" in answer.body


async def test_brackets_without_end_are_the_callers_fault() -> None:
    block: dict[str, object] = {"type": "text", "text": "x"}
    for _ in range(300):
        block = {"type": "document", "source": {"type": "content", "content": [block]}}
    body = {"model": "gen", "max_tokens": 5, "messages": [{"role": "user", "content": [block]}]}
    async with app_of(FakeEngine()) as app:
        answer = await post(app, "/v1/messages", body)
    assert (answer.status, json.loads(answer.body)["error"]["message"]) == (400, "exceeded max depth")
