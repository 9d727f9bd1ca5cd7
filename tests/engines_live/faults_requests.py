"""Requests that crash or are refused, and what is silently dropped: faults 9 to 25."""

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

# Bodies and answers are JSON.
from typing import Any

from tests.contract.cases_abilities import EARLIER_CALL, WEATHER
from tests.contract.claim import BOTH, CHAT, GENERATE, said, thought
from tests.engines_live.fault import Fault, all_of
from tests.engines_live.subject import GREEDY, USER, Subject
from tests.live.launching import PARIS

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(16)).decode()
SHORT = {**GREEDY, "num_predict": 3}
WARM = {"temperature": 1.5, "num_predict": 16}
STORY = "Tell me a story."
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string", "maxLength": 20}, "people": {"type": "integer"}},
    "required": ["city", "people"],
}


def is_answered(subject: Subject, path: str, **body: Any) -> None:
    """Answered in one piece and as a stream, to the end."""
    assert subject.answer(path, **body)["done"] is True
    last = subject.stream(path, **body)[-1]
    assert last.get("done") is True, f"{path} {body}: the last line is {last}"


def a_seed_crashes(subject: Subject) -> str:
    def answered() -> None:
        for path in BOTH:
            is_answered(subject, path, options={**SHORT, "seed": 42})

    def heeded() -> str:
        replies = [subject.ask(CHAT, STORY, options={**WARM, "seed": seed}) for seed in (7, 7, 8)]
        assert replies[0].status == 200, str(replies[0].status)
        texts = [said(reply.json) for reply in replies]
        ignored = replies[0].headers.get("x-arriero-ignored", "")
        if "seed" in ignored:
            return f"the engine heeds none, and that is told: x-arriero-ignored: {ignored}"
        assert texts[0] == texts[1], f"seed 7 says {texts[:2]}, and nobody is told"
        assert texts[1] != texts[2], f"seeds 7 and 8 both say {texts[2]!r}"
        return f"seed 7 says {texts[0][:40]!r} twice, seed 8 something else"

    return all_of({"it is answered": answered, "it repeats an answer": heeded})


def no_limit_crashes(subject: Subject) -> str:
    def take(number: int) -> None:
        for path in BOTH:
            is_answered(subject, path, options={"temperature": 0, "num_predict": number})

    return all_of({f"num_predict {number}": partial(take, number) for number in (-1, -2)})


def odd_numbers_crash(subject: Subject) -> str:
    def take(option: str, value: float | None) -> None:
        for path in BOTH:
            is_answered(subject, path, options={"temperature": 0, "num_predict": 3, option: value})

    def refuse() -> str:
        return " and ".join({repr(subject.refusal(path, 400, options={"top_k": "many"})) for path in BOTH})

    odd = (("top_k", 0), ("temperature", -1.0), ("temperature", 99.0), ("num_predict", None))
    parts: dict[str, Callable[[], object]] = {f"{name} {value}": partial(take, name, value) for name, value in odd}
    return all_of({**parts, "top_k 'many' is 400": refuse})


def too_long_crashes(subject: Subject) -> str:
    for path in BOTH:
        reason = subject.refusal(path, 400, "word " * 3000)
    return f"400 {reason!r}"


def empty_requests_crash(subject: Subject) -> str:
    def take(path: str, body: dict[str, Any]) -> None:
        for keep_alive, reason in ((300, "load"), (0, "unload")):
            reply = subject.post(path, {"model": subject.model, "keep_alive": keep_alive, **body})
            assert reply.status == 200, f"{reply.status} {reply.body[:80]!r}"
            told = reply.json["done_reason"]
            assert told == reason, f"done_reason with keep_alive {keep_alive} is {told!r}"

    asked: tuple[tuple[str, dict[str, Any]], ...] = (
        (CHAT, {"messages": []}),
        (CHAT, {}),
        (GENERATE, {}),
        (GENERATE, {"prompt": ""}),
    )
    return all_of({f"{path} {body}": partial(take, path, body) for path, body in asked})


def calls_need_content(subject: Subject) -> str:
    call = {"role": "assistant", "tool_calls": [EARLIER_CALL]}
    messages = [USER, call, {"role": "tool", "content": "rain", "tool_name": "get_weather"}, USER]
    is_answered(subject, CHAT, messages=messages, options=SHORT)
    return "a turn with tool_calls and no content is answered"


def what_ollama_takes_is_refused(subject: Subject) -> str:
    def formats() -> None:
        for path in BOTH:
            is_answered(subject, path, format="", options=SHORT)

    def levels(path: str) -> str:
        reply = subject.ask(path, think="high", options=SHORT)
        is_told = reply.status == 400 and "does not support thinking" in reply.json.get("error", "")
        assert reply.status == 200 or is_told, f"{reply.status} {reply.body[:80]!r}"
        return "answered" if reply.status == 200 else repr(reply.json["error"])

    def is_ok(method: str, path: str, body: Any = None) -> None:
        reply = subject.send(method, path, body)
        assert reply.status == 200, str(reply.status)

    return all_of(
        {
            "an empty format": formats,
            **{f"think 'high' in {path}": partial(levels, path) for path in BOTH},
            "show by `name`": partial(is_ok, "POST", "/api/show", {"name": subject.model}),
            "HEAD /api/tags": partial(is_ok, "HEAD", "/api/tags"),
        }
    )


def errors_have_another_shape(subject: Subject) -> str:
    bad = {"model": subject.model, "messages": [USER], "options": {"temperature": "warm"}}
    for body in (b"{", b"", {"model": 5}, {"model": subject.model, "messages": 3}, bad):
        reply = subject.post(CHAT, body)
        assert reply.status == 400, f"{body!r} is {reply.status}: {reply.body[:120]!r}"
        assert list(reply.json) == ["error"], f"{body!r}: the keys are {list(reply.json)}"
    return 'five bad bodies are 400 {"error":"…"}'


def tools_are_dropped(subject: Subject) -> str:
    turn = [{"role": "user", "content": "What is the weather in Paris?"}]
    answer = subject.answer(CHAT, messages=turn, tools=[WEATHER], options={**GREEDY, "num_predict": 60})
    calls = answer["message"].get("tool_calls")
    assert calls, f"no call; the text is {said(answer)[:120]!r}"
    assert calls[0]["function"]["name"] == "get_weather"
    assert isinstance(calls[0]["function"]["arguments"], dict)
    lines = subject.stream(CHAT, messages=turn, tools=[WEATHER], options={**GREEDY, "num_predict": 60})
    streamed = [call["function"] for line in lines for call in line["message"].get("tool_calls", ())]
    assert [call["arguments"] for call in streamed] == [calls[0]["function"]["arguments"]]
    return f"calls {calls[0]['function']['name']}({calls[0]['function']['arguments']}), also as a stream"


def thinking_is_not_told_apart(subject: Subject) -> str:
    for path in BOTH:
        answer = subject.answer(path, think=True, options={**GREEDY, "num_predict": 60})
        assert thought(answer), f"{path}: no thinking; the text is {said(answer)!r}"
        assert "Paris" in said(answer), f"{path}: {answer}"
        assert "think>" not in said(answer), f"{path}: {said(answer)!r}"
        silent = subject.answer(path, think=False, options={**GREEDY, "num_predict": 60})
        assert not thought(silent), f"{path} think=false: {silent}"
        assert "think>" not in said(silent), f"{path} think=false: {said(silent)!r}"
    return f"thinking {thought(answer)!r}, text {said(answer)!r}; with think=false {said(silent)!r}"


def formats_are_dropped(subject: Subject) -> str:
    options = {**GREEDY, "num_predict": 80}
    for path in BOTH:
        text = said(subject.answer(path, format=SCHEMA, options=options))
        assert text.lstrip().startswith("{"), f"{path} with a schema says {text!r}"
        found = json.loads(text)
        assert isinstance(found["city"], str), text
        assert isinstance(found["people"], int), text
        loose = said(subject.answer(path, f"{PARIS} Answer in JSON.", format="json", options=options))
        assert loose.lstrip().startswith(("{", "[")), f"{path} with 'json' says {loose!r}"
    return f"{text!r}"


def pictures_are_dropped(subject: Subject) -> str:
    turn = {"role": "user", "content": "What is this?", "images": [PNG]}
    reasons = [
        subject.refusal(CHAT, 400, messages=[turn], options=SHORT),
        subject.refusal(GENERATE, 400, images=[PNG], options=SHORT),
    ]
    assert all("image" in reason for reason in reasons), reasons
    return f"400 {reasons[0]!r}"


def keep_alive_is_dropped(subject: Subject) -> str:
    reason = subject.refusal(CHAT, 400, keep_alive="soon", options=SHORT)
    assert "duration" in reason, reason
    reply = subject.ask(CHAT, keep_alive="1h", options=SHORT)
    running = subject.send("GET", "/api/ps").json["models"]
    [model] = [model for model in running if model["name"].startswith(subject.model)]
    left = datetime.fromisoformat(model["expires_at"]) - datetime.now(UTC)
    ignored = reply.headers.get("x-arriero-ignored", "")
    if "keep_alive" in ignored:
        return f"the engine stays, and that is told: x-arriero-ignored: {ignored}; 'soon' is 400 {reason!r}"
    assert timedelta(minutes=55) < left <= timedelta(hours=1), (
        f"'1h' is passed over, and nobody is told: {left.days} days"
    )
    return f"'1h' stays for {left}; 'soon' is 400 {reason!r}"


def prompts_of_other_kinds_are_dropped(subject: Subject) -> str:
    def count(**body: Any) -> int:
        number: int = subject.answer(GENERATE, "Why?", options=SHORT, **body)["prompt_eval_count"]
        return number

    usual = count()

    def raw() -> str:
        assert count(raw=True) < usual, f"{usual} tokens, raw or not"
        return f"{count(raw=True)} tokens in place of {usual}"

    def template() -> str:
        bare, marked = count(template="{{ .Prompt }}"), count(template="### {{ .Prompt }} ###")
        assert bare < marked, f"{bare} tokens with any template"
        return f"{bare} and {marked} tokens with two of them"

    def context() -> str:
        found = count(context=[1, 9690, 198, 2683])
        assert found != usual, f"{usual} tokens with and without"
        return f"{found} tokens with four of them in front"

    def suffix() -> str:
        reply = subject.ask(GENERATE, "def f(", suffix="return 1", options=SHORT)
        assert reply.status == 400, f"{reply.status}, and passed over"
        assert "does not support insert" in reply.json["error"], reply.json
        return f"400 {reply.json['error']!r}"

    return all_of({"raw": raw, "template": template, "context": context, "suffix": suffix})


def what_else_is_asked_is_dropped(subject: Subject) -> str:
    def logprobs() -> str:
        answer = subject.answer(CHAT, logprobs=True, top_logprobs=2, options=SHORT)
        tokens = answer.get("logprobs")
        assert tokens, "none"
        assert "".join(token["token"] for token in tokens) == said(answer), answer
        assert [len(token["top_logprobs"]) for token in tokens] == [2, 2, 2], tokens
        return f"of {[token['token'] for token in tokens]}"

    turns = [{"role": "user", "content": "word " * 2500}, USER]

    def truncation() -> str:
        told = subject.answer(CHAT, messages=turns, options=GREEDY)["truncated"]
        assert told["dropped_messages"] == 1, told
        return str(told)

    def rendering() -> str:
        rendered = subject.answer(CHAT, _debug_render_only=True)
        text = rendered.get("_debug_info", {}).get("rendered_template", "")
        assert PARIS in text, f"{str(rendered)[:150]}"
        return repr(text)

    return all_of(
        {
            "logprobs": logprobs,
            "truncate": truncation,
            "truncate false": lambda: subject.refusal(CHAT, 400, messages=turns, truncate=False),
            "_debug_render_only": rendering,
        }
    )


def options_are_dropped(subject: Subject) -> str:
    greedy = said(subject.answer(CHAT, STORY, options={**WARM, "temperature": 0}))

    def only_the_likeliest(**options: Any) -> None:
        texts = {said(subject.answer(CHAT, STORY, options={**WARM, **options})) for _ in range(2)}
        assert texts == {greedy}, f"says {texts}, and greedy {greedy!r}"

    def penalty() -> str:
        text = said(subject.answer(CHAT, STORY, options={**WARM, "temperature": 0, "repeat_penalty": 1.9}))
        assert text != greedy, f"changes nothing in {greedy!r}"
        return f"{text!r}, else {greedy!r}"

    def context() -> str:
        reply = subject.ask(CHAT, "word " * 100, truncate=False, options={**SHORT, "num_ctx": 64})
        assert reply.status == 400, f"100 words are {reply.status}"
        assert "64 tokens" in reply.json["error"], reply.json
        return f"400 {reply.json['error']!r}"

    def others() -> str:
        reply = subject.ask(CHAT, options={**SHORT, "typical_p": 0.5})
        ignored = reply.headers.get("x-arriero-ignored", "")
        assert "typical_p" in ignored, "passed over, and nobody is told"
        return f"x-arriero-ignored: {ignored}"

    return all_of(
        {
            "top_k 1": partial(only_the_likeliest, top_k=1),
            "min_p 1": partial(only_the_likeliest, min_p=1.0),
            "repeat_penalty 1.9": penalty,
            "num_ctx 64": context,
            "what the engine has not": others,
        }
    )


def generate_forgets(subject: Subject) -> str:
    first = subject.answer(GENERATE, "My name is Ada.", options=SHORT)
    context = first.get("context")
    assert context, "no context"
    assert len(context) >= first["prompt_eval_count"], f"{len(context)} of {first['prompt_eval_count']} tokens"
    second = subject.answer(GENERATE, "What is my name?", context=context, options=GREEDY)
    assert second["prompt_eval_count"] > len(context), second
    assert second["context"][: len(context)] == context, "the second context does not begin with the first"
    streamed = subject.stream(GENERATE, "My name is Ada.", options=SHORT)[-1]["context"]
    assert streamed == context, f"streamed: {streamed}, else {context}"
    return f"{len(context)} tokens, then {len(second['context'])}: {said(second)!r}"


REQUEST_FAULTS = (
    Fault(9, a_seed_crashes),
    Fault(10, no_limit_crashes),
    Fault(11, odd_numbers_crash),
    Fault(12, too_long_crashes),
    Fault(13, empty_requests_crash),
    Fault(14, calls_need_content),
    Fault(15, what_ollama_takes_is_refused),
    Fault(16, errors_have_another_shape),
    Fault(17, tools_are_dropped, "thinking"),
    Fault(18, thinking_is_not_told_apart, "thinking"),
    Fault(19, formats_are_dropped),
    Fault(20, pictures_are_dropped),
    Fault(21, keep_alive_is_dropped),
    Fault(22, prompts_of_other_kinds_are_dropped),
    Fault(23, what_else_is_asked_is_dropped),
    Fault(24, options_are_dropped),
    Fault(25, generate_forgets),
)
