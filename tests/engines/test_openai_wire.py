import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port

from arriero.engines.base import Plan
from arriero.engines.llama_cpp.engine import LlamaCppEngine, worker_wire
from arriero.engines.llama_cpp.loopback import LoopbackConnector
from arriero.engines.openai.wire import OpenAIWire
from arriero.errors import EngineDied, EngineFailed, EngineUnreachable
from arriero.types.chat import ChatPrompt, InfillPrompt, JsonFormat, Message, TextPrompt, TextRequest
from arriero.types.events import Event, EventStream, Finished, TextDelta
from arriero.types.sampling import SamplingParams
from tests.engines.streams import USAGE, chat_chunk, chat_stream, event, text_stream

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
PATH = "/v1/chat/completions"


class Rendered(msgspec.Struct):
    prompt: str


@asynccontextmanager
async def upstream(handler: Handler) -> AsyncIterator[str]:
    """An engine that answers everything with one handler; its address."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    async with TestServer(app) as server:
        yield str(server.make_url("")).rstrip("/")


def port_of(url: str) -> int:
    return int(url.rpartition(":")[2])


def connector_to(url: str) -> LoopbackConnector:
    return LoopbackConnector("127.0.0.1", port_of(url))


@asynccontextmanager
async def wire_to(handler: Handler) -> AsyncIterator[OpenAIWire]:
    async with upstream(handler) as url:
        wire = OpenAIWire(url, {"Authorization": "Bearer s3cret"}, connector_to(url))
        try:
            yield wire
        finally:
            await wire.aclose()


async def collect(stream: EventStream) -> list[Event]:
    return [event async for batch in stream for event in batch]


def text_of(events: Sequence[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def says(body: bytes, status: int = 200) -> Handler:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(body=body, status=status)

    return handler


def streams(*parts: bytes, then: Callable[[web.Request], Awaitable[None]] | None = None) -> Handler:
    """Write parts one by one, and then do something else."""

    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for part in parts:
            await response.write(part)
        if then is not None:
            await then(request)
        return response

    return handler


async def drop(request: web.Request) -> None:
    assert request.transport is not None
    request.transport.abort()


async def test_an_answer_comes_as_events() -> None:
    async with wire_to(streams(chat_stream("Hel", "lo"))) as wire:
        events = await collect(wire.stream(PATH, {}))
    assert text_of(events) == "Hello"
    assert isinstance(events[-1], Finished)


async def test_the_request_is_json_with_the_key() -> None:
    seen: list[tuple[str, str | None, str | None, object]] = []

    async def handler(request: web.Request) -> web.Response:
        headers = request.headers
        seen.append((request.path, headers.get("Authorization"), headers.get("Content-Type"), await request.json()))
        return web.Response(body=chat_stream("x"))

    async with wire_to(handler) as wire:
        await collect(wire.stream(PATH, {"prompt": "señal"}))
    assert seen == [(PATH, "Bearer s3cret", "application/json", {"prompt": "señal"})]


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (b'{"error":{"code":400,"message":"too long","type":"exceed_context_size_error"}}', 400, "too long"),
        (b'{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}', 503, "Loading model"),
        (b'{"error":"plain"}', 500, "plain"),
        (b'{"object":"error","message":"vLLM says no"}', 404, "vLLM says no"),
        (b"Service down", 502, "Service down"),
        (b"", 500, "the engine answered 500"),
        (b"\xff\xfe", 500, "\ufffd\ufffd"),
        (b'{"error":"\xff"}', 500, '{"error":"\ufffd"}'),
        (b"{}", 500, "the engine failed and does not say why"),
        (b"[]", 500, "[]"),
    ],
)
async def test_a_refusal_keeps_its_status_and_words(body: bytes, status: int, message: str) -> None:
    async with wire_to(says(body, status)) as wire:
        with pytest.raises(EngineFailed) as caught:
            await anext(wire.stream(PATH, {}))
    assert (caught.value.message, caught.value.status) == (message, status)
    assert not isinstance(caught.value, EngineDied)


async def test_an_engine_that_is_not_there_has_not_seen_the_request() -> None:
    url = f"http://127.0.0.1:{unused_port()}"
    wire = OpenAIWire(url, {}, connector_to(url))
    with pytest.raises(EngineUnreachable):
        await anext(wire.stream(PATH, {}))
    assert not await wire.is_ready("/health")
    await wire.aclose()


async def test_a_connection_that_drops_in_the_middle_is_a_death() -> None:
    async with wire_to(streams(chat_chunk({"content": "Hel"}), then=drop)) as wire:
        stream = wire.stream(PATH, {})
        assert text_of(await anext(stream)) == "Hel"
        with pytest.raises(EngineDied) as caught:
            await anext(stream)
    assert not isinstance(caught.value, EngineUnreachable)


async def test_a_connection_that_drops_before_the_answer_is_a_death_that_saw_the_request() -> None:
    async def handler(request: web.Request) -> web.Response:
        await drop(request)
        return web.Response()

    async with wire_to(handler) as wire:
        with pytest.raises(EngineDied) as caught:
            await anext(wire.stream(PATH, {}))
    assert not isinstance(caught.value, EngineUnreachable)


@pytest.mark.parametrize(
    "body", [b"", chat_chunk({"content": "Hel"}), chat_chunk({"content": "x"}) + b"data: [DONE]\n\n"]
)
async def test_a_stream_without_a_reason_to_stop_broke_off(body: bytes) -> None:
    async with wire_to(says(body)) as wire:
        with pytest.raises(EngineDied, match="broke off"):
            await collect(wire.stream(PATH, {}))


async def test_an_error_in_the_stream_is_raised_after_what_came_before() -> None:
    failure = event({"error": {"code": 500, "message": "out of memory"}})
    released = asyncio.Event()

    async def wait(_: web.Request) -> None:
        await released.wait()

    async def fail(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(chat_chunk({"content": "Hel"}))
        await wait(request)
        await response.write(failure)
        return response

    async with wire_to(fail) as wire:
        stream = wire.stream(PATH, {})
        assert text_of(await anext(stream)) == "Hel"
        released.set()
        with pytest.raises(EngineFailed, match="out of memory"):
            await anext(stream)


async def test_closing_the_iterator_drops_the_connection() -> None:
    gone = asyncio.Event()

    async def until_gone(_: web.Request) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            gone.set()

    async with wire_to(streams(chat_chunk({"content": "Hel"}), then=until_gone)) as wire:
        stream = wire.stream(PATH, {})
        assert text_of(await anext(stream)) == "Hel"
        await stream.aclose()
        await asyncio.wait_for(gone.wait(), 1)


async def test_closing_the_wire_ends_answers_under_way() -> None:
    async def forever(_: web.Request) -> None:
        await asyncio.Event().wait()

    async with wire_to(streams(chat_chunk({"content": "Hel"}), then=forever)) as wire:
        stream = wire.stream(PATH, {})
        await anext(stream)
        await wire.aclose()
        with pytest.raises(EngineDied):
            await asyncio.wait_for(anext(stream), 1)


async def test_closing_the_wire_wakes_those_who_wait() -> None:
    async def forever(_: web.Request) -> None:
        await asyncio.Event().wait()

    async with wire_to(streams(chat_chunk({"content": "Hel"}), then=forever)) as wire:
        stream = wire.stream(PATH, {})
        await anext(stream)
        waiting = asyncio.ensure_future(anext(stream))
        # So that it does wait when the wire is closed.
        await asyncio.wait({waiting}, timeout=0.01)
        await wire.aclose()
        with pytest.raises(EngineDied):
            await asyncio.wait_for(waiting, 1)


async def test_a_call_is_answered_in_one_piece() -> None:
    async with wire_to(says(b'{"prompt":"<s>hi"}')) as wire:
        assert await wire.call("/apply-template", {}, Rendered) == Rendered("<s>hi")


@pytest.mark.parametrize("body", [b"{}", b"hello", b'{"prompt":"\xff"}'])
async def test_a_call_with_an_answer_without_sense_is_an_error(body: bytes) -> None:
    async with wire_to(says(body)) as wire:
        with pytest.raises(EngineFailed, match="makes no sense"):
            await wire.call("/apply-template", {}, Rendered)


async def test_a_call_that_is_refused_keeps_its_status() -> None:
    async with wire_to(says(b'{"error":{"message":"no template"}}', 501)) as wire:
        with pytest.raises(EngineFailed) as caught:
            await wire.call("/apply-template", {}, Rendered)
    assert (caught.value.message, caught.value.status) == ("no template", 501)


@pytest.mark.parametrize(("status", "is_ready"), [(200, True), (503, False)])
async def test_an_engine_is_ready_when_it_says_so(status: int, *, is_ready: bool) -> None:
    async with wire_to(says(b"{}", status)) as wire:
        assert await wire.is_ready("/health") is is_ready


async def test_llama_cpp_is_asked_for_a_chat() -> None:
    asked: list[tuple[str, object]] = []

    async def handler(request: web.Request) -> web.Response:
        asked.append((request.path, await request.json()))
        return web.Response(body=chat_stream("x"))

    async with upstream(handler) as url:
        engine = LlamaCppEngine(worker_wire(port_of(url), "s3cret"), Plan(512, 1), seed=7)
        prompt = ChatPrompt((Message("user", "hi"),))
        await collect(
            engine.generate(TextRequest(prompt, SamplingParams(max_tokens=3), JsonFormat({"type": "object"})))
        )
        await engine.aclose()
    assert asked == [
        (
            "/v1/chat/completions",
            {
                "stream": True,
                "stream_options": {"include_usage": True},
                "max_tokens": 3,
                "seed": 7,
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "answer", "schema": {"type": "object"}},
                },
                "messages": [{"role": "user", "content": "hi"}],
            },
        )
    ]


async def test_llama_cpp_is_asked_for_raw_text() -> None:
    asked: list[tuple[str, object]] = []

    async def handler(request: web.Request) -> web.Response:
        asked.append((request.path, (await request.json())["prompt"]))
        return web.Response(body=text_stream("Hel", "lo"))

    async with upstream(handler) as url:
        engine = LlamaCppEngine(worker_wire(port_of(url), "s3cret"), Plan(512, 1))
        events = await collect(engine.generate(TextRequest(TextPrompt("<s>hi"))))
        await engine.aclose()
    assert asked == [("/v1/completions", "<s>hi")]
    assert text_of(events) == "Hello"
    assert isinstance(events[-1], Finished)
    assert events[-1].usage.prompt_tokens == USAGE["prompt_tokens"]


async def test_calls_on_an_engine_that_was_closed_are_deaths() -> None:
    async with upstream(says(b"{}")) as url:
        engine = LlamaCppEngine(worker_wire(port_of(url), "s3cret"), Plan(512, 1))
        await engine.aclose()
        for call in (engine.tokenize("x"), engine.embed(["x"]), anext(engine.generate(TextRequest(TextPrompt("x"))))):
            with pytest.raises(EngineDied):
                await call
        assert not await engine.health()


async def test_a_call_that_is_under_way_ends_when_the_engine_is_closed() -> None:
    begun = asyncio.Event()

    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b'{"tokens": [')
        begun.set()
        await asyncio.sleep(5)
        return response

    async with upstream(handler) as url:
        engine = LlamaCppEngine(worker_wire(port_of(url), "s3cret"), Plan(512, 1))
        call = asyncio.create_task(engine.tokenize("x"))
        await begun.wait()
        await asyncio.sleep(0.05)
        await engine.aclose()
        with pytest.raises(EngineDied):
            await asyncio.wait_for(call, 1)


@pytest.mark.parametrize("prompt", [InfillPrompt("a", "b"), TextPrompt("x"), TextPrompt("x<think>", thinks=True)])
async def test_a_schema_that_cannot_be_read_is_refused_before_anything_is_said(
    prompt: InfillPrompt | TextPrompt,
) -> None:
    async def handler(request: web.Request) -> web.Response:
        if request.path == "/apply-template":
            error = {"code": 500, "message": "JSON schema error at #: unrecognized type nonsense"}
            return web.json_response({"error": error}, status=500)
        return web.Response(body=text_stream("{", "}"))

    async with upstream(handler) as url:
        engine = LlamaCppEngine(worker_wire(port_of(url), "s3cret"), Plan(512, 1))
        with pytest.raises(EngineFailed, match="invalid JSON schema"):
            await anext(engine.generate(TextRequest(prompt, json_format=JsonFormat({"type": "nonsense"}))))
        await engine.aclose()
