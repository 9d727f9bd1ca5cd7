"""Models that are copied, deleted and made, blobs, and the account: each case on a store of its own."""

import hashlib
from typing import Any

from tests.contract.case import JSON_TYPE, NDJSON_TYPE, Ask, Case, Expected
from tests.contract.cases_general import error, post, show
from tests.contract.matching import Holds
from tests.serving import Running

NOTHING = Expected(200, "", "", "text")
ZEROS = f"sha256:{'0' * 64}"
BYTES = b"any bytes"
DIGEST = f"sha256:{hashlib.sha256(BYTES).hexdigest()}"
PARAMETERS = Holds(
    "both parameters",
    lambda text: text.splitlines() == [f'{"stop":<30} "a"', f"{'temperature':<30} 0.1"],
)


def copy(source: str, destination: str, expected: Expected) -> Ask:
    return post("/api/copy", {"source": source, "destination": destination}, expected)


def delete(body: Any, expected: Expected) -> Ask:  # JSON, or bytes
    return Ask("DELETE", "/api/delete", body, expected)


def create(body: Any, expected: Expected) -> Ask:  # JSON
    return post("/api/create", body, expected)


def blob(method: str, digest: str, expected: Expected, body: bytes | None = None) -> Ask:
    return Ask(method, f"/api/blobs/{digest}", body, expected)


def empty(status: int) -> Expected:
    return Expected(status, "", "", "text")


def shown(**values: Any) -> Expected:  # patterns
    return Expected(200, JSON_TYPE, {**values, "…": None})


async def both_names_have_one_digest(server: Running) -> None:
    async with server.client.get("/api/tags") as response:
        digests = {model["name"]: model["digest"] for model in (await response.json())["models"]}
    assert digests["gen:latest"] == digests["gen2:latest"]


async def gen2_is_gone(server: Running) -> None:
    async with server.client.get("/api/tags") as response:
        assert "gen2:latest" not in [model["name"] for model in (await response.json())["models"]]


STORE = [
    Case(86, "copy", (copy("gen", "gen2", NOTHING), both_names_have_one_digest)),
    Case(87, "copy of nothing", (copy("nope", "x", error(404, 'model "nope" not found')),)),
    Case(88, "copy without a source", (copy("", "x", error(400, 'source "" is invalid')),)),
    Case(88, "copy to no name", (copy("gen", "a b", error(400, 'destination "a b" is invalid')),)),
    Case(88, "copy to the cloud", (copy("gen", "x:cloud", error(400, 'destination "x:cloud" is invalid')),)),
    Case(89, "delete", (copy("gen", "gen2", NOTHING), delete({"name": "gen2"}, NOTHING), gen2_is_gone)),
    Case(90, "delete of nothing", (delete({"model": "nope"}, error(404, "model 'nope' not found")),)),
    Case(
        91,
        "delete without a name",
        (
            delete(b"", error(400, "missing request body")),
            delete({}, error(400, "model is required")),
            delete({"model": "a b"}, error(400, 'name "a b" is invalid')),
        ),
    ),
    Case(92, "no blob", (blob("HEAD", ZEROS, empty(404)), blob("HEAD", "xyz", empty(400)))),
    Case(
        93,
        "blob",
        (
            blob("POST", DIGEST, empty(201), BYTES),
            blob("POST", DIGEST, empty(200), BYTES),
            blob("HEAD", DIGEST.replace(":", "-"), empty(200)),
        ),
    ),
    Case(
        94,
        "blob with another digest",
        (
            blob("POST", ZEROS, error(400, f'digest mismatch, expected "{ZEROS}", got "{DIGEST}"'), BYTES),
            blob("HEAD", ZEROS, empty(404)),
            blob("HEAD", DIGEST, empty(200)),
            blob("POST", "xyz", error(400, "invalid digest format"), BYTES),
        ),
    ),
    Case(
        95,
        "create from a model",
        (
            create(
                {"model": "sys2", "from": "gen", "system": "S", "stream": False},
                Expected(200, "application/json", {"status": "success"}),
            ),
            show({"model": "sys2"}, shown(system="S", details={"parent_model": "gen:latest", "…": None})),
        ),
    ),
    Case(
        96,
        "create from nothing",
        (
            create({"model": "x", "stream": False}, error(400, "neither 'from' or 'files' was specified")),
            create({"model": "x", "files": {}, "stream": False}, error(400, "unknown type")),
            create({"from": "gen"}, error(400, "invalid model name")),
        ),
    ),
    Case(
        97,
        "create with parameters",
        (
            create(
                {"model": "x", "from": "gen", "parameters": {"temperature": 0.1, "stop": ["a"]}},
                Expected(200, NDJSON_TYPE, [{"status": "*"}, "…", {"status": "success"}], "lines"),
            ),
            show({"model": "x"}, shown(parameters=PARAMETERS)),
        ),
    ),
    Case(
        102,
        "status",
        (Ask("GET", "/api/status", None, Expected(200, JSON_TYPE, {"cloud": {"disabled": True, "source": "env"}})),),
    ),
    Case(
        103,
        "account",
        (
            post("/api/me", None, Expected(401, JSON_TYPE, {"error": "unauthorized", "signin_url": "https://*"})),
            post("/api/signout", None, error(401, "you are not currently signed in")),
            Ask("DELETE", "/api/user/keys/abc", None, error(401, "you are not currently signed in")),
            post("/api/experimental/web_search", b"", error(400, "missing request body")),
            post(
                "/api/experimental/web_search",
                {"query": "x"},
                error(403, "ollama cloud is disabled: web search is unavailable"),
            ),
            post(
                "/api/experimental/web_fetch",
                {"url": "x"},
                error(403, "ollama cloud is disabled: web fetch is unavailable"),
            ),
            Ask(
                "GET",
                "/api/experimental/model-recommendations",
                None,
                Expected(200, JSON_TYPE, {"recommendations": []}),
            ),
        ),
    ),
]
