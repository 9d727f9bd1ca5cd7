"""The adapters in front of real engines: vLLM at ``ARRIERO_TEST_VLLM``, SGLang at ``ARRIERO_TEST_SGLANG`` (URLs).

Both serve SmolLM2-135M-Instruct with a context of 2,048 tokens.
"""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Sequence

# Tools are foreign JSON.
from typing import Any, NamedTuple

import aiohttp
import httpx
import pytest

from arriero.engines.base import Engine, ServedModel, ignored_by
from arriero.engines.openai.engine import engine_for
from arriero.engines.openai.tokenizing import TokenizingEngine
from arriero.engines.openai.wire import OpenAIWire
from arriero.errors import EngineFailed, PromptTooLong
from arriero.types.chat import ChatPrompt, JsonFormat, Message, NamedTool, TextPrompt, TextRequest, ToolChoice
from arriero.types.events import Event, Finished, TextDelta, ToolCallDelta, Truncated, text_and_thinking
from arriero.types.sampling import SamplingParams
from arriero.types.upstreams import UpstreamKind, UpstreamSettings

pytestmark = pytest.mark.engines

CONTEXT = 2048
VARIABLES: dict[UpstreamKind, str] = {"vllm": "ARRIERO_TEST_VLLM", "sglang": "ARRIERO_TEST_SGLANG"}
FRANCE = ChatPrompt((Message("user", "Name the capital of France."),))
PARIS = "The capital of France is Paris."
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string", "maxLength": 20}, "n": {"type": "integer", "maximum": 99}},
    "required": ["city", "n"],
    "additionalProperties": False,
}
WEATHER: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Tells the weather of a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


class Served(NamedTuple):
    """An engine, of which kind it is, and where."""

    kind: UpstreamKind
    url: str
    engine: Engine


@pytest.fixture(params=["vllm", "sglang"])
async def served(request: pytest.FixtureRequest) -> AsyncIterator[Served]:
    kind: UpstreamKind = request.param
    url = os.environ.get(VARIABLES[kind])
    if url is None:
        pytest.skip(f"no {kind}: name its URL in {VARIABLES[kind]}")
    wire = OpenAIWire(url, {}, aiohttp.TCPConnector(limit=0))
    engine = engine_for(kind, wire, ServedModel("smollm2", CONTEXT), UpstreamSettings(kind, url))
    yield Served(kind, url, engine)
    await engine.aclose()


def ask(prompt: ChatPrompt | TextPrompt = FRANCE, **sampling: Any) -> TextRequest:
    return TextRequest(prompt, SamplingParams(**{"temperature": 0.0, "max_tokens": 20, **sampling}))


async def collect(served: Served, request: TextRequest) -> list[Event]:
    return [event async for batch in served.engine.generate(request) for event in batch]


def text_of(events: Sequence[Event]) -> str:
    return text_and_thinking(events)[0]


def end_of(events: Sequence[Event]) -> Finished:
    assert isinstance(events[-1], Finished)
    return events[-1]


async def test_a_chat_is_answered(served: Served) -> None:
    assert await served.engine.health()
    events = await collect(served, ask())
    assert text_of(events) == PARIS
    assert (end_of(events).reason, end_of(events).usage.prompt_tokens) == ("stop", 36)
    assert end_of(events).usage.completion_tokens == 8


async def test_an_answer_comes_in_pieces(served: Served) -> None:
    assert len([event for event in await collect(served, ask()) if isinstance(event, TextDelta)]) > 2


async def test_a_text_ends_an_answer_and_is_told(served: Served) -> None:
    events = await collect(served, ask(stop=("France",)))
    assert (text_of(events), end_of(events).reason, end_of(events).stop_text) == ("The capital of ", "stop", "France")


async def test_any_number_of_texts_may_end_an_answer(served: Served) -> None:
    events = await collect(served, ask(stop=(*(f"<{n}>" for n in range(9)), "France")))
    assert (text_of(events), end_of(events).stop_text) == ("The capital of ", "France")
    assert end_of(events).usage.prompt_tokens == 36


async def test_a_seed_repeats_an_answer_or_is_told_to_be_ignored(served: Served) -> None:
    request = ask(seed=2**62 + 7, temperature=1.0, max_tokens=6)
    answers = [text_of(await collect(served, request)) for _ in range(5)]
    # Not all of them: what is computed together with others' requests differs in its last digits.
    is_repeated = len(set(answers)) < 3
    assert is_repeated == (not ignored_by(served.engine, request))
    assert served.kind == "sglang" or is_repeated


async def test_a_limit_ends_an_answer(served: Served) -> None:
    events = await collect(served, ask(max_tokens=3))
    assert (text_of(events), end_of(events).reason) == ("The capital of", "length")
    assert end_of(events).usage.completion_tokens == 3


@pytest.mark.parametrize("limit", [None, 2030, 100_000])
async def test_any_limit_will_do(served: Served, limit: int | None) -> None:
    assert text_of(await collect(served, ask(max_tokens=limit))) == PARIS


async def test_a_text_without_a_limit_goes_on_to_its_stop(served: Served) -> None:
    events = await collect(served, ask(TextPrompt("The sky is"), max_tokens=None, stop=(".",)))
    assert end_of(events).usage.completion_tokens > 16 or end_of(events).reason == "stop"


async def test_out_of_range_is_brought_into_range(served: Served) -> None:
    events = await collect(served, ask(temperature=-1.0, top_k=0, top_p=0.0, min_p=7.0, presence_penalty=9.0, seed=-1))
    assert text_of(events)


@pytest.mark.parametrize("prompt", [FRANCE, TextPrompt("A city, as JSON:")])
async def test_an_answer_keeps_to_a_schema(served: Served, prompt: ChatPrompt | TextPrompt) -> None:
    request = TextRequest(prompt, SamplingParams(temperature=0.0, max_tokens=1500), JsonFormat(SCHEMA))
    told = ""
    try:
        told = text_of(await collect(served, request))
    except EngineFailed as error:
        # A small model with a grammar that lets it: what matters is that it ends, and says why.
        told = error.message
    assert "only white space" in told or set(json.loads(told)) == {"city", "n"}


async def test_a_schema_that_cannot_be_read_is_refused(served: Served) -> None:
    with pytest.raises(EngineFailed, match="invalid JSON schema: Unsupported type") as caught:
        await collect(served, TextRequest(FRANCE, json_format=JsonFormat({"type": "strange"})))
    assert caught.value.status == 400


@pytest.mark.parametrize("choice", ["required", NamedTool("get_weather")])
async def test_a_forced_call_is_a_call_with_its_arguments(served: Served, choice: ToolChoice) -> None:
    prompt = ChatPrompt((Message("user", "What is the weather in Paris?"),), tools=(WEATHER,), tool_choice=choice)
    events = await collect(served, ask(prompt, max_tokens=400))
    calls = [event.call for event in events if isinstance(event, ToolCallDelta)]
    assert calls
    assert {call.name for call in calls} == {"get_weather"}
    assert all(isinstance(call.arguments["city"], str) for call in calls)
    assert text_of(events) == ""


@pytest.mark.parametrize("prompt", [FRANCE, TextPrompt("The capital of France")])
@pytest.mark.parametrize("tops", [0, 3])
async def test_log_probabilities_come_with_tokens(served: Served, prompt: ChatPrompt | TextPrompt, tops: int) -> None:
    request = TextRequest(prompt, SamplingParams(temperature=0.0, max_tokens=4), top_logprobs=tops)
    events = await collect(served, request)
    tokens = [token for event in events if isinstance(event, TextDelta) for token in event.logprobs]
    assert "".join(token.token for token in tokens) == text_of(events)
    assert all(len(token.top) == tops and token.logprob <= 0 for token in tokens)


async def test_a_prompt_that_is_too_long_is_refused(served: Served) -> None:
    for prompt in (ChatPrompt((Message("user", "word " * 3000),)), TextPrompt("word " * 3000)):
        with pytest.raises(PromptTooLong) as caught:
            await collect(served, ask(prompt))
        assert caught.value.num_ctx == CONTEXT
        assert caught.value.prompt_tokens > 3000


@pytest.mark.parametrize(("num_ctx", "limit"), [(None, CONTEXT), (512, 512)])
async def test_old_messages_are_dropped_loudly(served: Served, num_ctx: int | None, limit: int) -> None:
    turns = tuple(Message(("user", "assistant")[n % 2], "word " * 150) for n in range(21))
    request = TextRequest(ChatPrompt(turns), SamplingParams(temperature=0.0, max_tokens=5), num_ctx=num_ctx)
    events = await collect(served, request)
    assert isinstance(events[0], Truncated)
    assert (events[0].num_ctx, events[0].dropped_messages > 0) == (limit, True)
    assert events[0].prompt_tokens == end_of(events).usage.prompt_tokens < limit


async def test_a_text_goes_on_from_tokens(served: Served) -> None:
    first = await collect(served, TextRequest(TextPrompt("The sky"), SamplingParams(max_tokens=2), wants_context=True))
    context = end_of(first).context
    assert context[:2] == (504, 6376)
    events = await collect(served, ask(TextPrompt(" is", context), max_tokens=3))
    assert end_of(events).usage.prompt_tokens == len(context) + 1
    events = await collect(served, ask(ChatPrompt(FRANCE.messages, context=context), max_tokens=3))
    assert end_of(events).usage.prompt_tokens == len(context) + 36


async def test_a_prompt_is_rendered_and_counted(served: Served) -> None:
    engine = served.engine
    assert isinstance(engine, TokenizingEngine)
    assert (await engine.render(FRANCE)).endswith("Name the capital of France.<|im_end|>\n<|im_start|>assistant\n")
    assert await engine.count(FRANCE) == 36


async def test_an_answer_that_has_begun_is_gone_on_from(served: Served) -> None:
    events = await collect(served, ask(ChatPrompt((*FRANCE.messages, Message("assistant", "The capital of")))))
    assert text_of(events) == " France is Paris."


async def test_closing_the_iterator_ends_the_work(served: Served) -> None:
    request = ask(TextPrompt("word " * 20), temperature=1.0, max_tokens=1900, presence_penalty=0.0)
    stream = served.engine.generate(request)
    await anext(stream)
    assert await _running(served) >= 1
    await stream.aclose()
    async with asyncio.timeout(15):
        while await _running(served):  # noqa: ASYNC110  # an engine has no event to wait for
            await asyncio.sleep(0.2)


async def _running(served: Served) -> int:
    """How many requests are under way there."""
    async with httpx.AsyncClient() as client:
        if served.kind == "sglang":
            loads = (await client.get(f"{served.url}/v1/loads")).json()["loads"]
            return sum(load["num_running_reqs"] for load in loads)
        lines = (await client.get(f"{served.url}/metrics")).text.splitlines()
        return int(sum(float(line.split()[-1]) for line in lines if line.startswith("vllm:num_requests_running")))
