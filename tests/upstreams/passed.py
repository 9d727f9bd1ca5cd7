"""Scenarios: OpenAI's own client streams through the whole server, once passed on as it comes and once translated."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# What a client asks is JSON.
from typing import Any

import openai

from arriero.types.upstreams import UpstreamSettings
from tests.upstreams.scenario import CAPITAL, MODEL, PARIS, Scenario, Site, Situation
from tests.upstreams.served import serving_before

# Those whose streams may be passed on.
PASSED: tuple[Site, ...] = ("vllm", "sglang", "smg")
_PLAIN: Mapping[str, Any] = {"messages": [{"role": "user", "content": CAPITAL}], "temperature": 0, "max_tokens": 24}
_COUNT: Mapping[str, Any] = {**_PLAIN, "messages": [{"role": "user", "content": "Count from one to ten."}]}


@dataclass(frozen=True, slots=True)
class Streamed:
    """What a client has got. usage: of prompt and answer. ids: those of all chunks. error: what it ended with."""

    text: str
    role: str | None
    reasons: Sequence[str]
    usage: Sequence[tuple[int, int]]
    models: frozenset[str]
    ids: int
    error: str = ""


async def _stream(url: str, body: Mapping[str, Any]) -> tuple[Streamed, bool]:
    """What comes, and whether it was passed on: the server's own chunks have a mark of their own."""
    chunks = []
    error = ""
    async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="any", max_retries=0) as client:
        try:
            stream = await client.chat.completions.create(model=MODEL, stream=True, **body)
            async for chunk in stream:
                chunks.append(chunk)  # noqa: PERF401  # those before an error count
        except openai.APIError as raised:
            error = raised.message
    choices = [choice for chunk in chunks for choice in chunk.choices]
    usages = [chunk.usage for chunk in chunks if chunk.usage]
    streamed = Streamed(
        "".join(choice.delta.content or "" for choice in choices),
        choices[0].delta.role if choices else None,
        [choice.finish_reason for choice in choices if choice.finish_reason],
        [(usage.prompt_tokens, usage.completion_tokens) for usage in usages],
        frozenset(chunk.model for chunk in chunks),
        len({(chunk.id, chunk.created, chunk.object) for chunk in chunks}),
        error,
    )
    return streamed, bool(chunks) and chunks[0].system_fingerprint != "fp_ollama"


async def _both_ways(at: Situation, body: Mapping[str, Any]) -> Streamed:
    """The same to a client, whether it is passed on or not."""
    seen = []
    for passes in (None, False):
        async with serving_before(UpstreamSettings("elsewhere", at.url, passes=passes)) as own:
            seen.append(await _stream(own, body))
    (passed, is_passed), (translated, is_passed_too) = seen
    assert (is_passed, is_passed_too) == (bool(passed.text), False)
    assert passed == translated
    return passed


async def passed_stream(at: Situation) -> None:
    """An answer, with its usage where that is asked for."""
    plain = await _both_ways(at, _PLAIN)
    assert (plain.text, plain.role, plain.reasons, plain.usage) == (PARIS, "assistant", ["stop"], [])
    assert (list(plain.models), plain.ids) == ([MODEL], 1)
    counted = await _both_ways(at, {**_PLAIN, "stream_options": {"include_usage": True}})
    assert (counted.text, counted.usage) == (PARIS, [(36, 8)])


async def passed_limits(at: Situation) -> None:
    """A limit of tokens, a text that ends the answer, and more of those than most engines take."""
    short = await _both_ways(at, {**_PLAIN, "max_completion_tokens": 3})
    assert (short.text, short.reasons) == ("The capital of", ["length"])
    one = await _both_ways(at, {**_PLAIN, "max_tokens": 1})
    assert (one.text, one.reasons) == ("The", ["length"])
    stopped = await _both_ways(at, {**_PLAIN, "stop": [" Paris"]})
    assert (stopped.text, stopped.reasons) == ("The capital of France is", ["stop"])


async def passed_characters(at: Situation) -> None:
    """Characters of many bytes, whole even where the limit would cut one in two."""
    turn = {"role": "user", "content": 'Repeat exactly: 😀 ñ 你好 \\n "quoted" 日本語'}
    for limit in (5, 6, 7, 8, 24):
        streamed = await _both_ways(at, {**_PLAIN, "messages": [turn], "max_tokens": limit})
        assert streamed.text
        assert "\ufffd" not in streamed.text[-1:]


async def passed_refusals(at: Situation) -> None:
    """A prompt that is too long is told in this server's words, or cut."""
    long = [{"role": "user", "content": "7" * 2100}]
    refused = await _both_ways(at, {**_PLAIN, "messages": long})
    assert "2048" in refused.error
    cut = await _both_ways(at, {**_PLAIN, "messages": [*long, {"role": "assistant", "content": "Well."}, *_turns()]})
    assert cut.text
    assert not cut.error


def _turns() -> Sequence[Mapping[str, str]]:
    turns: Sequence[Mapping[str, str]] = _PLAIN["messages"]
    return turns


async def passed_death(at: Situation) -> None:
    """An engine that dies in the middle leaves an error behind what it has said."""
    for passes in (None, False):
        async with serving_before(UpstreamSettings("elsewhere", at.url, passes=passes)) as own:
            streamed, _ = await _stream(own, _COUNT)
        assert streamed.text
        assert streamed.error
        assert not streamed.reasons


PASSING: Sequence[Scenario] = [
    Scenario(passed_stream, PASSED),
    Scenario(passed_limits, PASSED),
    Scenario(passed_characters, PASSED),
    Scenario(passed_refusals, PASSED),
    Scenario(passed_death, PASSED, cut_after=6),
]
