"""One server as the Ollama of another's engine."""

import asyncio
import json
import math
import urllib.request
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from arriero.engines.base import Engine, TakesDemand
from arriero.engines.ollama.engine import OllamaEngine
from arriero.engines.upstream.server import connect
from arriero.errors import PromptTooLong
from arriero.types.chat import ChatPrompt, JsonFormat, Message, NamedTool, TextPrompt, TextRequest
from arriero.types.events import Event, Finished, TextDelta, TokenLogprob, ToolCallDelta, Truncated, text_and_thinking
from arriero.types.loading import Demand
from arriero.types.sampling import SamplingParams
from arriero.types.upstreams import UpstreamSettings
from tests.live.launching import MODEL, PARIS, Server, launched
from tests.live.models import qwen

pytestmark = pytest.mark.live

CHAT = ChatPrompt((Message("user", PARIS),))
GREEDY = SamplingParams(temperature=0.0, max_tokens=16)
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Get the weather of a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


@asynccontextmanager
async def engine_of(server: Server, model: str = MODEL) -> AsyncIterator[Engine]:
    """The engine that another arriero makes of the server."""
    upstream = connect(UpstreamSettings("theirs", server.url))
    try:
        await upstream.look()
        yield upstream.engine(model)
    finally:
        await upstream.aclose()


async def batches_of(engine: Engine, request: TextRequest, demand: Demand | None = None) -> list[Sequence[Event]]:
    assert isinstance(engine, TakesDemand)
    return [batch async for batch in engine.generate_on_demand(request, demand or Demand())]


async def answer_of(engine: Engine, request: TextRequest) -> list[Event]:
    return [event for batch in await batches_of(engine, request) for event in batch]


def tokens_of(events: Sequence[Event]) -> list[TokenLogprob]:
    return [token for event in events if isinstance(event, TextDelta) for token in event.logprobs]


async def test_a_chat_is_streamed_and_counted(server: Server) -> None:
    async with engine_of(server) as engine:
        assert isinstance(engine, OllamaEngine)
        assert await engine.health()
        batches = await batches_of(engine, TextRequest(CHAT, GREEDY))
    events = [event for batch in batches for event in batch]
    assert text_and_thinking(events) == ("The capital of France is Paris.", "")
    assert len(batches) > 2
    last = events[-1]
    assert isinstance(last, Finished)
    assert (last.reason, last.usage.prompt_tokens, last.usage.completion_tokens) == ("stop", 36, 8)
    assert last.usage.prompt_ns > 0
    assert last.usage.completion_ns > 0


async def test_a_bare_text_tells_how_likely_its_first_token_was(server: Server) -> None:
    sampling = SamplingParams(temperature=0.0, max_tokens=1)
    async with engine_of(server) as engine:
        events = await answer_of(engine, TextRequest(TextPrompt("The sky is"), sampling, top_logprobs=20))
    [token] = tokens_of(events)
    assert (token.token, len(token.top)) == (" a", 20)
    assert token.top[0].logprob == token.logprob
    assert 0.5 < sum(math.exp(each.logprob) for each in token.top) <= 1.001
    assert isinstance(events[-1], Finished)
    assert (events[-1].reason, events[-1].usage.prompt_tokens) == ("length", 3)


async def test_a_format_is_kept_to(server: Server) -> None:
    schema = {"type": "object", "properties": {"city": {"enum": ["Rome", "Paris"]}}, "required": ["city"]}
    async with engine_of(server) as engine:
        events = await answer_of(engine, TextRequest(CHAT, SamplingParams(temperature=0.0), JsonFormat(schema)))
    assert "".join(text_and_thinking(events)[0].split()) == '{"city":"Paris"}'


async def test_an_earlier_answers_context_is_gone_on_from(server: Server) -> None:
    async with engine_of(server) as engine:
        first = (await answer_of(engine, TextRequest(CHAT, GREEDY, wants_context=True)))[-1]
        assert isinstance(first, Finished)
        more = ChatPrompt((Message("user", "Say it again."),), context=first.context)
        second = (await answer_of(engine, TextRequest(more, GREEDY, wants_context=True)))[-1]
    assert isinstance(second, Finished)
    assert second.context[: len(first.context)] == first.context
    assert len(second.context) > second.usage.prompt_tokens > len(first.context)


async def test_what_does_not_fit_is_left_out_loudly(server: Server) -> None:
    turns = tuple(Message(("user", "assistant")[n % 2], f"{n}: " + "one two three " * 30) for n in range(9))
    async with engine_of(server) as engine:
        events = await answer_of(engine, TextRequest(ChatPrompt(turns), GREEDY, num_ctx=256))
        assert isinstance(events[0], Truncated)
        assert (events[0].num_ctx, events[0].dropped_messages > 4) == (256, True)
        with pytest.raises(PromptTooLong):
            await answer_of(engine, TextRequest(ChatPrompt(turns), GREEDY, num_ctx=256, is_truncating=False))


async def test_the_model_stays_there_as_long_as_it_is_asked_to(model_home: Path) -> None:
    with launched(model_home) as server:
        async with engine_of(server) as engine:
            await batches_of(engine, TextRequest(CHAT, GREEDY), Demand(7200.0))
            assert 7000 < await stays_s(server) <= 7200
            await batches_of(engine, TextRequest(CHAT, GREEDY))
            assert 7000 < await stays_s(server) <= 7200
            await batches_of(engine, TextRequest(CHAT, GREEDY), Demand(math.inf))
            assert await stays_s(server) > 1e9


@pytest.mark.models
async def test_tools_are_called_and_their_results_understood(tmp_path: Path) -> None:
    with launched(tmp_path, "--model", str(qwen()), "--served-model-name", "qwen") as server:
        async with engine_of(server, "qwen") as engine:
            question = Message("user", "What is the weather in Paris?")
            asked = ChatPrompt((question,), tools=(WEATHER,), tool_choice=NamedTool("get_weather"), is_one_call=True)
            sampling = SamplingParams(temperature=0.0, max_tokens=64)
            [call] = [e for e in await answer_of(engine, TextRequest(asked, sampling)) if isinstance(e, ToolCallDelta)]
            assert (call.index, call.call.name, call.call.arguments) == (0, "get_weather", {"city": "Paris"})
            turns = (question, Message("assistant", "", tool_calls=(call.call,)))
            told = ChatPrompt((*turns, Message("tool", "22 degrees", tool_call_id=call.call.id)))
            assert "22" in text_and_thinking(await answer_of(engine, TextRequest(told, sampling)))[0]


async def stays_s(server: Server) -> float:
    """Seconds that the one model there stays loaded, as ``/api/ps`` tells."""

    def look() -> float:
        with urllib.request.urlopen(server.url + "/api/ps", timeout=10) as answer:
            [model] = json.load(answer)["models"]
        return (datetime.fromisoformat(model["expires_at"]) - datetime.now(UTC)).total_seconds()

    return await asyncio.to_thread(look)
