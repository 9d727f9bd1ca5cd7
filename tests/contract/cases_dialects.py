"""OpenAI's API, and what browsers look at."""

from typing import Any

from tests.contract.case import EVENTS_TYPE, Ask, Case, Expected
from tests.contract.cases_general import USER, post
from tests.contract.matching import REST
from tests.contract.models import TEXT

PATH = "/v1/chat/completions"
USAGE = {"prompt_tokens": "<int>", "completion_tokens": "<int>", "total_tokens": "<int>"}
WHOLE = {
    "id": "chatcmpl-*",
    "object": "chat.completion",
    "created": "<int>",
    "model": "gen",
    "system_fingerprint": "fp_ollama",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": TEXT}, "finish_reason": "stop"}],
    "usage": USAGE,
}


# Patterns are JSON.
def chunk(choices: list[Any], **more: Any) -> dict[str, Any]:
    return {
        "id": "chatcmpl-*",
        "object": "chat.completion.chunk",
        "created": "<int>",
        "model": "gen",
        "system_fingerprint": "fp_ollama",
        "choices": choices,
        **more,
    }


def delta(finish_reason: str | None = None, **delta: Any) -> dict[str, Any]:
    return chunk([{"index": 0, "delta": delta, "finish_reason": finish_reason}])


def failed(status: int, message: str, kind: str) -> Expected:
    told = {"message": message, "type": kind, "param": None, "code": None}
    return Expected(status, "application/json", {"error": told})


CHUNKS = [
    delta(role="assistant", content="*"),
    delta(content="*"),
    REST,
    delta("stop"),
    chunk([], usage=USAGE),
    "[DONE]",
]
MODEL = {"id": "*:latest", "object": "model", "created": "<int>", "owned_by": "library"}
MODEL_LIST = {"object": "list", "data": [MODEL] * 6}

DIALECTS = [
    Case(
        104,
        "chat completion",
        (post(PATH, {"model": "gen", "messages": USER}, Expected(200, "application/json", WHOLE)),),
    ),
    Case(
        105,
        "chat completion stream",
        (
            post(
                PATH,
                {"model": "gen", "messages": USER, "stream": True, "stream_options": {"include_usage": True}},
                Expected(200, EVENTS_TYPE, CHUNKS, "events"),
            ),
        ),
    ),
    Case(
        106,
        "no messages",
        (
            post(
                PATH,
                {"model": "gen", "messages": []},
                failed(400, "[] is too short - 'messages'", "invalid_request_error"),
            ),
        ),
    ),
    Case(
        107,
        "unknown model",
        (post(PATH, {"model": "nope", "messages": USER}, failed(404, "model 'nope' not found", "not_found_error")),),
    ),
    Case(
        109,
        "message without content",
        (
            post(
                PATH,
                {"model": "gen", "messages": [{"role": "user", "content": None}]},
                failed(400, "invalid message content type: <nil>", "invalid_request_error"),
            ),
        ),
    ),
    Case(119, "models", (Ask("GET", "/v1/models", None, Expected(200, "application/json", MODEL_LIST)),)),
    Case(
        120,
        "unknown model by its id",
        (Ask("GET", "/v1/models/nope", None, failed(404, "model 'nope:latest' not found", "not_found_error")),),
    ),
    Case(
        130,
        "own origin",
        (
            Ask(
                "GET",
                "/api/tags",
                None,
                Expected(
                    200,
                    "",
                    {"…": None},
                    headers={"Access-Control-Allow-Origin": "http://localhost:3000", "Vary": "Origin"},
                ),
                headers={"Origin": "http://localhost:3000"},
            ),
        ),
    ),
    Case(
        131,
        "foreign origin",
        (
            Ask(
                "GET",
                "/api/tags",
                None,
                Expected(403, "", "", "text", absent="Access-Control-"),
                headers={"Origin": "https://evil.example"},
            ),
        ),
    ),
    Case(
        132,
        "preflight",
        (
            Ask(
                "OPTIONS",
                "/api/chat",
                None,
                Expected(
                    204,
                    "",
                    "",
                    "text",
                    headers={
                        "Access-Control-Allow-Methods": "GET,POST,PUT,PATCH,DELETE,HEAD,OPTIONS",
                        "Access-Control-Max-Age": "43200",
                    },
                ),
                headers={"Origin": "http://127.0.0.1", "Access-Control-Request-Method": "POST"},
            ),
        ),
    ),
    Case(
        133,
        "no origin",
        (Ask("GET", "/api/tags", None, Expected(200, "", {"…": None}, absent="Access-Control-")),),
    ),
    Case(
        134,
        "foreign host",
        (Ask("GET", "/api/tags", None, Expected(403, "", "", "text"), headers={"Host": "evil.example"}),),
    ),
    Case(
        135,
        "local hosts",
        tuple(
            Ask("GET", "/api/version", None, Expected(200, "", {"version": "*"}), headers={"Host": host})
            for host in ("foo.local", "192.168.1.5", "localhost:1")
        ),
    ),
]
