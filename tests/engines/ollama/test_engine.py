import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field

# Requests and answers are foreign JSON.
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from arriero.engines.base import Counts, Embeds, Engine, Ignores, ServedModel, TakesDemand, Tokenizes, ignored_by
from arriero.engines.ollama.engine import ollama_engine
from arriero.engines.openai.wire import OpenAIWire
from arriero.errors import EngineDied, EngineFailed, EngineUnreachable, PromptTooLong
from arriero.types.chat import ChatPrompt, JsonFormat, Message, NamedTool, TextPrompt, TextRequest
from arriero.types.events import Event, Finished, TextDelta, Truncated, text_and_thinking
from arriero.types.loading import Demand, LoadOptions
from arriero.types.sampling import SamplingParams
from tests.engines.ollama.lines import chat, generated, said

HELLO = ChatPrompt((Message("user", "Hello"),))
Answer = bytes | tuple[int, Any]


@dataclass
class StandIn:
    """An Ollama that answers by a script. splits: in so many places of a stream. asked: paths and bodies, in order."""

    answer: Callable[[str, Any], Answer] | Answer = field(default_factory=lambda: chat("Hi"))
    content_type: str = "application/x-ndjson"
    splits: int = 0
    asked: list[tuple[str, Any]] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        # A request is foreign JSON.
        body: Any = await request.json() if request.can_read_body else None
        self.asked.append((request.path, body))
        answer = self.answer(request.path, body) if callable(self.answer) else self.answer
        if not isinstance(answer, bytes):
            return web.json_response(answer[1], status=answer[0])
        response = web.StreamResponse(headers={"Content-Type": self.content_type})
        await response.prepare(request)
        size = max(1, len(answer) // (self.splits + 1))
        for start in range(0, len(answer), size):
            await response.write(answer[start : start + size])
            await asyncio.sleep(0)
        return response

    @property
    def body(self) -> Any:
        """What was asked for once."""
        [(_, body)] = self.asked
        return body


@asynccontextmanager
async def engine_of(stand_in: StandIn, **model: Any) -> AsyncIterator[Engine]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", stand_in.handle)
    async with TestServer(app) as server:
        url = str(server.make_url("")).rstrip("/")
        engine = ollama_engine(OpenAIWire(url, {}, aiohttp.TCPConnector(limit=0)), ServedModel("m", 64, **model))
        try:
            yield engine
        finally:
            await engine.aclose()


async def answer_of(stand_in: StandIn, request: TextRequest, **model: Any) -> list[Event]:
    async with engine_of(stand_in, **model) as engine:
        return [event async for batch in engine.generate(request) for event in batch]


@pytest.mark.parametrize("splits", [0, 3, 1000])
@pytest.mark.parametrize("content_type", ["application/x-ndjson", "application/json"])
async def test_a_chat_is_streamed(content_type: str, splits: int) -> None:
    stand_in = StandIn(chat("Hel", "lo"), content_type, splits)
    events = await answer_of(stand_in, TextRequest(HELLO))
    assert text_and_thinking(events) == ("Hello", "")
    assert isinstance(events[-1], Finished)
    assert [path for path, _ in stand_in.asked] == ["/api/chat"]


async def test_an_answer_is_told_while_it_comes() -> None:
    more = asyncio.Event()

    async def handle(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(said("Hel"))
        await more.wait()
        await response.write(chat("lo"))
        return response

    stand_in = StandIn()
    stand_in.handle = handle  # type: ignore[method-assign]  # a script of its own
    async with engine_of(stand_in) as engine, aclosing(engine.generate(TextRequest(HELLO))) as stream:
        assert await anext(stream) == [TextDelta("Hel")]
        more.set()
        assert [type(event) for batch in [batch async for batch in stream] for event in batch] == [TextDelta, Finished]


async def test_what_is_demanded_goes_along() -> None:
    stand_in = StandIn()
    async with engine_of(stand_in) as engine:
        assert isinstance(engine, TakesDemand)
        demand = Demand(60.0, LoadOptions(gpu_layers=3))
        async for _ in engine.generate_on_demand(TextRequest(HELLO), demand):
            pass
    assert stand_in.body["keep_alive"] == 60
    assert stand_in.body["options"] == {"num_gpu": 3}


async def test_what_an_ollama_refuses_is_told_with_its_status() -> None:
    stand_in = StandIn((404, {"error": "model 'm' not found"}))
    with pytest.raises(EngineFailed, match="model 'm' not found") as refused:
        await answer_of(stand_in, TextRequest(HELLO))
    assert refused.value.status == 404
    assert len(stand_in.asked) == 1


@pytest.mark.parametrize("written", [b"", said("Hel"), said("Hel") + b'{"model":"m"'])
async def test_an_answer_that_breaks_off_is_no_answer(written: bytes) -> None:
    stand_in = StandIn(written)
    expected = EngineFailed if written.endswith(b'"m"') else EngineDied
    with pytest.raises(expected):
        await answer_of(stand_in, TextRequest(HELLO))


async def test_a_page_in_place_of_an_answer_is_told_by_its_title() -> None:
    stand_in = StandIn(b"\n<html><title>Sign in</title>\n</html>", "text/html", splits=5)
    with pytest.raises(EngineFailed, match="Sign in") as refused:
        await answer_of(stand_in, TextRequest(HELLO))
    assert refused.value.status == 502


async def test_an_error_in_the_stream_is_told_behind_what_came_before() -> None:
    stand_in = StandIn(said("Hel") + b'{"error":"the context is too long"}\n')
    async with engine_of(stand_in) as engine, aclosing(engine.generate(TextRequest(HELLO))) as stream:
        assert await anext(stream) == [TextDelta("Hel")]
        with pytest.raises(EngineFailed, match="too long"):
            await anext(stream)
    assert len(stand_in.asked) == 1


async def test_an_ollama_that_is_not_there_is_told_so() -> None:
    async with engine_of(StandIn()) as engine:
        wire = OpenAIWire("http://127.0.0.1:1", {}, aiohttp.TCPConnector())
        absent = ollama_engine(wire, ServedModel("m"))
        assert await engine.health()
        assert not await absent.health()
        with pytest.raises(EngineUnreachable):
            await anext(absent.generate(TextRequest(HELLO)))
        await absent.aclose()


async def test_health_costs_the_server_nothing() -> None:
    stand_in = StandIn((200, {"version": "0.33.0"}))
    async with engine_of(stand_in) as engine:
        assert await engine.health()
    assert [path for path, _ in stand_in.asked] == ["/api/version"]


def by_words(limit: int) -> Callable[[str, Any], Answer]:
    """An Ollama whose tokens are words: it refuses more than so many, in llama.cpp's words."""

    def answer(_: str, body: Any) -> Answer:
        size = sum(len(message["content"].split()) for message in body["messages"])
        if size < limit:
            return chat("Hi")
        words = f"request ({size} tokens) exceeds the available context size ({limit} tokens), try increasing it"
        return 400, {"error": json.dumps({"error": {"code": 400, "message": words}}, separators=(",", ":"))}

    return answer


async def test_old_messages_are_left_out_loudly() -> None:
    stand_in = StandIn(by_words(64))
    turns = tuple(Message(("user", "assistant")[n % 2], "a b c d e f g h i j " * 2) for n in range(9))
    events = await answer_of(stand_in, TextRequest(ChatPrompt(turns)))
    assert isinstance(events[0], Truncated)
    assert (events[0].dropped_messages > 0, events[0].num_ctx) == (True, 64)
    assert all(body["truncate"] is False for _, body in stand_in.asked)


async def test_a_prompt_that_may_not_be_cut_is_refused() -> None:
    turns = tuple(Message("user", "a b c d e f g h i j") for _ in range(9))
    with pytest.raises(PromptTooLong):
        await answer_of(StandIn(by_words(64)), TextRequest(ChatPrompt(turns), is_truncating=False))


async def test_a_context_that_is_asked_for_is_the_ollamas_to_keep_to() -> None:
    stand_in = StandIn()
    long = ChatPrompt((Message("user", "a b c d e f g h i j " * 20), *HELLO.messages))
    await answer_of(stand_in, TextRequest(long, num_ctx=32))
    assert len(stand_in.body["messages"]) == 2
    assert stand_in.body["options"] == {"num_ctx": 32}


@pytest.mark.parametrize("is_truncating", [True, False])
async def test_who_refuses_a_length_without_numbers_cuts_itself(is_truncating: bool) -> None:
    def answer(_: str, body: Any) -> Answer:
        words = "the prompt is longer than the context length currently available to the model"
        return (400, {"error": words}) if body.get("truncate") is False else chat("Hi")

    stand_in = StandIn(answer)
    request = TextRequest(HELLO, is_truncating=is_truncating)
    if is_truncating:
        assert text_and_thinking(await answer_of(stand_in, request)) == ("Hi", "")
    else:
        with pytest.raises(EngineFailed, match="longer than the context"):
            await answer_of(stand_in, request)


async def test_a_text_that_has_opened_thinking_gets_its_format_behind_it() -> None:
    def answer(_: str, body: Any) -> Answer:
        return generated("{}") if "format" in body else generated("Hm.")

    stand_in = StandIn(answer)
    request = TextRequest(TextPrompt("Hi <think>", thinks=True), json_format=JsonFormat())
    assert text_and_thinking(await answer_of(stand_in, request)) == ("{}", "Hm.")
    assert stand_in.asked[1][1]["prompt"] == "Hi <think>Hm.\n</think>\n\n"


@pytest.mark.parametrize(("capability", "path"), [("tools", "/api/generate"), ("thinking", "/api/chat")])
async def test_the_context_of_an_answer_is_told_where_it_does_no_harm(capability: str, path: str) -> None:
    def answer(path: str, _: Any) -> Answer:
        return generated("Hi", context=[1, 2]) if path == "/api/generate" else chat("Hi")

    stand_in = StandIn(answer)
    request = TextRequest(HELLO, wants_context=True)
    events = await answer_of(stand_in, request, capabilities=("completion", capability))
    assert [path for path, _ in stand_in.asked] == [path]
    assert isinstance(events[-1], Finished)
    assert events[-1].context == ((1, 2) if path == "/api/generate" else ())


async def test_what_is_passed_over_is_named() -> None:
    async with engine_of(StandIn()) as engine:
        assert isinstance(engine, Ignores)
        assert not ignored_by(engine, TextRequest(HELLO, SamplingParams(top_k=3, num_keep=9), top_logprobs=20))
        forced = ChatPrompt(HELLO.messages, tools=({},), tool_choice=NamedTool("f"))
        assert ignored_by(engine, TextRequest(forced, top_logprobs=21)) == ["tool_choice", "top_logprobs"]
        brief = ChatPrompt(HELLO.messages, think=True, think_tokens=1024)
        assert ignored_by(engine, TextRequest(brief)) == ["budget_tokens"]
        biased = SamplingParams(logit_bias=((7, 1.0),))
        assert ignored_by(engine, TextRequest(HELLO, biased)) == ["logit_bias"]


async def test_a_model_that_embeds_gives_an_engine_that_does() -> None:
    def answer(path: str, body: Any) -> Answer:
        assert path == "/api/embed"
        return 200, {"embeddings": [[float(len(text)), 0.5] for text in body["input"]], "prompt_eval_count": 2}

    stand_in = StandIn(answer)
    async with engine_of(stand_in, capabilities=("embedding",)) as engine:
        assert isinstance(engine, Embeds)
        assert engine.input_limit == 64
        embedded = await engine.embed(["a" * n for n in range(65)])
        assert embedded.vectors == [[float(n), 0.5] for n in range(65)]
        assert embedded.tokens == 4
        with pytest.raises(EngineFailed, match="texts only"):
            await engine.embed([[1, 2]])
        stand_in.answer = 200, {"embeddings": []}
        with pytest.raises(EngineFailed, match="0 embeddings of 1"):
            await engine.embed(["a"])


async def test_an_engine_of_an_ollama_neither_counts_nor_embeds_what_it_cannot() -> None:
    async with engine_of(StandIn()) as engine:
        assert not any(isinstance(engine, ability) for ability in (Counts, Tokenizes, Embeds))
