"""Scenarios: tokens, contexts, and what is refused or breaks off."""

from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from arriero.engines.base import Counts, Embeds, Renders, ServedModel, Tokenizes
from arriero.engines.openai.engine import engine_for
from arriero.engines.upstream.connection import connection
from arriero.errors import EngineDied, EngineFailed, PromptTooLong
from arriero.types.chat import ChatPrompt, JsonFormat, Message, TextPrompt, TextRequest
from arriero.types.events import Event, EventStream, text_and_thinking
from arriero.types.upstreams import UpstreamSettings
from tests.upstreams.scenario import ANY, CAPITAL, GREEDY, Scenario, Site, Situation, ask, chat, greedy, user

# Each digit is a token of this model.
_LONG = "7" * 2100
_HALF = "7" * 900
# Others do not count: there, what fits is estimated.
_TOKENIZING: tuple[Site, ...] = ("vllm", "sglang", "llama-server")
_TEMPLATED = "<|im_start|>user\nHi<|im_end|>\n"


async def counted(at: Situation) -> None:
    """The tokens of a prompt are told before it is answered: as many as the answer then tells."""
    assert isinstance(at.engine, Counts)
    assert await at.engine.count(ChatPrompt((user(CAPITAL),))) == 36
    assert await at.engine.count(TextPrompt("The sky is")) == 3
    assert await at.engine.count(TextPrompt("The sky is", (1, 2))) == 5


async def rendered(at: Situation) -> None:
    """The template's text can be seen."""
    assert isinstance(at.engine, Renders)
    text = await at.engine.render(ChatPrompt((user(CAPITAL),)))
    assert text.endswith(f"<|im_start|>user\n{CAPITAL}<|im_end|>\n<|im_start|>assistant\n")
    assert text.startswith("<|im_start|>system\n")


async def tokenized(at: Situation) -> None:
    """The names of special tokens are those tokens in a prompt, and letters in a text."""
    assert isinstance(at.engine, Tokenizes)
    assert await at.engine.tokenize(_TEMPLATED, is_rendered=True) == [1, 4093, 198, 26843, 2, 198]
    assert len(await at.engine.tokenize("<|im_start|>")) >= 1
    assert await at.engine.tokenize("") == []


async def embedded(at: Situation) -> None:
    """A server that embeds gives vectors; one that does not says so."""
    if not isinstance(at.engine, Embeds):
        return
    if at.kind == "llama-server":
        found = await at.engine.embed(["Hi", "Hello there"])
        assert [len(vector) for vector in found.vectors] == [576, 576]
        return
    with pytest.raises(EngineFailed) as caught:
        await at.engine.embed(["Hi"])
    assert not isinstance(caught.value, EngineDied)


async def context_round_trip(at: Situation) -> None:
    """The tokens of an exchange lead on to the next one."""
    first = await ask(at.engine, replace(chat(sampling=greedy(max_tokens=8)), wants_context=True))
    context = first.finished.context
    assert len(context) >= 36 + 7
    again = TextRequest(ChatPrompt((user("Say it again."),), context=context), greedy(max_tokens=8))
    second = await ask(at.engine, again)
    assert second.text
    assert second.finished.usage.prompt_tokens > len(context)


async def long_prompt_refused(at: Situation) -> None:
    """A prompt that does not fit is refused, with its size where that is known."""
    with pytest.raises(PromptTooLong) as caught:
        await ask(at.engine, replace(chat(user(_LONG)), is_truncating=False))
    assert caught.value.num_ctx == 2048
    assert caught.value.prompt_tokens > 2048


async def long_prompt_truncated(at: Situation) -> None:
    """Old messages are left out of a chat that does not fit, and that is told."""
    turns = (user(_HALF), Message("assistant", _HALF), user(_HALF), Message("assistant", "Well."), user(CAPITAL))
    said = await ask(at.engine, chat(*turns))
    assert said.truncated is not None
    assert said.truncated.dropped_messages > 0
    assert said.truncated.num_ctx == 2048
    if at.kind not in {"smg", "openai"}:
        assert said.truncated.prompt_tokens == said.finished.usage.prompt_tokens


async def small_context(at: Situation) -> None:
    """A request may want less context than there is: the answer ends where that is full."""
    said = await ask(at.engine, replace(chat(user("Count from one to ten.")), num_ctx=44))
    assert said.finished.reason == "length"
    usage = said.finished.usage
    assert usage.prompt_tokens + usage.completion_tokens == 44


async def unknown_model(at: Situation) -> None:
    """A model that has gone since the last look: who checks names refuses it, and SGLang answers with what it has."""
    settings = UpstreamSettings("gone", at.url)
    engine = engine_for(at.kind, connection(settings).wire(), ServedModel("gone", 2048), settings)
    try:
        if at.kind == "sglang":
            assert (await ask(engine, chat(sampling=greedy(max_tokens=2)))).text
            return
        with pytest.raises(EngineFailed) as caught:
            await ask(engine, chat())
        assert caught.value.status == 404
    finally:
        await engine.aclose()


async def bad_schema(at: Situation) -> None:
    """A schema that makes no sense is the caller's mistake."""
    with pytest.raises(EngineFailed) as caught:
        await ask(at.engine, replace(chat(), json_format=JsonFormat({"type": "strange"})))
    assert caught.value.status == 400


async def no_messages(at: Situation) -> None:
    """A chat without a message is the caller's mistake, where the template takes none."""
    if at.kind == "llama-server":
        assert (await ask(at.engine, TextRequest(ChatPrompt(()), GREEDY))).text
        return
    with pytest.raises(EngineFailed) as caught:
        await ask(at.engine, TextRequest(ChatPrompt(()), GREEDY))
    assert caught.value.status == 400


async def death_in_mid_answer(at: Situation) -> None:
    """A server that goes away in the middle leaves an error behind what it has said."""
    events: list[Event] = []
    with pytest.raises(EngineFailed):
        await _take(at.engine.generate(chat(user("Count from one to ten."))), events)
    assert text_and_thinking(events)[0]


async def _take(stream: EventStream, events: list[Event]) -> None:
    async for batch in stream:
        events += batch


LIMITS: Sequence[Scenario] = [
    Scenario(counted, _TOKENIZING),
    Scenario(rendered, _TOKENIZING),
    Scenario(tokenized, _TOKENIZING),
    Scenario(embedded),
    Scenario(context_round_trip, _TOKENIZING),
    Scenario(long_prompt_refused, ANY),
    Scenario(long_prompt_truncated, ANY),
    Scenario(small_context, _TOKENIZING),
    Scenario(unknown_model, ("vllm", "sglang", "smg", "openai")),
    Scenario(bad_schema, ANY),
    Scenario(no_messages, ANY),
    Scenario(death_in_mid_answer, cut_after=6),
]
