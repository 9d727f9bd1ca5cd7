"""What is told of models and answers, and which endpoints there are."""

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from arriero.store.manifest import find_manifest
from arriero.types.names import parse_name
from tests.contract.claim import BOTH, CHAT, Bench, Claim
from tests.factories_store import stored
from tests.store.registry import running_registry

COUNTS = (
    *("total_duration", "load_duration", "prompt_eval_count", "prompt_eval_duration"),
    *("eval_count", "eval_duration"),
)
BYTES = b"any bytes"
COPILOT = "GitHubCopilotChat/0.53"


# Answers are JSON.
def nulls(value: Any, path: str = "$") -> Iterator[str]:
    """Where a null stands."""
    if value is None:
        yield path
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from nulls(inner, f"{path}.{key}")
    elif isinstance(value, list):
        for inner in value:
            yield from nulls(inner, f"{path}[]")


async def tagged(bench: Bench, name: str = "gen:latest") -> Any:
    models = (await bench.send("GET", "/api/tags")).json["models"]
    (found,) = [model for model in models if model["name"] == name]
    return found


async def names(bench: Bench) -> set[str]:
    return {model["name"] for model in (await bench.send("GET", "/api/tags")).json["models"]}


async def answers_tell_counts_and_times(bench: Bench) -> None:
    for path in BOTH:
        *lines, last = await bench.stream(path)
        for answer in (last, (await bench.ask(path)).json):
            assert all(type(answer[name]) is int and answer[name] > 0 for name in COUNTS)
        assert not any(line.keys() & set(COUNTS) for line in lines)


async def nothing_is_null(bench: Bench) -> None:
    for path in BOTH:
        answers = [
            *(await bench.stream(path)),
            (await bench.ask(path)).json,
            (await bench.post(path, {"model": "gen"})).json,
        ]
        assert list(nulls(answers)) == []
    for path in ("/api/tags", "/api/ps", "/api/status", "/api/version"):
        assert list(nulls((await bench.send("GET", path)).json)) == []


async def tags_tell_what_lies_on_disk(bench: Bench) -> None:
    path = find_manifest(bench.store, parse_name("gen"))
    assert path is not None
    manifest = json.loads(path.read_bytes())
    model = await tagged(bench)
    assert model["size"] == sum(layer["size"] for layer in (manifest["config"], *manifest["layers"]))
    assert model["digest"] == hashlib.sha256(path.read_bytes()).hexdigest()
    modified_at = datetime.fromisoformat(model["modified_at"])
    assert abs(modified_at.timestamp() - path.stat().st_mtime) < 0.001
    assert model == await tagged(bench)
    details = model["details"]
    assert (details["parent_model"], details["families"], details["quantization_level"]) == ("", ["llama"], "F32")


async def show_tells_what_the_file_has(bench: Bench) -> None:
    stored(bench.store, "qwen-of-sorts", {"llama.block_count": 3, "llama.attention.head_count": 8})
    shown = (await bench.post("/api/show", {"model": "qwen-of-sorts"})).json
    info = {
        "general.architecture": "llama",
        "general.parameter_count": 256,
        "llama.block_count": 3,
        "llama.embedding_length": 8,
        "llama.attention.head_count": 8,
        "llama.context_length": 128,
    }
    assert {key: shown["model_info"].get(key) for key in info} == info
    assert "messages" in shown["template"]
    found = {model: set((await bench.post("/api/show", {"model": model})).json["capabilities"]) for model in MIGHT}
    assert found == MIGHT
    created = {"model": "free", "from": "gen", "license": "Do as you like.", "stream": False}
    assert (await bench.post("/api/create", created)).status == 200
    assert (await bench.post("/api/show", {"model": "free"})).json["license"] == "Do as you like."
    assert (await bench.post("/api/show", {"model": "nope"})).status == 404


MIGHT = {
    "gen": {"completion"},
    "tool": {"completion", "tools"},
    "think": {"completion", "thinking"},
    "fim": {"completion", "insert"},
    "see": {"completion", "vision"},
    "emb": {"embedding"},
}


async def show_tells_the_base_name(bench: Bench) -> None:
    stored(bench.store, "based", {"general.basename": "Tiny"})
    for agent, name in (("curl/8", "Tiny"), (COPILOT, "based")):
        reply = await bench.send("POST", "/api/show", {"model": "based"}, **{"User-Agent": agent})
        assert reply.json["model_info"]["general.basename"] == name


async def the_version_is_one_that_clients_take(bench: Bench) -> None:
    version = (await bench.send("GET", "/api/version")).json["version"]
    assert tuple(map(int, version.split("."))) >= (0, 6, 4)


async def ps_tells_what_is_loaded(bench: Bench) -> None:
    assert (await bench.send("GET", "/api/ps")).json == {"models": []}
    await bench.ask(CHAT)
    (model,) = (await bench.send("GET", "/api/ps")).json["models"]
    assert (model["name"], model["digest"]) == ("gen:latest", (await tagged(bench))["digest"])
    assert model["context_length"] == bench.server.loader.plans[-1].context
    assert model["size"] > 0
    assert datetime.fromisoformat(model["expires_at"]) > datetime.now(UTC)


async def texts_are_embedded(bench: Bench) -> None:
    answer = (await bench.post("/api/embed", {"model": "emb", "input": ["a", "b"]})).json
    first, second = answer["embeddings"]
    assert first != second
    assert abs(sum(number * number for number in first) - 1) < 1e-4
    assert answer["prompt_eval_count"] > 0


async def a_text_is_embedded(bench: Bench) -> None:
    answer = (await bench.post("/api/embeddings", {"model": "emb", "prompt": "a"})).json
    assert list(answer) == ["embedding"]
    assert len(answer["embedding"]) > 1


async def models_are_pulled(bench: Bench) -> None:
    async with running_registry() as registry:
        registry.publish(bench.store, "gen")
        name = f"{registry.host}/library/gen:latest"
        reply = await bench.post("/api/pull", {"model": name, "insecure": True})
        assert (reply.content_type, reply.lines[-1]) == ("application/x-ndjson", {"status": "success"})
        assert name in await names(bench)


async def models_are_pushed(bench: Bench) -> None:
    async with running_registry() as registry:
        name = f"{registry.host}/me/gen"
        await bench.post("/api/copy", {"source": "gen", "destination": name})
        reply = await bench.post("/api/push", {"model": name, "insecure": True})
        assert reply.lines[-1] == {"status": "success"}
        assert list(registry.manifests) == ["me/gen:latest"]


async def models_are_made(bench: Bench) -> None:
    reply = await bench.post("/api/create", {"model": "new", "from": "gen", "system": "Be kind."})
    assert reply.lines[-1] == {"status": "success"}
    assert (await bench.post("/api/show", {"model": "new"})).json["system"] == "Be kind."


async def models_are_copied(bench: Bench) -> None:
    reply = await bench.post("/api/copy", {"source": "gen", "destination": "gen2"})
    assert (reply.status, reply.body) == (200, b"")
    assert (await tagged(bench, "gen2:latest"))["digest"] == (await tagged(bench))["digest"]


async def models_are_deleted(bench: Bench) -> None:
    reply = await bench.send("DELETE", "/api/delete", {"model": "gen"})
    assert (reply.status, reply.body) == (200, b"")
    assert "gen:latest" not in await names(bench)


async def blobs_are_stored(bench: Bench) -> None:
    digest = hashlib.sha256(BYTES).hexdigest()
    path = f"/api/blobs/sha256:{digest}"
    assert (await bench.send("HEAD", path)).status == 404
    assert (await bench.post(path, BYTES)).status == 201
    assert (await bench.send("HEAD", path)).status == 200
    assert (bench.store.blobs / f"sha256-{digest}").read_bytes() == BYTES


async def the_root_is_the_text_that_clients_look_for(bench: Bench) -> None:
    reply = await bench.send("GET", "/")
    assert (reply.content_type, reply.body) == ("text/plain", b"Ollama is running")


METADATA = (
    Claim(26, "the last line tells all counts and durations", answers_tell_counts_and_times),
    Claim(27, "what is not there is left out and not null", nothing_is_null),
    Claim(28, "tags tell size and digest and time of what lies on disk", tags_tell_what_lies_on_disk),
    Claim(29, "show tells what the file has", show_tells_what_the_file_has),
    Claim(30, "show tells general.basename", show_tells_the_base_name),
    Claim(31, "version is there", the_version_is_one_that_clients_take),
    Claim(32, "ps is there", ps_tells_what_is_loaded),
    Claim(33, "embed is there", texts_are_embedded),
    Claim(34, "embeddings is there", a_text_is_embedded),
    Claim(35, "pull is there", models_are_pulled),
    Claim(36, "push is there", models_are_pushed),
    Claim(37, "create is there", models_are_made),
    Claim(38, "copy is there", models_are_copied),
    Claim(39, "delete is there", models_are_deleted),
    Claim(40, "blobs are there", blobs_are_stored),
    Claim(41, "the root says Ollama is running in plain text", the_root_is_the_text_that_clients_look_for),
)
