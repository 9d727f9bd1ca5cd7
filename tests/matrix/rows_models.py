"""Rows of models: what is told of them and of their answers."""

import re
from datetime import UTC, datetime

from tests.contract.claim import BOTH, CHAT
from tests.contract.claims_metadata import COUNTS, nulls
from tests.matrix.bench import GREEDY, STORY, TURN, Bench
from tests.matrix.row import Row


def show(bench: Bench) -> str:
    shown = bench.client.show(bench.model)
    info = dict(shown.modelinfo or {})
    architecture = info.get("general.architecture")
    assert architecture == "llama", f"architecture {architecture!r} among {sorted(info)}"
    assert info.get("llama.context_length") in {2048, 8192}, info.get("llama.context_length")
    assert "general.basename" in info, sorted(info)
    assert shown.details is not None
    return (
        f"{len(info)} facts, context {info['llama.context_length']}, {shown.details.parameter_size!r}, "
        f"{shown.details.quantization_level!r}"
    )


def capabilities(bench: Bench) -> str:
    plain, thinks = (client.show(bench.model).capabilities or [] for client in (bench.client, bench.thinker))
    assert plain == ["completion"], f"of a model whose template knows neither tools nor thinking: {plain}"
    assert {"tools", "thinking", "completion"} <= set(thinks), f"of the one that thinks and calls: {thinks}"
    return f"{plain}; of the one that thinks and calls {thinks}"


def tags(bench: Bench) -> str:
    listed = [model for model in bench.client.list().models if (model.model or "").startswith(bench.model)]
    assert len(listed) == 1, [model.model for model in listed]
    [model] = listed
    assert re.fullmatch("[0-9a-f]{64}", model.digest or ""), model.digest
    [again] = [other for other in bench.client.list().models if other.model == model.model]
    assert again.modified_at == model.modified_at, "modified_at is now"
    assert model.details is not None
    assert model.details.family == "llama", model.details
    return f"{model.model}, {int(model.size or 0)} bytes, {model.details.format}, {model.details.family}"


def ps(bench: Bench) -> str:
    bench.say(num_predict=1)
    [model] = [model for model in bench.client.ps().models if (model.model or "").startswith(bench.model)]
    assert model.context_length == 2048, model.context_length
    assert model.expires_at is not None
    assert model.expires_at > datetime.now(UTC), model.expires_at
    return f"{model.model}, context {model.context_length}, size {int(model.size or 0)}, until {model.expires_at.year}"


def counts(bench: Bench) -> str:
    for path in BOTH:
        whole = bench.plain.answer(path, STORY, options=GREEDY)
        *lines, last = bench.plain.stream(path, STORY, options=GREEDY)
        for answer in (whole, last):
            missing = [name for name in COUNTS if type(answer.get(name)) is not int or answer[name] <= 0]
            assert not missing, f"{path}: no {missing}"
        assert not any(line.keys() & set(COUNTS) for line in lines)
        assert (last["prompt_eval_count"], last["eval_count"]) == (whole["prompt_eval_count"], 24), last
        parts = last["load_duration"] + last["prompt_eval_duration"] + last["eval_duration"]
        assert last["total_duration"] >= parts * 0.98, f"parts of {parts} in a total of {last['total_duration']}"
        assert not list(nulls([whole, *lines, last]))
    speed = last["eval_count"] / last["eval_duration"] * 1e9
    return f"{last['prompt_eval_count']} + {last['eval_count']} tokens, {speed:.0f} tokens/s; parts within the total"


def unknown(bench: Bench) -> str:
    reasons = [
        bench.plain.refusal(path, 404, model="does-not-exist", options=GREEDY)
        for path in ("/api/chat", "/api/generate")
    ]
    assert all("not found" in reason for reason in reasons), reasons
    statuses = [
        bench.plain.post("/v1/chat/completions", {"model": "nope", "messages": TURN}).status,
        bench.plain.post("/api/show", {"model": "nope"}).status,
        bench.plain.post("/api/embed", {"model": "nope", "input": "x"}).status,
    ]
    assert statuses == [404, 404, 404], statuses
    return f"404 {reasons[0]!r}; 404 in show, embed and /v1"


def names(bench: Bench) -> str:
    for name in (bench.model, f"{bench.model}:latest", bench.model.upper()):
        told = bench.plain.answer(CHAT, model=name, options={**GREEDY, "num_predict": 1})["model"]
        assert told == name, f"asked {name!r}, answered as {told!r}"
    return "with :latest and in any case, and answered under the name that was asked for"


def keep_alive(bench: Bench) -> str:
    loaded = bench.plain.post(CHAT, {"model": bench.model, "messages": []})
    assert (loaded.status, loaded.json["done_reason"]) == (200, "load"), loaded.body
    gone = bench.plain.post("/api/generate", {"model": bench.model, "keep_alive": 0})
    assert (gone.status, gone.json["done_reason"]) == (200, "unload"), gone.body
    assert "Paris" in bench.say()
    assert bench.client.chat(bench.model, TURN, keep_alive=0, options=GREEDY).message.content
    assert "Paris" in bench.say()
    reason = bench.plain.refusal(CHAT, 400, keep_alive="soon", options=GREEDY)
    return f"`load`, `unload`, and answers again after either; 'soon' is 400 {reason!r}"


def version(bench: Bench) -> str:
    reply = bench.plain.send("GET", "/api/version")
    assert tuple(map(int, reply.json["version"].split("."))) >= (0, 6, 4), reply.json
    root = bench.plain.send("GET", "/")
    assert (root.content_type, root.body) == ("text/plain", b"Ollama is running"), root.body
    return f"{reply.json['version']}, {root.body.decode()!r}"


MODELS = (
    Row("/api/show", show),
    Row("capabilities in /api/show", capabilities),
    Row("/api/tags", tags),
    Row("/api/ps", ps),
    Row("/api/version, /", version),
    Row("counts and durations", counts),
    Row("unknown model", unknown),
    Row("names", names),
    Row("keep_alive, load, unload", keep_alive),
)
