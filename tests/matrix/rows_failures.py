"""Rows of what goes wrong, and of many at once."""

import asyncio
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx

from tests.contract.claim import CHAT, GENERATE
from tests.engines_live.subject import Subject
from tests.matrix.bench import ANSWER, ENDLESS, GREEDY, NUMBERS, TURN, Bench, CannotBeTold, text_of
from tests.matrix.row import Row
from tests.sdk.interruptions import BROKEN
from tests.sdk.scenario import Served

_PATIENCE_S = 20.0
FILLER = [{"role": "user", "content": "word " * 2500}, {"role": "assistant", "content": "Yes."}]


def too_long(bench: Bench) -> str:
    reasons = {
        bench.plain.refusal(CHAT, 400, messages=[*FILLER, *TURN], truncate=False, options=GREEDY),
        bench.plain.refusal(CHAT, 400, "word " * 2500, options=GREEDY),
        bench.plain.refusal(GENERATE, 400, "word " * 2500, options=GREEDY),
        bench.plain.refusal(GENERATE, 400, "word " * 2500, raw=True, options=GREEDY),
    }
    assert all("2048 tokens" in reason for reason in reasons), reasons
    return f"400 {min(reasons)!r}"


def dropped(bench: Bench) -> str:
    reply = bench.plain.ask(CHAT, messages=[*FILLER, *TURN], options=GREEDY)
    assert reply.status == 200, f"{reply.status} {reply.body[:200]!r}"
    told = reply.json.get("truncated")
    assert told, f"nothing is told: {reply.json}"
    assert told["dropped_messages"] in {1, 2}, told
    assert told["prompt_tokens"] == reply.json["prompt_eval_count"], (told, reply.json["prompt_eval_count"])
    assert told["num_ctx"] == 2048, told
    assert "dropped_messages" in reply.headers.get("x-arriero-truncated", ""), dict(reply.headers)
    assert "Paris" in reply.json["message"]["content"], reply.json
    last = bench.plain.stream(CHAT, messages=[*FILLER, *TURN], options=GREEDY)[-1]
    assert last["truncated"] == told, last
    return f"{told}, in the last object and as x-arriero-truncated"


def disconnect(bench: Bench) -> str:
    wait_until(lambda: not bench.is_busy(), "the engine is busy before anything was asked")
    with bench.plain.lines(GENERATE, NUMBERS, **ENDLESS) as lines:
        for _ in range(3):
            next(lines)
        wait_until(bench.is_busy, "the engine does not say that it works")
    left = time.monotonic()
    wait_until(lambda: not bench.is_busy(), "the engine goes on after the client has left")
    return f"the engine works, and has stopped {time.monotonic() - left:.1f} s after the client left"


def disconnect_whole(bench: Bench) -> str:
    def ask() -> None:
        body = {"model": bench.model, "prompt": NUMBERS, "stream": False, **ENDLESS}
        httpx.post(f"{bench.plain.url}{GENERATE}", json=body, timeout=3.0)

    wait_until(lambda: not bench.is_busy(), "the engine is busy before anything was asked")
    try:
        ask()
    except httpx.ReadTimeout:
        wait_until(lambda: not bench.is_busy(), "the engine goes on after the client has left")
        return "the same without streaming"
    raise AssertionError("the whole answer came within 3 s, and so nobody could leave")


def wait_until(holds: Callable[[], bool], reason: str) -> None:
    """Wait for what the engine tells of itself."""
    end = time.monotonic() + _PATIENCE_S
    while not holds():
        assert time.monotonic() < end, reason
        time.sleep(0.1)


def eight(bench: Bench) -> str:
    def ask(number: int) -> str:
        parts = bench.parts(f"Tell me about the number {number}.", options={"temperature": 0, "num_predict": 24})
        assert [part.done for part in parts] == [False] * (len(parts) - 1) + [True]
        assert (parts[-1].eval_count or 0) <= 24
        return text_of(parts)

    started = time.monotonic()
    with ThreadPoolExecutor(8) as clients:
        texts = list(clients.map(ask, range(8)))
    assert all(texts), texts
    took = time.monotonic() - started
    assert len(set(texts)) > 4, f"eight questions have {len(set(texts))} answers: {texts}"
    with ThreadPoolExecutor(8) as clients:
        same = list(clients.map(lambda _: bench.say(), range(8)))
    assert all("Paris" in text for text in same), same
    return f"eight streams, each whole and its own, in {took:.1f} s; eight times {ANSWER[-6:]!r}"


def broken(subject: Subject, end_engine: Callable[[], None]) -> str:
    """End an engine once official clients all have begun to read its answers; what they are told."""
    begun = 0

    def has_begun() -> None:
        nonlocal begun
        begun += 1
        if begun == len(BROKEN):
            end_engine()

    async def all_of_them() -> list[str]:
        on = Served(subject.url, subject.model)
        return await asyncio.gather(*(break_off(on, has_begun) for break_off in BROKEN))

    return repr(asyncio.run(all_of_them())[0])


def failure(bench: Bench) -> str:
    if bench.end_engine is None:
        raise CannotBeTold("the engine is not ours to end")
    with bench.thinking.lines(GENERATE, NUMBERS, **ENDLESS) as lines:
        seen = [next(lines) for _ in range(3)]
        told = broken(bench.thinking, bench.end_engine)
        seen.extend(lines)
    assert list(json.loads(seen[-1])) == ["error"], f"the last line: {seen[-1][:200]}"
    assert not any(json.loads(line)["done"] for line in seen[:-1])
    reply = bench.plain.ask(CHAT, options=GREEDY)
    assert reply.status == 200, "the other server suffers, too"
    return f"the engine was killed; the last line: {seen[-1][:100]}; official clients: {told}"


FAILURES = (
    Row("a prompt that is too long is refused", too_long),
    Row("old messages are dropped, and it is told", dropped),
    Row("disconnect in a stream", disconnect),
    Row("disconnect without a stream", disconnect_whole),
    Row("8 at once", eight),
    Row("the engine dies in mid-answer", failure),
)
