"""Rows of options: what decides which text comes out, and how much of it."""

from functools import partial

# Options are JSON.
from typing import Any

from tests.contract.claim import CHAT
from tests.engines_live.fault import all_of
from tests.live.launching import PARIS
from tests.matrix.bench import ANSWER, GREEDY, STORY, WARM, Bench, text_of
from tests.matrix.row import Row

# Those that not every engine has: either they act, or the answer tells that they do not.
SCARCE = {"typical_p": 0.5, "repeat_last_n": 8}
PENALTY = {"repeat_penalty": 1.1}


def temperature(bench: Bench) -> str:
    cold = {bench.say(STORY, num_predict=12) for _ in range(3)}
    assert len(cold) == 1, f"at temperature 0: {cold}"
    warm = {bench.say(STORY, **WARM) for _ in range(3)}
    assert len(warm) > 1, f"at temperature 1.5, three times {warm}"
    return "three answers alike at 0, and different ones at 1.5"


def only_the_likeliest(bench: Bench, **options: Any) -> str:
    """At temperature 1.5, an option that leaves nothing but the likeliest token has it say what it says at 0."""
    greedy = bench.say(STORY, **{**WARM, "temperature": 0})
    texts = {bench.say(STORY, **{**WARM, **options}) for _ in range(2)}
    assert texts == {greedy}, f"{options} says {texts}, and greedy {greedy!r}"
    return "two answers at temperature 1.5 as greedy"


def changes(bench: Bench, **options: Any) -> str:
    """A penalty changes what is said at temperature 0."""
    usual, changed = (bench.say(STORY, num_predict=24, **given) for given in ({}, options))
    assert changed != usual, f"{options} changes nothing: {usual!r}"
    return f"…{changed[-30:]!r} in place of …{usual[-30:]!r}"


def likelihoods(bench: Bench) -> str:
    cases: dict[str, dict[str, Any]] = {
        "top_k 1": {"top_k": 1},
        "top_p 0.0001": {"top_p": 0.0001},
        "min_p 1": {"min_p": 1.0},
    }
    return all_of({name: partial(only_the_likeliest, bench, **options) for name, options in cases.items()})


def penalties(bench: Bench) -> str:
    cases = {"repeat_penalty": 1.9, "presence_penalty": 1.9, "frequency_penalty": 1.9}
    return all_of({name: partial(changes, bench, **{name: value}) for name, value in cases.items()})


def scarce(bench: Bench) -> str:
    reply = bench.plain.ask(CHAT, options={**GREEDY, **PENALTY, **SCARCE})
    assert reply.status == 200, reply.body[:200]
    ignored = reply.headers.get("x-arriero-ignored", "")
    if not ignored:
        texts = {bench.say(STORY, **{**WARM, "typical_p": 0.0001}) for _ in range(2)}
        assert len(texts) == 1, f"typical_p 0.0001 leaves more than one token: {texts}"
        return "typical_p 0.0001 says the same twice at temperature 1.5"
    assert all(name in ignored for name in SCARCE), f"x-arriero-ignored: {ignored}"
    return f"not the engine's, and told: x-arriero-ignored: {ignored}"


def odd(bench: Bench) -> str:
    cases: tuple[dict[str, Any], ...] = (
        *({"top_k": 0}, {"temperature": -1.0}, {"temperature": 99.0}, {"top_p": 0}),
        *({"presence_penalty": 5.0}, {"seed": 2**63 - 1}, {"seed": -2}, {"num_predict": None}, {"mirostat": 2}),
    )
    parts = {str(case): partial(bench.say, **{"num_predict": 3, **case}) for case in cases}
    assert all_of(parts)
    bad = bench.plain.refusal(CHAT, 400, options={"top_k": "many"})
    return f"{len(cases)} odd ones are answered; top_k 'many' is 400 {bad!r}"


def stop(bench: Bench) -> str:
    for texts in ([" Paris"], ["ance is Par"], ["nowhere", " Paris."]):
        parts = bench.parts(options={**GREEDY, "stop": texts})
        whole = bench.say(stop=texts)
        cut = ANSWER[: min(ANSWER.find(text) for text in texts if text in ANSWER)]
        assert whole == cut, f"stop {texts}: {whole!r}"
        assert text_of(parts) == cut, f"stop {texts}, streamed: {text_of(parts)!r}"
        assert parts[-1].done_reason == "stop"
    many = [f"stop {number}" for number in range(40)]
    assert bench.say(stop=many) == ANSWER, "40 stop texts"
    return f"{cut!r}; also where it lies across tokens, and among 40"


def seed(bench: Bench) -> str:
    texts = [bench.say(STORY, **WARM, seed=number) for number in (7, 7, 8, 2**40, 2**40)]
    assert texts[0] == texts[1], f"seed 7: {texts[:2]}"
    assert texts[0] != texts[2], f"seeds 7 and 8: {texts[0]!r}"
    assert texts[3] == texts[4], f"seed 2**40: {texts[3:]}"
    return f"7 says {texts[0][:30]!r} twice, 8 something else, 2**40 the same twice"


def num_predict(bench: Bench) -> str:
    parts = bench.parts(STORY, options={"temperature": 0, "num_predict": 10})
    whole = bench.generate(STORY, options={"temperature": 0, "num_predict": 10})
    assert (whole.eval_count, whole.done_reason) == (10, "length"), (whole.eval_count, whole.done_reason)
    assert (parts[-1].eval_count, parts[-1].done_reason) == (10, "length")
    assert text_of(parts) == whole.response, f"{whole.response!r}, streamed {text_of(parts)!r}"
    for number in (-1, -2):
        assert bench.say(num_predict=number) == ANSWER
    return f"10 are 10, and `length`: {whole.response!r}; -1 and -2 end by themselves"


def num_ctx(bench: Bench) -> str:
    reason = bench.plain.refusal(CHAT, 400, "word " * 100, options={**GREEDY, "num_ctx": 64})
    assert "64 tokens" in reason, reason
    answer = bench.client.chat(
        bench.model, [{"role": "user", "content": STORY}], options={"temperature": 0, "num_ctx": 64}
    )
    counts = (answer.prompt_eval_count or 0, answer.eval_count or 0)
    assert sum(counts) <= 64, counts
    assert answer.done_reason == "length", f"{answer.done_reason} after {counts}"
    return f"100 words do not fit into 64: {reason!r}; a story ends with `length` after {counts} tokens"


def logprobs(bench: Bench) -> str:
    answer = bench.plain.answer(CHAT, logprobs=True, top_logprobs=3, options=GREEDY)
    tokens = answer.get("logprobs")
    assert tokens, "none"
    assert "".join(token["token"] for token in tokens) == ANSWER, [token["token"] for token in tokens]
    assert all(token["logprob"] <= 0 and bytes(token["bytes"]).decode() == token["token"] for token in tokens)
    assert all(len(token["top_logprobs"]) == 3 for token in tokens), tokens[0]
    assert all(token["top_logprobs"][0]["token"] == token["token"] for token in tokens), tokens
    lines = bench.plain.stream(CHAT, logprobs=True, options=GREEDY)
    streamed = [token["token"] for line in lines for token in line.get("logprobs", ())]
    assert streamed == [token["token"] for token in tokens], streamed
    generated = bench.plain.answer("/api/generate", PARIS, logprobs=True, options=GREEDY).get("logprobs")
    assert generated, "none in generate"
    assert [token["token"] for token in generated] == streamed, generated
    return f"{len(tokens)} tokens with 3 each, first {tokens[0]['logprob']:.2f}; also streamed, and in generate"


OPTIONS = (
    Row("temperature", temperature),
    Row("top_k, top_p, min_p", likelihoods),
    Row("penalties", penalties),
    Row("typical_p, repeat_last_n", scarce),
    Row("odd values", odd),
    Row("stop", stop),
    Row("seed", seed),
    Row("num_predict", num_predict),
    Row("num_ctx", num_ctx),
    Row("logprobs", logprobs),
)
