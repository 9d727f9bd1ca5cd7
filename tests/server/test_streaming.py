import json

from hypothesis import given, settings
from hypothesis import strategies as st

from arriero.engines.fake import FakeEngine, Script
from arriero.protocol.sse import SseParser
from arriero.types.events import Event, TextDelta, ThinkingDelta
from tests.server.asgi import app_of, post

TURN = [{"role": "user", "content": "hi"}]
DELTAS = st.builds(TextDelta, st.text(min_size=1)) | st.builds(ThinkingDelta, st.text(min_size=1))
PIECES = st.lists(st.lists(DELTAS, min_size=1, max_size=3), max_size=5)
DURATIONS = {"created_at", "total_duration", "load_duration", "prompt_eval_duration", "eval_duration"}


# Answers are JSON.
def without_times(answer: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in answer.items() if key not in DURATIONS}


@given(PIECES)
@settings(max_examples=50, deadline=None)
async def test_a_stream_of_generate_says_what_the_whole_answer_says(pieces: list[list[Event]]) -> None:
    async with app_of(FakeEngine(Script(pieces))) as app:
        body = {"model": "gen", "prompt": "hi"}
        stream = await post(app, "/api/generate", body)
        whole = await post(app, "/api/generate", {**body, "stream": False})
    lines = [json.loads(line) for line in stream.body.splitlines()]
    collected = {**lines[-1], "response": "".join(line["response"] for line in lines)}
    if thinking := "".join(line.get("thinking", "") for line in lines):
        collected["thinking"] = thinking
    assert without_times(collected) == without_times(json.loads(whole.body))
    assert [line["done"] for line in lines] == [False] * (len(lines) - 1) + [True]


@given(PIECES)
@settings(max_examples=50, deadline=None)
async def test_a_stream_of_chat_says_what_the_whole_answer_says(pieces: list[list[Event]]) -> None:
    async with app_of(FakeEngine(Script(pieces))) as app:
        body = {"model": "gen", "messages": TURN}
        stream = await post(app, "/api/chat", body)
        whole = json.loads((await post(app, "/api/chat", {**body, "stream": False})).body)
    lines = [json.loads(line) for line in stream.body.splitlines()]
    for key in ("content", "thinking"):
        assert "".join(line["message"].get(key, "") for line in lines) == whole["message"].get(key, "")
    last = {**without_times(lines[-1]), "message": None}
    assert last == {**without_times(whole), "message": None}


@given(PIECES)
@settings(max_examples=50, deadline=None)
async def test_a_stream_of_openai_says_what_the_whole_answer_says(pieces: list[list[Event]]) -> None:
    async with app_of(FakeEngine(Script(pieces))) as app:
        body = {"model": "gen", "messages": TURN, "stream_options": {"include_usage": True}}
        stream = await post(app, "/v1/chat/completions", {**body, "stream": True})
        whole = json.loads((await post(app, "/v1/chat/completions", body)).body)
    *events, done = SseParser().feed(stream.body)
    assert done == b"[DONE]"
    chunks = [json.loads(event) for event in events]
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks[:-1]]
    [choice] = whole["choices"]
    for key in ("content", "reasoning"):
        assert "".join(delta.get(key, "") for delta in deltas) == choice["message"].get(key, "")
    assert chunks[-2]["choices"][0]["finish_reason"] == choice["finish_reason"]
    assert chunks[-1]["usage"] == whole["usage"]


async def test_what_the_engine_brings_together_leaves_in_one_write() -> None:
    async with app_of(FakeEngine(Script((("a", "b"), ("c",))))) as app:
        answer = await post(app, "/api/generate", {"model": "gen", "prompt": "hi"})
    assert [piece.count(b"\n") for piece in answer.pieces] == [2, 1, 1]


async def test_a_stream_tells_proxies_not_to_collect_it() -> None:
    async with app_of(FakeEngine()) as app:
        answer = await post(app, "/api/generate", {"model": "gen", "prompt": "hi"})
    assert answer.headers["x-accel-buffering"] == "no"
    assert answer.headers["cache-control"] == "no-cache"
    assert "content-length" not in answer.headers
