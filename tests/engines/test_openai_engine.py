import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

# Requests and answers are foreign JSON.
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from arriero.engines.base import Counts, Embeds, Engine, Ignores, Renders, ServedModel, Tokenizes
from arriero.engines.openai.engine import engine_for
from arriero.engines.openai.wire import OpenAIWire
from arriero.errors import EngineDied, EngineFailed, PromptTooLong
from arriero.types.chat import ChatPrompt, InfillPrompt, JsonFormat, Message, TextPrompt, TextRequest
from arriero.types.events import Event, Finished, Truncated, text_and_thinking
from arriero.types.sampling import SamplingParams
from arriero.types.upstreams import UpstreamKind, UpstreamSettings
from tests.engines.streams import DONE, chat_chunk, chat_stream, event, text_stream

HELLO = ChatPrompt((Message("user", "Hello"),))


@dataclass
class StandIn:
    """A server whose tokens are words.

    context: it refuses more, in ``words`` with what the prompt has and the limit. answer: what it streams, but for
    text. opens: the template ends with the tag that opens thinking. asked: paths and bodies, in order.
    """

    context: int = 64
    words: str = "The input ({has} tokens) is longer than the model's context length ({limit} tokens)."
    too_much: str = (
        "maximum context length of {limit} tokens. You requested a total of 99 tokens: {has} tokens from the input"
    )
    answer: bytes = field(default_factory=lambda: chat_stream("Hi"))
    opens: bool = False
    is_deterministic: bool = False
    asked: list[tuple[str, Any]] = field(default_factory=list)

    def bodies(self, path: str) -> list[Any]:
        return [body for asked, body in self.asked if asked == path]

    async def handle(self, request: web.Request) -> web.Response:
        # A request is foreign JSON.
        body: Any = await request.json() if request.can_read_body else None
        self.asked.append((request.path, body))
        match request.path:
            case "/v1/chat/completions":
                return self._answer(len(self._rendered(body).split()), body, self.answer)
            case "/v1/completions":
                prompt = body["prompt"]
                size = len(prompt.split()) if isinstance(prompt, str) else len(prompt)
                return self._answer(size, body, text_stream("Hi"))
            case path:
                return web.json_response(self._told(path, body))

    def _told(self, path: str, body: Any) -> dict[str, Any]:
        match path:
            case "/tokenize":
                text = self._rendered(body) if "messages" in body else body["prompt"]
                tokens = [len(word) for word in text.split()]
                return {"tokens": tokens, "count": len(tokens), "max_model_len": self.context}
            case "/detokenize":
                return {"text": "x " * len(body["tokens"]) + ("<think>\n" if self.opens else "")}
            case "/server_info":
                return {"enable_deterministic_inference": self.is_deterministic}
            case "/v1/embeddings":
                data = [{"embedding": [float(len(text)), 0.5], "index": n} for n, text in enumerate(body["input"])]
                return {"data": data, "usage": {"prompt_tokens": 2}}
            case _:
                return {}

    def _rendered(self, body: Any) -> str:
        return " ".join(f"<{message['role']}> {message['content']}" for message in body["messages"])

    def _answer(self, size: int, body: Any, answer: bytes) -> web.Response:
        if size >= self.context:
            words = self.words.format(has=size, limit=self.context)
        elif size + body.get("max_tokens", 0) > self.context:
            words = self.too_much.format(has=size, limit=self.context)
        else:
            return web.Response(body=answer)
        return web.json_response({"object": "error", "message": words, "code": 400}, status=400)


@asynccontextmanager
async def engine_of(
    stand_in: StandIn,
    kind: UpstreamKind = "sglang",
    model: ServedModel | None = None,
    *,
    is_cumulative: bool = False,
) -> AsyncIterator[Engine]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", stand_in.handle)
    async with TestServer(app) as server:
        url = str(server.make_url("")).rstrip("/")
        settings = UpstreamSettings("test", url, is_cumulative=is_cumulative)
        model = model or ServedModel("m", stand_in.context)
        engine = engine_for(kind, OpenAIWire(url, {}, aiohttp.TCPConnector(limit=0)), model, settings)
        try:
            yield engine
        finally:
            await engine.aclose()


async def collect(engine: Engine, request: TextRequest) -> list[Event]:
    return [event async for batch in engine.generate(request) for event in batch]


async def answer_of(
    stand_in: StandIn, request: TextRequest, kind: UpstreamKind = "sglang", **model: Any
) -> list[Event]:
    served = ServedModel("m", model.pop("context", stand_in.context), **model)
    async with engine_of(stand_in, kind, served) as engine:
        return await collect(engine, request)


def conversation(turns: int) -> ChatPrompt:
    """Turns of ten tokens each, that of the system first."""
    roles = ["system", *(("user", "assistant")[n % 2] for n in range(turns - 1))]
    return ChatPrompt(tuple(Message(role, f"{n} b c d e f g h i") for n, role in enumerate(roles)))


@pytest.mark.parametrize("kind", ["sglang", "vllm", "smg", "openai"])
async def test_a_chat_is_streamed_by_any_kind(kind: UpstreamKind) -> None:
    stand_in = StandIn()
    events = await answer_of(stand_in, TextRequest(HELLO), kind)
    assert text_and_thinking(events) == ("Hi", "")
    assert isinstance(events[-1], Finished)
    [(path, body)] = stand_in.asked
    assert path == "/v1/chat/completions"
    assert body == {
        "model": "m",
        "stream": True,
        "stream_options": {"include_usage": True},
        "messages": [{"role": "user", "content": "Hello"}],
    }


@pytest.mark.parametrize(
    ("kind", "capabilities", "tokenizes", "embeds"),
    [
        ("sglang", ("completion",), True, False),
        ("vllm", ("embedding",), True, True),
        ("openai", ("completion",), False, False),
        ("smg", ("completion", "embedding"), False, True),
    ],
)
async def test_an_engine_can_do_what_its_server_and_its_model_can(
    kind: UpstreamKind, capabilities: Any, tokenizes: bool, embeds: bool
) -> None:
    async with engine_of(StandIn(), kind, ServedModel("m", 64, capabilities)) as engine:
        assert [isinstance(engine, ability) for ability in (Counts, Renders, Tokenizes)] == [tokenizes] * 3
        assert isinstance(engine, Embeds) == embeds
        assert isinstance(engine, Ignores)


async def test_embeddings_come_as_numbers_too() -> None:
    async with engine_of(StandIn(), "vllm", ServedModel("m", 64, ("embedding",))) as engine:
        assert isinstance(engine, Embeds)
        embeddings = await engine.embed(["a", "bb", [1, 2, 3]])
    assert embeddings.vectors == [[1.0, 0.5], [2.0, 0.5], [3.0, 0.5]]
    assert embeddings.tokens == 4


@pytest.mark.parametrize(
    ("kind", "path"), [("sglang", "/model_info"), ("vllm", "/health"), ("openai", "/v1/models"), ("smg", "/readiness")]
)
async def test_health_costs_the_server_nothing(kind: UpstreamKind, path: str) -> None:
    stand_in = StandIn()
    async with engine_of(stand_in, kind) as engine:
        assert await engine.health()
    assert [path for path, _ in stand_in.asked] == [path]


async def test_old_messages_are_dropped_loudly_by_count() -> None:
    stand_in = StandIn()
    events = await answer_of(stand_in, TextRequest(conversation(10)))
    assert isinstance(events[0], Truncated)
    assert (events[0].dropped_messages, events[0].num_ctx) == (6, 64)
    kept = stand_in.bodies("/v1/chat/completions")[-1]["messages"]
    assert [message["role"] for message in kept] == ["system", "user", "assistant", "user"]


@pytest.mark.parametrize(
    "words",
    [
        "The input ({has} tokens) is longer than the model's context length ({limit} tokens).",
        "This model's maximum context length is {limit} tokens. However, your prompt contains at least {has} tokens",
    ],
)
async def test_old_messages_are_dropped_loudly_by_estimate(words: str) -> None:
    stand_in = StandIn(words=words)
    events = await answer_of(stand_in, TextRequest(conversation(20)), "openai", context=None)
    assert isinstance(events[0], Truncated)
    assert 12 <= events[0].dropped_messages <= 18
    kept = stand_in.bodies("/v1/chat/completions")[-1]["messages"]
    assert (kept[0]["role"], kept[-1]["content"][:2]) == ("system", "19")


@pytest.mark.parametrize("kind", ["sglang", "openai"])
async def test_nothing_is_dropped_where_that_is_not_wanted(kind: UpstreamKind) -> None:
    with pytest.raises(PromptTooLong, match="has 100 tokens"):
        await answer_of(StandIn(), TextRequest(conversation(10), is_truncating=False), kind)


@pytest.mark.parametrize("kind", ["sglang", "openai"])
async def test_one_turn_that_is_too_long_is_refused(kind: UpstreamKind) -> None:
    with pytest.raises(PromptTooLong):
        await answer_of(StandIn(), TextRequest(ChatPrompt((Message("user", "word " * 99),))), kind)


async def test_a_refusal_in_words_that_nobody_knows_is_looked_into() -> None:
    stand_in = StandIn(words="No.", too_much="No.")
    events = await answer_of(stand_in, TextRequest(conversation(10)))
    assert isinstance(events[0], Truncated)
    await answer_of(stand_in, TextRequest(HELLO, SamplingParams(max_tokens=63)))
    assert stand_in.bodies("/v1/chat/completions")[-1]["max_tokens"] == 62


async def test_a_smaller_num_ctx_holds() -> None:
    stand_in = StandIn()
    events = await answer_of(stand_in, TextRequest(conversation(5), num_ctx=32))
    assert isinstance(events[0], Truncated)
    assert events[0].num_ctx == 32
    body = stand_in.bodies("/v1/chat/completions")[-1]
    assert (len(body["messages"]), body["max_tokens"]) == (2, 12)


@pytest.mark.parametrize("kind", ["sglang", "openai"])
@pytest.mark.parametrize(("asked", "sent"), [(62, 62), (63, 62), (64, None), (4000, None)])
async def test_a_limit_is_what_fits_behind_the_prompt(kind: UpstreamKind, asked: int, sent: int | None) -> None:
    stand_in = StandIn()
    await answer_of(stand_in, TextRequest(HELLO, SamplingParams(max_tokens=asked)), kind)
    assert stand_in.bodies("/v1/chat/completions")[-1].get("max_tokens") == sent


@pytest.mark.parametrize("kind", ["sglang", "openai", "smg"])
async def test_a_text_always_comes_with_a_limit(kind: UpstreamKind) -> None:
    stand_in = StandIn()
    await answer_of(stand_in, TextRequest(TextPrompt("The sky is")), kind)
    assert stand_in.bodies("/v1/completions")[-1]["max_tokens"] == 61


async def test_a_text_behind_tokens_goes_as_tokens_only() -> None:
    stand_in = StandIn()
    await answer_of(stand_in, TextRequest(TextPrompt("sky is", (7, 8)), SamplingParams(max_tokens=5)))
    [body] = stand_in.bodies("/v1/completions")
    assert body["prompt"] == [7, 8, 3, 2]
    assert stand_in.bodies("/tokenize")[0]["add_special_tokens"] is False


async def test_a_server_that_does_not_tokenize_cannot_go_on_from_tokens() -> None:
    for prompt in (TextPrompt("x", (1,)), ChatPrompt(HELLO.messages, context=(1,))):
        with pytest.raises(EngineFailed, match="context of an earlier answer") as caught:
            await answer_of(StandIn(), TextRequest(prompt), "openai")
        assert caught.value.status == 400


async def test_the_tokens_of_an_exchange_are_told() -> None:
    events = await answer_of(StandIn(), TextRequest(TextPrompt("The sky"), wants_context=True))
    assert isinstance(events[-1], Finished)
    assert events[-1].context == (3, 3, 2)


async def test_a_gap_is_filled_by_the_marks_of_the_models_family() -> None:
    stand_in = StandIn()
    async with engine_of(stand_in, "vllm", ServedModel("Qwen/Qwen2.5-Coder-7B", 64)) as engine:
        await collect(engine, TextRequest(InfillPrompt("a", "b"), SamplingParams(max_tokens=5)))
    assert stand_in.bodies("/v1/completions")[0]["prompt"] == "<|fim_prefix|>a<|fim_suffix|>b<|fim_middle|>"
    with pytest.raises(EngineFailed, match="nobody knows the marks") as caught:
        await answer_of(stand_in, TextRequest(InfillPrompt("a", "b")))
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("opens", "texts", "thought", "said"),
    [
        (False, ["<think>Hm.</th", "ink>\n\nHi"], "Hm.", "Hi"),
        (True, ["Hm.</think>", "Hi"], "Hm.", "Hi"),
        (False, ["Hi"], "", "Hi"),
    ],
)
async def test_thinking_in_the_text_is_told_apart(opens: bool, texts: Sequence[str], thought: str, said: str) -> None:
    stand_in = StandIn(answer=chat_stream(*texts), opens=opens)
    events = await answer_of(stand_in, TextRequest(ChatPrompt(HELLO.messages, think=True)))
    assert text_and_thinking(events) == (said, thought)


@pytest.mark.parametrize("key", ["reasoning", "reasoning_content"])
async def test_what_the_server_tells_apart_is_not_told_apart_again(key: str) -> None:
    chunks = [chat_chunk({key: "Hm."}), chat_chunk({"content": "Hi"}), chat_chunk({}, "stop"), DONE]
    stand_in = StandIn(answer=b"".join(chunks), opens=True)
    events = await answer_of(stand_in, TextRequest(ChatPrompt(HELLO.messages, think=True)))
    assert text_and_thinking(events) == ("Hi", "Hm.")


async def test_how_a_template_opens_is_looked_at_once() -> None:
    stand_in = StandIn(answer=chat_stream("Hm.</think>Hi"), opens=True)
    async with engine_of(stand_in) as engine:
        for _ in range(2):
            await collect(engine, TextRequest(ChatPrompt(HELLO.messages, think=True)))
    assert len(stand_in.bodies("/detokenize")) == 1


async def test_more_texts_to_stop_at_than_the_server_takes_are_looked_for_here() -> None:
    stops = ("a", "b", "c", "d", "END")
    stand_in = StandIn(answer=chat_stream("one E", "ND two"))
    events = await answer_of(stand_in, TextRequest(HELLO, SamplingParams(stop=stops)), "vllm")
    assert text_and_thinking(events)[0] == "one "
    assert isinstance(events[-1], Finished)
    assert (events[-1].reason, events[-1].stop_text) == ("stop", "END")
    [body] = stand_in.bodies("/v1/chat/completions")
    assert (body["stop"], body["stream_options"]["continuous_usage_stats"]) == (["a", "b", "c", "d"], True)


@pytest.mark.parametrize(("key", "value", "told"), [("stop_reason", "is", "is"), ("matched_stop", 2, "")])
async def test_the_text_that_ended_an_answer_is_told(key: str, value: object, told: str) -> None:
    last = event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop", key: value}]})
    events = await answer_of(StandIn(answer=last + DONE), TextRequest(HELLO))
    assert isinstance(events[-1], Finished)
    assert events[-1].stop_text == told


async def test_a_seed_without_effect_is_told() -> None:
    seeded = TextRequest(HELLO, SamplingParams(seed=7, temperature=1.0))
    for is_deterministic, ignored in ((False, ["seed"]), (True, [])):
        async with engine_of(StandIn(is_deterministic=is_deterministic)) as engine:
            await collect(engine, seeded)
            assert isinstance(engine, Ignores)
            assert engine.ignored(seeded) == ignored


async def test_pieces_that_repeat_what_came_before_are_told_once() -> None:
    stand_in = StandIn(answer=chat_stream("The", "The sky", "The sky is"))
    async with engine_of(stand_in, "openai", is_cumulative=True) as engine:
        assert text_and_thinking(await collect(engine, TextRequest(HELLO)))[0] == "The sky is"


async def test_json_that_runs_away_ends_as_a_failure() -> None:
    stand_in = StandIn(answer=chat_stream("{", *["\n" * 20] * 50))
    with pytest.raises(EngineFailed, match="only white space"):
        await answer_of(stand_in, TextRequest(HELLO, json_format=JsonFormat()))


@pytest.mark.parametrize("reason", ["abort", "error"])
async def test_an_answer_that_was_given_up_is_no_answer(reason: str) -> None:
    with pytest.raises(EngineFailed, match="gave the answer up"):
        await answer_of(StandIn(answer=chat_chunk({"content": "Hi"}, reason) + DONE), TextRequest(HELLO))


@pytest.mark.parametrize(
    "failure",
    [
        {"error": "worker died"},
        {"error": {"object": "error", "message": "worker died", "type": "x", "param": None, "code": 500}},
    ],
)
async def test_an_error_before_done_is_a_failure(failure: object) -> None:
    answer = chat_chunk({"content": "Hi"}) + event(failure) + DONE
    with pytest.raises(EngineFailed, match="worker died"):
        await answer_of(StandIn(answer=answer), TextRequest(HELLO))


async def test_a_stream_without_an_end_broke_off() -> None:
    with pytest.raises(EngineDied):
        await answer_of(StandIn(answer=chat_chunk({"content": "Hi"})), TextRequest(HELLO))


async def test_closing_the_iterator_stops_the_server() -> None:
    gone = asyncio.Event()

    async def handle(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(chat_chunk({"content": "x"}))
                await asyncio.sleep(0.001)
        finally:
            gone.set()

    stand_in = StandIn()
    stand_in.handle = handle  # type: ignore[method-assign, assignment]  # another answer than its own
    async with engine_of(stand_in) as engine:
        stream = engine.generate(TextRequest(HELLO))
        await anext(stream)
        await stream.aclose()
        await asyncio.wait_for(gone.wait(), 5)
