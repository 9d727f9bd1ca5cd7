"""Rows of what a model may be able to do: formats, tools, thinking, vectors, pictures, gaps."""

import json

from tests.contract.claim import BOTH, CHAT, GENERATE, said, thought
from tests.engines_live.faults_requests import PNG
from tests.live.launching import PARIS
from tests.matrix.bench import GREEDY, TURN, Bench
from tests.matrix.row import Row

LONGER = {"temperature": 0, "num_predict": 80}
SCHEMA = {
    "type": "object",
    "properties": {
        "city": {"type": "string", "maxLength": 20},
        "people": {"type": "integer"},
        "continent": {"type": "string", "enum": ["Europe", "Asia"]},
    },
    "required": ["city", "people", "continent"],
    "additionalProperties": False,
}
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a place",
        "parameters": {"type": "object", "properties": {"location": {"type": "string"}}, "required": ["location"]},
    },
}
ASKED = [{"role": "user", "content": "What is the weather in Paris?"}]


def schema(bench: Bench) -> str:
    for path in BOTH:
        for text in (
            said(bench.plain.answer(path, format=SCHEMA, options=LONGER)),
            "".join(map(said, bench.plain.stream(path, format=SCHEMA, options=LONGER))),
        ):
            found = json.loads(text)
            assert sorted(found) == ["city", "continent", "people"], text
            assert isinstance(found["people"], int), text
            assert found["continent"] in {"Europe", "Asia"}, text
    return f"{text!r}"


def bad_schema(bench: Bench) -> str:
    reasons = [bench.plain.refusal(CHAT, 400, format=bad, options=GREEDY) for bad in ({"type": "strange"}, "yaml")]
    return f"400 {reasons[0]!r}"


def json_format(bench: Bench) -> str:
    for path in BOTH:
        answer = bench.plain.answer(path, f"{PARIS} Answer in JSON.", format="json", options=LONGER)
        text = said(answer)
        assert text.lstrip().startswith("{"), text
        if answer["done_reason"] == "stop":
            assert isinstance(json.loads(text), dict), text
    return f"{text!r}"


def offered(bench: Bench) -> str:
    answer = bench.thinker.chat(bench.model, ASKED, tools=[WEATHER], options=LONGER)
    assert answer.message.tool_calls, f"no call: {answer.message.content!r}"
    [call] = answer.message.tool_calls
    assert (call.function.name, call.function.arguments) == ("get_weather", {"location": "Paris"}), call
    assert not answer.message.content, answer.message.content
    parts = list(bench.thinker.chat(bench.model, ASKED, tools=[WEATHER], options=LONGER, stream=True))
    streamed = [call.function.arguments for part in parts for call in part.message.tool_calls or ()]
    assert streamed == [{"location": "Paris"}], streamed
    return "get_weather(location='Paris'), also streamed"


def forced(bench: Bench) -> str:
    named = {"type": "function", "function": {"name": "get_weather"}}
    # Thinking may come before a call, and a small model forgets itself over it.
    quiet = {"temperature": 0, "max_tokens": 120, "reasoning_effort": "none"}
    for choice in ("required", named):
        body = {"model": bench.model, "messages": ASKED, "tools": [WEATHER], "tool_choice": choice}
        reply = bench.thinking.post("/v1/chat/completions", {**body, **quiet})
        assert reply.status == 200, f"{choice}: {reply.status} {reply.body[:200]!r}"
        calls = reply.json["choices"][0]["message"].get("tool_calls")
        assert calls, f"{choice}: {str(reply.json['choices'])[:200]}"
        assert calls[0]["function"]["name"] == "get_weather"
        arguments = json.loads(calls[0]["function"]["arguments"])
        assert isinstance(arguments["location"], str), arguments
    return f"`required` and by name: get_weather({arguments})"


def history(bench: Bench) -> str:
    call = {"function": {"name": "get_weather", "arguments": {"location": "Paris"}}}
    turns = [
        *ASKED,
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_name": "get_weather", "content": "sunny, 21 degrees"},
    ]
    first = bench.thinking.answer(CHAT, messages=ASKED, tools=[WEATHER], options={**LONGER, "num_predict": 1})
    answer = bench.thinking.answer(CHAT, messages=turns, tools=[WEATHER], options=LONGER)
    grown = answer["prompt_eval_count"] - first["prompt_eval_count"]
    assert grown > 20, f"the call and its result are {grown} tokens"
    assert said(answer) or answer["message"].get("tool_calls"), answer
    return f"the call and its result are {grown} tokens of prompt; then {str(answer['message'])[:100]}"


def no_tools(bench: Bench) -> str:
    reason = bench.refused(lambda: bench.client.chat(bench.model, ASKED, tools=[WEATHER]), 400)
    assert "does not support tools" in reason, reason
    return f"400 {reason!r}"


def no_thinking(bench: Bench) -> str:
    reason = bench.refused(lambda: bench.client.chat(bench.model, TURN, think=True), 400)
    assert "does not support thinking" in reason, reason
    assert bench.client.chat(bench.model, TURN, think=False, options=GREEDY).message.content
    return f"400 {reason!r}; think=false is answered"


def thinking(bench: Bench) -> str:
    for path in BOTH:
        answer = bench.thinking.answer(path, think=True, options=LONGER)
        assert thought(answer), f"{path}: no thinking; {said(answer)!r}"
        assert "Paris" in said(answer), f"{path}: {answer}"
        assert "think>" not in said(answer) + (thought(answer) or ""), f"{path}: {answer}"
        lines = bench.thinking.stream(path, think=True, options=LONGER)
        assert "".join(map(said, lines)) == said(answer), f"{path}: streamed {''.join(map(said, lines))!r}"
        assert "".join(thought(line) or "" for line in lines) == thought(answer), path
    return f"thinking {thought(answer)!r}, then {said(answer)!r}"


def thinking_off(bench: Bench) -> str:
    for path in BOTH:
        answer = bench.thinking.answer(path, think=False, options=LONGER)
        assert not thought(answer), f"{path}: {answer}"
        assert "Paris" in said(answer), f"{path}: {answer}"
        assert "think>" not in said(answer), f"{path}: {answer}"
    return repr(said(answer))


def thinking_raw(bench: Bench) -> str:
    answer = bench.thinking.answer(CHAT, options=LONGER)
    assert "think>" not in said(answer), said(answer)
    assert thought(answer), f"a model that can think does, unless think is false: {answer}"
    return f"thinking {thought(answer)!r} without being asked"


def embed(bench: Bench) -> str:
    answer = bench.client.embed(bench.model, ["The dog barks.", "A hound is barking.", "Prices fell in May."])
    first, near, far = ([float(number) for number in vector] for vector in answer.embeddings)
    alike, unlike = (sum(a * b for a, b in zip(first, other, strict=True)) for other in (near, far))
    assert abs(sum(number * number for number in first) - 1) < 1e-3
    assert alike > unlike, f"{alike:.3f} between what means the same, {unlike:.3f} else"
    assert (answer.prompt_eval_count or 0) > 9, answer.prompt_eval_count
    return f"{len(first)} numbers; {alike:.3f} between what means the same, {unlike:.3f} else"


def pictures(bench: Bench) -> str:
    turn = {"role": "user", "content": "What is this?", "images": [PNG]}
    reason = bench.plain.refusal(CHAT, 400, messages=[turn], options=GREEDY)
    assert "image" in reason, reason
    return f"400 {reason!r}"


def gaps(bench: Bench) -> str:
    reason = bench.plain.refusal(GENERATE, 400, "def f(", suffix="return 1", options=GREEDY)
    assert "does not support insert" in reason, reason
    return f"400 {reason!r}"


ABILITIES = (
    Row("JSON schema", schema),
    Row("a bad schema or format is refused", bad_schema),
    Row("format json", json_format),
    Row("tools, offered", offered),
    Row("tools, forced over /v1 tool_choice", forced),
    Row("tools, earlier calls and results", history),
    Row("tools of a model that knows none are refused", no_tools),
    Row("think of a model that cannot is refused", no_thinking),
    Row("thinking told apart", thinking),
    Row("think false", thinking_off),
    Row("thinking without being asked", thinking_raw),
    Row("embed", embed),
    Row("pictures for a model that sees none are refused", pictures),
    Row("a suffix for a model without infill is refused", gaps),
)
