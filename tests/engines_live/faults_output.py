"""Wrong or lost output: faults 1 to 8."""

from typing import Any

import httpx

from tests.contract.claim import BOTH, CHAT, GENERATE, said, thought
from tests.engines_live.fault import Fault
from tests.engines_live.subject import GREEDY, USER, Subject
from tests.live.launching import PARIS

LONG = "Count from one to one hundred in words."
WARM = {"temperature": 1.5, "num_predict": 12}


# Lines are JSON.
def joined(lines: list[Any]) -> str:
    """The text of a stream."""
    return "".join(map(said, lines))


def text_is_lost_at_the_end(subject: Subject) -> str:
    for path in BOTH:
        for limit in (1, 3):
            options = {**GREEDY, "num_predict": limit}
            whole = said(subject.answer(path, options=options))
            streamed = joined(subject.stream(path, options=options))
            assert whole, f"{path} num_predict={limit}: no text"
            assert streamed == whole, f"{path} num_predict={limit}: {whole!r}, streamed {streamed!r}"
    return f"num_predict=3 is {whole!r} in one piece and streamed"


def pieces_are_cut_up(subject: Subject) -> str:
    whole = said(subject.answer(CHAT, options=GREEDY))
    pieces = list(map(said, subject.stream(CHAT, options=GREEDY)))
    streamed = "".join(pieces)
    assert whole.startswith(streamed), f"{whole!r}, streamed {streamed!r}"
    assert len(streamed) > len(whole) // 2, f"{whole!r}, streamed {streamed!r}"
    return f"pieces are {pieces}"


def the_reason_is_always_stop(subject: Subject) -> str:
    for path in BOTH:
        options = {**GREEDY, "num_predict": 3}
        reasons = [
            subject.answer(path, options=options)["done_reason"],
            subject.stream(path, options=options)[-1]["done_reason"],
            subject.answer(path, options=GREEDY)["done_reason"],
        ]
        assert reasons == ["length", "length", "stop"], f"{path}: cut, cut as a stream, ended: {reasons}"
    return "`length` where it was cut, else `stop`"


def an_abort_looks_like_an_end(subject: Subject) -> str:
    assert subject.engine
    with subject.lines(CHAT, LONG, options={"num_predict": 400}) as lines:
        seen = [next(lines), next(lines)]
        everyone = {"rid": "", "abort_all": True}
        assert httpx.post(f"{subject.engine}/abort_request", json=everyone, timeout=30).status_code == 200
        seen.extend(lines)
    assert seen[-1].startswith('{"error":'), f"the engine ended it; the last line: {seen[-1][:200]}"
    return f"the engine ended it after {len(seen) - 1} lines; the last line: {seen[-1][:200]}"


def generate_knows_no_template(subject: Subject) -> str:
    options = {**GREEDY, "num_predict": 1}
    chat, generate = (subject.answer(path, options=options)["prompt_eval_count"] for path in (CHAT, GENERATE))
    assert generate == chat, f"{PARIS!r} is {chat} tokens in a chat, {generate} in generate"
    raw = subject.answer(GENERATE, raw=True, options=options)["prompt_eval_count"]
    assert raw < chat, f"raw is {raw} tokens, not raw {generate}"
    return f"{chat} tokens in a chat and in generate, {raw} raw"


def the_servers_template_is_passed_by(subject: Subject) -> str:
    assert subject.engine
    native = subject.answer(CHAT, options={**GREEDY, "num_predict": 1})["prompt_eval_count"]
    body = {"model": "smollm2", "messages": [USER], "max_tokens": 1}
    answer = httpx.post(f"{subject.engine}/v1/chat/completions", json=body, timeout=60).json()
    engines = answer["usage"]["prompt_tokens"]
    assert native == engines, f"--chat-template makes {engines} tokens of it, /api/chat had {native}"
    return f"{engines} tokens on both, by --chat-template"


def the_models_defaults_are_not_used(subject: Subject) -> str:
    def text(**options: Any) -> str:
        answer = subject.answer(CHAT, LONG, options={**WARM, **options})
        return f"{thought(answer) or ''}{said(answer)}"

    greedy = text(temperature=0)
    assert greedy, "no text"
    texts = {text() for _ in range(3)}
    assert texts == {greedy}, f"the model's own top_k is 1, and yet temperature 1.5 says {texts}"
    return f"the model's own top_k of 1 holds: temperature 1.5 says {greedy!r}, three times"


def names_are_not_looked_at(subject: Subject) -> str:
    name = f"{subject.model.partition(':')[0]}:{subject.model.partition(':')[2] or 'latest'}"
    assert name != "does-not-exist:latest"
    for path in BOTH:
        reply = subject.ask(path, model="does-not-exist:latest", options={**GREEDY, "num_predict": 1})
        assert reply.status == 404, f"{path} with an unknown model is {reply.status}"
        assert "not found" in reply.json["error"]
        told = {line["model"] for line in subject.stream(path, model=name, options={**GREEDY, "num_predict": 1})}
        assert told == {name}, f"{path} was asked of {name!r}, and answers as {told}"
    return f"an unknown name is 404; who asks {name!r} is answered as {name!r}"


OUTPUT_FAULTS = (
    Fault(1, text_is_lost_at_the_end),
    Fault(2, pieces_are_cut_up, "thinking"),
    Fault(3, the_reason_is_always_stop),
    Fault(4, an_abort_looks_like_an_end, "thinking"),
    Fault(5, generate_knows_no_template),
    Fault(6, the_servers_template_is_passed_by, "templated"),
    Fault(7, the_models_defaults_are_not_used, "thinking"),
    Fault(8, names_are_not_looked_at),
)
