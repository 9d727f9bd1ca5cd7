"""Routes, bodies, names of models, loading and unloading."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.contract.case import JSON_TYPE, Ask, Case, Expected
from tests.contract.matching import Holds
from tests.serving import Running

USER = [{"role": "user", "content": "hi"}]
EMPTY_TURN = {"role": "assistant", "content": ""}


# Bodies are JSON, whole patterns and half of them.
def error(status: int, message: str) -> Expected:
    return Expected(status, JSON_TYPE, {"error": message})


def post(path: str, body: Any, expected: Expected) -> Ask:
    return Ask("POST", path, body, expected)


def generate(body: Any, expected: Expected) -> Ask:
    return post("/api/generate", body, expected)


def chat(body: Any, expected: Expected) -> Ask:
    return post("/api/chat", body, expected)


def show(body: Any, expected: Expected) -> Ask:
    return post("/api/show", body, expected)


def ps(*models: Any) -> Ask:
    return Ask("GET", "/api/ps", None, Expected(200, JSON_TYPE, {"models": list(models)}))


def loaded(name: str, **values: Any) -> dict[str, Any]:
    """Pattern of a model of which some values matter."""
    return {"name": name, "…": None, **values}


def generated(reason: str) -> Expected:
    body = {"model": "gen", "created_at": "<ts>", "response": "", "done": True, "done_reason": reason}
    return Expected(200, JSON_TYPE, body)


def chatted(reason: str, model: str = "gen") -> Expected:
    body = {"model": model, "created_at": "<ts>", "message": EMPTY_TURN, "done": True, "done_reason": reason}
    return Expected(200, JSON_TYPE, body)


async def gen_is_stopped(server: Running) -> None:
    await server.loader.loaded[-1].stopped.wait()


def expires_after(least: timedelta, most: timedelta) -> Holds:
    def is_within(text: str) -> bool:
        return least < datetime.fromisoformat(text) - datetime.now(UTC) < most

    return Holds(f"between {least} and {most} from now", is_within)


HEARTBEAT = Expected(200, "text/plain; charset=utf-8", "Ollama is running", "text")
EMPTY = Expected(200, "", "", "text")
VERSION = Expected(200, JSON_TYPE, {"version": "*"})
NOT_FOUND = Expected(404, "text/plain", "404 page not found", "text")
WRONG_METHOD = Expected(405, "text/plain", "405 method not allowed", "text", headers={"Allow": "POST"})
PARTS = [{"role": "user", "content": [{"type": "text", "text": "x"}]}]
BOTH_SOURCES = 'use either :local or :cloud, not both: "x:cloud:local"'
NO_CLOUD = "ollama cloud is disabled: remote model is unavailable"
YEARS = timedelta(days=365)

GENERAL = [
    Case(1, "heartbeat", (Ask("GET", "/", None, HEARTBEAT),)),
    Case(2, "heartbeat without body", (Ask("HEAD", "/", None, EMPTY),)),
    Case(3, "version", (Ask("GET", "/api/version", None, VERSION),)),
    Case(
        4, "head of tags and version", (Ask("HEAD", "/api/tags", None, EMPTY), Ask("HEAD", "/api/version", None, EMPTY))
    ),
    Case(5, "unknown path", (Ask("GET", "/nope", None, NOT_FOUND),)),
    Case(6, "wrong method", (Ask("GET", "/api/chat", None, WRONG_METHOD),)),
    Case(7, "empty body", (chat(b"", error(400, "missing request body")),)),
    Case(8, "broken off body", (generate(b'{"model":', error(400, "unexpected EOF")),)),
    Case(
        9,
        "messages of the wrong type",
        (chat({"model": "gen", "messages": "x"}, error(400, "json: cannot unmarshal string into Go struct field*")),),
    ),
    Case(
        10,
        "content in parts",
        (chat({"model": "gen", "messages": PARTS}, error(400, "json: cannot unmarshal array into Go struct field*")),),
    ),
    Case(
        11,
        "keys in any case",
        (
            generate(
                {"MODEL": "gen", "Prompt": "hi", "stream": False},
                Expected(200, JSON_TYPE, {"model": "gen", "response": "Hello there.", "done": True, "…": None}),
            ),
        ),
    ),
    Case(12, "no model in chat", (chat(b"null", error(400, "model is required")),)),
    Case(12, "no field in chat", (chat({}, error(400, "model is required")),)),
    Case(13, "no model in generate", (generate({}, error(404, "model '' not found")),)),
    Case(14, "unknown model", (generate({"model": "nope", "prompt": "x"}, error(404, "model 'nope' not found")),)),
    Case(
        15,
        "unknown model with a tag",
        (chat({"model": "nope:1b", "messages": USER}, error(404, "model 'nope:1b' not found")),),
    ),
    Case(16, "invalid name", (chat({"model": "bad name"}, error(400, "invalid model name")),)),
    Case(20, "no model in show", (show({}, error(400, "model is required")),)),
    Case(21, "unknown model in show", (show({"name": "nope"}, error(404, "model 'nope:latest' not found")),)),
    Case(22, "name in any case", (chat({"model": "GEN:Latest"}, chatted("load", "GEN:Latest")),)),
    Case(23, "two sources", (chat({"model": "x:cloud:local"}, error(400, BOTH_SOURCES)),)),
    Case(24, "cloud model", (chat({"model": "x:cloud", "messages": USER}, error(403, NO_CLOUD)),)),
    Case(25, "load", (generate({"model": "gen"}, generated("load")), ps(loaded("gen:latest")))),
    Case(26, "load by chat", (chat({"model": "gen"}, chatted("load")), ps(loaded("gen:latest")))),
    Case(
        27,
        "unload",
        (
            generate({"model": "gen"}, generated("load")),
            generate({"model": "gen", "keep_alive": 0}, generated("unload")),
            gen_is_stopped,
            ps(),
        ),
    ),
    Case(27, "unload what is not loaded", (generate({"model": "gen", "keep_alive": 0}, generated("unload")), ps())),
    Case(
        28,
        "unload by chat",
        (
            chat({"model": "gen"}, chatted("load")),
            chat({"model": "gen", "messages": [], "keep_alive": "0s"}, chatted("unload")),
            gen_is_stopped,
            ps(),
        ),
    ),
    Case(
        29,
        "keep for ever",
        (
            generate({"model": "gen", "keep_alive": -1}, generated("load")),
            ps(loaded("gen:latest", expires_at=expires_after(20 * YEARS, 300 * YEARS))),
        ),
    ),
    Case(
        30,
        "duration without unit",
        (generate({"model": "gen", "keep_alive": "10"}, error(400, 'time: missing unit in duration "10"')),),
    ),
    Case(
        31,
        "duration of the wrong type",
        (generate({"model": "gen", "keep_alive": True}, error(400, "*Unsupported type: 'bool'*")),),
    ),
    Case(
        32,
        "duration in seconds",
        (
            generate({"model": "gen", "keep_alive": 90.5}, generated("load")),
            ps(loaded("gen:latest", expires_at=expires_after(timedelta(seconds=80), timedelta(seconds=90.5)))),
        ),
    ),
]
