"""What may be asked: nothing that Ollama takes is refused, crashes, or is passed over."""

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

from arriero.errors import EngineFailed
from arriero.types.chat import InfillPrompt, JsonFormat, TextPrompt, ToolCall
from arriero.types.events import ThinkingDelta, ToolCallDelta
from tests.contract.cases_abilities import AGE, EARLIER_CALL, WEATHER
from tests.contract.claim import BOTH, CHAT, GENERATE, Bench, Claim, said, thought

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(16)).decode()
USER = {"role": "user", "content": "hi"}
SAMPLING = {
    "temperature": 0.5,
    "top_k": 11,
    "top_p": 0.75,
    "min_p": 0.125,
    "typical_p": 0.625,
    "repeat_penalty": 1.25,
    "repeat_last_n": 33,
    "presence_penalty": 0.375,
    "frequency_penalty": 0.875,
    "num_keep": 9,
    "seed": 42,
}


# Bodies and options are JSON.
async def is_answered(bench: Bench, path: str, **body: Any) -> None:
    """Answered in one piece and in many, to the end."""
    whole = await bench.ask(path, **body)
    assert (whole.status, whole.json["done"]) == (200, True)
    assert (await bench.stream(path, **body))[-1]["done"] is True


async def is_refused(bench: Bench, path: str, **body: Any) -> str:
    """Refused with 400 and nothing but a reason, also where a stream was asked for; the reason."""
    replies = [await bench.ask(path, stream=stream, **body) for stream in (False, True)]
    assert [(reply.status, reply.content_type, list(reply.json)) for reply in replies] == [
        (400, "application/json", ["error"])
    ] * 2
    return str(replies[0].json["error"])


async def a_seed_reaches_the_engine(bench: Bench) -> None:
    for path in BOTH:
        await is_answered(bench, path, options={"seed": 42})
        assert [request.sampling.seed for request in bench.engine().requests[-2:]] == [42, 42]


async def no_limit_is_no_limit(bench: Bench) -> None:
    for path in BOTH:
        for number in (-1, -2):
            await is_answered(bench, path, options={"num_predict": number})
            assert bench.heard().sampling.max_tokens is None


async def odd_numbers_are_taken_and_other_types_refused(bench: Bench) -> None:
    for path in BOTH:
        for odd in ({"top_k": 0}, {"temperature": -1.0}, {"temperature": 99}, {"num_predict": None}):
            await is_answered(bench, path, options=odd)
        assert "top_k" in await is_refused(bench, path, options={"top_k": "many"})


async def too_long_is_400(bench: Bench) -> None:
    bench.engine().context = 8
    for path in BOTH:
        reason = await is_refused(bench, path, text="word " * 9)
        assert "9 tokens" in reason
        assert "8 tokens" in reason


async def empty_requests_load_and_unload(bench: Bench) -> None:
    for path, body in ((CHAT, {"messages": []}), (CHAT, {}), (GENERATE, {}), (GENERATE, {"prompt": ""})):
        for keep_alive, reason in ((None, "load"), (0, "unload")):
            reply = await bench.post(path, {"model": "gen", "keep_alive": keep_alive, **body})
            assert (reply.status, reply.json["done"], reply.json["done_reason"]) == (200, True, reason)
    assert bench.engine().requests == []


async def calls_need_no_content(bench: Bench) -> None:
    call = {"role": "assistant", "tool_calls": [EARLIER_CALL]}
    await is_answered(bench, CHAT, model="tool", messages=[USER, call, USER])
    assert bench.turns("tool").messages[1].tool_calls == (ToolCall("get_weather", {"location": "Paris"}),)


async def what_ollama_takes_is_taken(bench: Bench) -> None:
    for path in BOTH:
        await is_answered(bench, path, format="")
        await is_answered(bench, path, model="think", think="high")
    assert (await bench.post("/api/show", {"name": "gen"})).status == 200
    assert (await bench.send("HEAD", "/api/tags")).status == 200


async def errors_are_ollamas(bench: Bench) -> None:
    bench.says(("x",), error=EngineFailed("out of memory"))
    bodies: tuple[tuple[str, Any, int], ...] = (
        (CHAT, b"", 400),
        (CHAT, b"{", 400),
        (CHAT, {"model": 5}, 400),
        (CHAT, {"model": "gen", "messages": [USER], "options": {"seed": "x"}}, 400),
        (CHAT, {"model": "x:cloud"}, 403),
        (CHAT, {"model": "nope"}, 404),
        (CHAT, {"model": "gen", "messages": [USER]}, 500),
        ("/api/me", None, 401),
    )
    for path, body, status in bodies:
        reply = await bench.post(path, body)
        assert (reply.status, reply.content_type) == (status, "application/json")
        assert isinstance(reply.json["error"], str)
        assert reply.json["error"]
        assert not reply.json.keys() & {"object", "message", "detail"}


async def tools_go_both_ways(bench: Bench) -> None:
    bench.says((ToolCallDelta(0, ToolCall("get_weather", {"location": "Paris"}, "call_1")),), model="tool")
    result = {"role": "tool", "content": "rain", "tool_name": "get_weather", "tool_call_id": "call_0"}
    call = {"role": "assistant", "content": "", "tool_calls": [{"id": "call_0", **EARLIER_CALL}]}
    lines = await bench.stream(CHAT, model="tool", messages=[USER, call, result], tools=[WEATHER])
    prompt = bench.turns("tool")
    assert prompt.tools == (WEATHER,)
    assert prompt.messages[1].tool_calls == (ToolCall("get_weather", {"location": "Paris"}, "call_0"),)
    assert (prompt.messages[2].tool_name, prompt.messages[2].tool_call_id) == ("get_weather", "call_0")
    calls = [call for line in lines for call in line["message"].get("tool_calls", ())]
    assert [call["function"]["arguments"] for call in calls] == [{"location": "Paris"}]


async def thinking_goes_both_ways(bench: Bench) -> None:
    bench.says((ThinkingDelta("Hm."), "Yes."), model="think")
    for path in BOTH:
        for think in (True, False, "low", "high"):
            whole = (await bench.ask(path, model="think", think=think)).json
            assert bench.turns("think").think == think
            assert (thought(whole), said(whole)) == ("Hm.", "Yes.")
        lines = await bench.stream(path, model="think")
        assert [thought(line) for line in lines] == ["Hm.", None, None]


async def formats_reach_the_engine(bench: Bench) -> None:
    for path in BOTH:
        for given, taken in (("json", JsonFormat()), (AGE, JsonFormat(AGE)), (None, None)):
            await is_answered(bench, path, format=given)
            assert bench.heard().json_format == taken


async def pictures_reach_the_engine(bench: Bench) -> None:
    turn = {"role": "user", "content": "What is it?", "images": [PNG]}
    await is_answered(bench, CHAT, model="see", messages=[turn])
    assert bench.turns("see").messages[-1].images == (PNG,)
    await is_answered(bench, GENERATE, model="see", images=[PNG])
    assert bench.turns("see").messages[-1].images == (PNG,)


async def keep_alive_counts(bench: Bench) -> None:
    asked = ((None, timedelta(minutes=5)), ("1h", timedelta(hours=1)), (7200, timedelta(hours=2)))
    for path, (keep_alive, stay) in zip((CHAT, *BOTH), asked, strict=True):
        await bench.ask(path, keep_alive=keep_alive)
        (running,) = (await bench.send("GET", "/api/ps")).json["models"]
        left = datetime.fromisoformat(running["expires_at"]) - datetime.now(UTC)
        assert stay - timedelta(seconds=30) < left <= stay
    await bench.ask(CHAT, keep_alive=0)
    await bench.server.loader.loaded[-1].stopped.wait()
    assert (await bench.send("GET", "/api/ps")).json == {"models": []}


async def prompts_of_all_kinds_reach_the_engine(bench: Bench) -> None:
    await is_answered(bench, GENERATE, text="def ", model="fim", suffix=" return")
    assert bench.heard("fim").prompt == InfillPrompt("def ", " return")
    await is_answered(bench, GENERATE, text="Why?", system="S", template="{{ .System }}: {{ .Prompt }}!")
    assert bench.heard().prompt == TextPrompt("S: Why?!")
    await is_answered(bench, GENERATE, text="Why?", raw=True)
    assert bench.heard().prompt == TextPrompt("Why?")
    await is_answered(bench, GENERATE, text="Why?", context=[5, 6])
    prompt = bench.heard().prompt
    assert isinstance(prompt, TextPrompt)
    assert prompt.context == (5, 6)


async def what_else_may_be_asked_is_done(bench: Bench) -> None:
    for path in BOTH:
        tokens = (await bench.ask(path, logprobs=True, top_logprobs=2)).json["logprobs"]
        assert [len(token["top_logprobs"]) for token in tokens] == [2, 2, 2]
        rendered = (await bench.ask(path, text="Why?", _debug_render_only=True)).json["_debug_info"]
        assert "Why?" in rendered["rendered_template"]
        assert not bench.heard().is_shifting
        await bench.ask(path, shift=True)
        assert bench.heard().is_shifting
        assert bench.server.loader.plans[-1].is_shifting
    await truncate_decides(bench)
    vectors = (await bench.post("/api/embed", {"model": "emb", "input": "a", "dimensions": 3})).json["embeddings"]
    assert [len(vector) for vector in vectors] == [3]


async def truncate_decides(bench: Bench) -> None:
    bench.engine().context = 8
    turns = [{"role": "user", "content": "word " * 9}, USER]
    cut = await bench.ask(CHAT, messages=turns)
    assert (cut.status, cut.json["truncated"]["dropped_messages"]) == (200, 1)
    assert "exceeds" in await is_refused(bench, CHAT, messages=turns, truncate=False)


async def options_reach_the_engine(bench: Bench) -> None:
    for path in BOTH:
        await is_answered(bench, path, options={**SAMPLING, "stop": ["."], "num_ctx": 1000, "num_predict": 5})
        request = bench.heard()
        assert {name: getattr(request.sampling, name) for name in SAMPLING} == SAMPLING
        assert (request.sampling.stop, request.sampling.max_tokens, request.num_ctx) == ((".",), 5, 1000)
        # Ollama itself has given these up.
        await is_answered(bench, path, options={"mirostat": 2, "penalize_newline": True})


async def generate_remembers(bench: Bench) -> None:
    context = (await bench.ask(GENERATE)).json["context"]
    assert context
    assert (await bench.stream(GENERATE))[-1]["context"] == context
    await bench.ask(GENERATE, "And then?", context=context)
    prompt = bench.heard().prompt
    assert isinstance(prompt, TextPrompt)
    assert list(prompt.context) == context


REQUESTS = (
    Claim(9, "a seed is taken", a_seed_reaches_the_engine),
    Claim(10, "num_predict of -1 and -2 is no limit", no_limit_is_no_limit),
    Claim(11, "odd numbers are taken and other types are 400", odd_numbers_are_taken_and_other_types_refused),
    Claim(12, "a prompt longer than the context is 400 with both numbers", too_long_is_400),
    Claim(13, "requests without a prompt load and unload", empty_requests_load_and_unload),
    Claim(14, "a turn with tool calls needs no content", calls_need_no_content),
    Claim(15, "an empty format and think levels and name in show and HEAD are taken", what_ollama_takes_is_taken),
    Claim(16, "errors have the key error", errors_are_ollamas),
    Claim(17, "tools and calls and results go both ways", tools_go_both_ways),
    Claim(18, "think is heeded and thinking told apart", thinking_goes_both_ways),
    Claim(19, "format reaches the engine", formats_reach_the_engine),
    Claim(20, "images reach the engine", pictures_reach_the_engine),
    Claim(21, "keep_alive decides how long a model stays", keep_alive_counts),
    Claim(22, "suffix and template and context and raw reach the engine", prompts_of_all_kinds_reach_the_engine),
    Claim(23, "logprobs and truncate and shift and dimensions are heeded", what_else_may_be_asked_is_done),
    Claim(24, "every option reaches the engine", options_reach_the_engine),
    Claim(25, "generate returns its context and goes on from it", generate_remembers),
)
