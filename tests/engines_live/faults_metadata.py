"""Missing or fake metadata, and missing endpoints: faults 26 to 41."""

import hashlib
import re
from datetime import UTC, datetime

# Answers are JSON.
from typing import Any

from tests.contract.claim import BOTH, CHAT
from tests.contract.claims_metadata import COUNTS, nulls
from tests.engines_live.fault import Fault
from tests.engines_live.stores import made, names, registry
from tests.engines_live.subject import GREEDY, Subject

SHORT = {**GREEDY, "num_predict": 3}
BYTES = b"any bytes"


def tagged(subject: Subject) -> Any:
    """What /api/tags says of the model."""
    models = subject.send("GET", "/api/tags").json["models"]
    [found] = [model for model in models if model["name"].removesuffix(":latest") == subject.model]
    return found


def is_there(subject: Subject, method: str, path: str, body: Any = None) -> Any:
    """The answer of an endpoint that must be there."""
    reply = subject.send(method, path, body)
    assert reply.status == 200, f"{method} {path} is {reply.status}: {reply.body[:120]!r}"
    return reply.json


def nothing_is_counted(subject: Subject) -> str:
    for path in BOTH:
        whole, last = subject.answer(path, options=SHORT), subject.stream(path, options=SHORT)[-1]
        for answer, kind in ((whole, "whole"), (last, "stream")):
            missing = [name for name in COUNTS if type(answer.get(name)) is not int or answer[name] <= 0]
            assert not missing, f"{path} {kind}: no {', '.join(missing)}"
        assert last["eval_count"] == 3, last
        assert last["total_duration"] >= last["eval_duration"] + last["prompt_eval_duration"], last
    return ", ".join(f"{name} {last[name]}" for name in COUNTS)


def absent_is_null(subject: Subject) -> str:
    for path in BOTH:
        found = list(nulls([subject.answer(path, options=SHORT), *subject.stream(path, options=SHORT)]))
        assert not found, f"{path}: null at {', '.join(sorted(set(found)))}"
    found = list(nulls(is_there(subject, "GET", "/api/tags")))
    assert not found, f"/api/tags: null at {found}"
    return "no null in four answers and in tags"


def tags_are_made_up(subject: Subject) -> str:
    model = tagged(subject)
    assert re.fullmatch("[0-9a-f]{64}", model["digest"]), f"digest {model['digest']!r}"
    assert model["modified_at"] == tagged(subject)["modified_at"], f"modified_at is now: {model['modified_at']}"
    details = model["details"]
    missing = {"parent_model", "format", "family", "families", "parameter_size", "quantization_level"} - set(details)
    assert not missing, f"details without {sorted(missing)}"
    return f"size {model['size']}, digest {model['digest'][:12]}…, modified_at {model['modified_at']}, {details}"


def show_is_made_up(subject: Subject) -> str:
    unknown = subject.post("/api/show", {"model": "qwen-that-is-not-here"})
    assert unknown.status == 404, f"a model that is not there is {unknown.status}"
    shown = is_there(subject, "POST", "/api/show", {"model": subject.model})
    info = shown["model_info"]
    zeros = [name for name, value in info.items() if value == 0]
    assert not zeros, f"0 for {zeros}"
    architecture = info["general.architecture"]
    assert architecture != subject.model, f"the architecture is the name, {architecture!r}"
    assert info[f"{architecture}.context_length"] == 2048, info
    assert "completion" in shown["capabilities"]
    return f"{info}, {shown['capabilities']}"


def there_is_no_base_name(subject: Subject) -> str:
    info = is_there(subject, "POST", "/api/show", {"model": subject.model})["model_info"]
    assert info.get("general.basename"), f"no general.basename among {sorted(info)}"
    return repr(info["general.basename"])


def there_is_no_version(subject: Subject) -> str:
    version: str = is_there(subject, "GET", "/api/version")["version"]
    assert tuple(map(int, version.split("."))) >= (0, 6, 4), version
    return version


def there_is_no_ps(subject: Subject) -> str:
    subject.answer(CHAT, options=SHORT)
    [model] = [
        model for model in is_there(subject, "GET", "/api/ps")["models"] if model["name"].startswith(subject.model)
    ]
    assert model["digest"] == tagged(subject)["digest"]
    assert datetime.fromisoformat(model["expires_at"]) > datetime.now(UTC)
    assert model["context_length"] == 2048, model
    return f"{model['name']}, context {model['context_length']}, until {model['expires_at']}"


def there_is_no_embed(subject: Subject) -> str:
    answer = is_there(subject, "POST", "/api/embed", {"model": subject.model, "input": ["a dog", "the sky"]})
    first, second = answer["embeddings"]
    assert first != second
    assert abs(sum(number * number for number in first) - 1) < 1e-3
    return f"two vectors of {len(first)} numbers"


def there_is_no_embeddings(subject: Subject) -> str:
    answer = is_there(subject, "POST", "/api/embeddings", {"model": subject.model, "prompt": "a dog"})
    assert len(answer["embedding"]) > 1
    return f"{len(answer['embedding'])} numbers"


def there_is_no_pull(subject: Subject) -> str:
    with made(subject) as base, registry() as elsewhere:
        name = f"{elsewhere.host}/me/tiny"
        for path, body in (("copy", {"source": base, "destination": name}), ("push", {"model": name})):
            reply = subject.post(f"/api/{path}", {**body, "insecure": True})
            assert reply.status == 200, f"{path}: {reply.status}"
        subject.send("DELETE", "/api/delete", {"model": name})
        assert f"{name}:latest" not in names(subject)
        lines = subject.post("/api/pull", {"model": name, "insecure": True}).lines
        assert lines[-1] == {"status": "success"}, lines
        assert f"{name}:latest" in names(subject)
        subject.send("DELETE", "/api/delete", {"model": name})
    return f"{len(lines)} lines of progress, and it is listed"


def there_is_no_push(subject: Subject) -> str:
    with made(subject) as base, registry() as elsewhere:
        name = f"{elsewhere.host}/me/tiny"
        assert subject.post("/api/copy", {"source": base, "destination": name}).status == 200
        lines = subject.post("/api/push", {"model": name, "insecure": True}).lines
        assert lines[-1] == {"status": "success"}, lines
        subject.send("DELETE", "/api/delete", {"model": name})
        assert list(elsewhere.manifests) == ["me/tiny:latest"]
    return f"the registry has {' '.join(elsewhere.manifests)} and {len(elsewhere.blobs)} blobs"


def there_is_no_create(subject: Subject) -> str:
    with made(subject) as base:
        body = {"model": "tiny-kind", "from": base, "system": "Be kind."}
        assert subject.post("/api/create", body).lines[-1] == {"status": "success"}
        shown = is_there(subject, "POST", "/api/show", {"model": "tiny-kind"})
        subject.send("DELETE", "/api/delete", {"model": "tiny-kind"})
    assert shown["system"] == "Be kind."
    return "made from a file, and from that with a system text, which show tells"


def there_is_no_copy(subject: Subject) -> str:
    with made(subject) as base:
        reply = subject.post("/api/copy", {"source": base, "destination": "tiny-copy"})
        listed = names(subject)
        subject.send("DELETE", "/api/delete", {"model": "tiny-copy"})
    assert (reply.status, reply.body) == (200, b""), reply
    assert {"tiny-made:latest", "tiny-copy:latest"} <= listed, listed
    return "200, and both are listed"


def there_is_no_delete(subject: Subject) -> str:
    unknown = subject.send("DELETE", "/api/delete", {"model": "not-here"})
    assert unknown.content_type == "application/json", unknown
    assert "not found" in unknown.json.get("error", ""), f"{unknown.status} {unknown.body[:80]!r}"
    with made(subject) as base:
        reply = subject.send("DELETE", "/api/delete", {"model": base})
        assert (reply.status, reply.body) == (200, b""), reply
        assert f"{base}:latest" not in names(subject)
    return f"200, and it is listed no more; an unknown one is {unknown.status}"


def there_are_no_blobs(subject: Subject) -> str:
    path = f"/api/blobs/sha256:{hashlib.sha256(BYTES).hexdigest()}"
    statuses = [subject.post(path, BYTES).status, subject.send("HEAD", path).status]
    assert statuses in ([201, 200], [200, 200]), f"POST and HEAD are {statuses}"
    return f"POST and HEAD are {statuses}"


def the_root_names_another(subject: Subject) -> str:
    reply = subject.send("GET", "/")
    assert (reply.content_type, reply.body) == ("text/plain", b"Ollama is running"), (
        f"{reply.content_type} {reply.body!r}"
    )
    assert subject.send("HEAD", "/").status == 200
    return f"{reply.content_type} {reply.body!r}"


METADATA_FAULTS = (
    Fault(26, nothing_is_counted),
    Fault(27, absent_is_null),
    Fault(28, tags_are_made_up),
    Fault(29, show_is_made_up),
    Fault(30, there_is_no_base_name),
    Fault(31, there_is_no_version),
    Fault(32, there_is_no_ps),
    Fault(33, there_is_no_embed, "embedding"),
    Fault(34, there_is_no_embeddings, "embedding"),
    Fault(35, there_is_no_pull),
    Fault(36, there_is_no_push),
    Fault(37, there_is_no_create),
    Fault(38, there_is_no_copy),
    Fault(39, there_is_no_delete),
    Fault(40, there_are_no_blobs),
    Fault(41, the_root_names_another),
)
