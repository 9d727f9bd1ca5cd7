"""OpenAI's API beyond plain chat: tools, reasoning, completions, embeddings, sound."""

import base64
import math
import struct
from typing import Any

from tests.contract.case import EVENTS_TYPE, Ask, Case, Expected
from tests.contract.cases_abilities import WEATHER
from tests.contract.cases_dialects import PATH, USAGE, failed
from tests.contract.cases_general import USER, post
from tests.contract.matching import REST, Holds
from tests.contract.models import TEXT

INVALID = "invalid_request_error"
FORM = b'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\ngen\r\n--b--\r\n'
CALL = {
    "id": "call_1",
    "index": 0,
    "type": "function",
    "function": {"name": "get_weather", "arguments": '{"location":"Boston"}'},
}


# Bodies and patterns are JSON.
def chat(number: int, title: str, body: Any, expected: Expected) -> Case:
    return Case(number, title, (post(PATH, {"messages": USER, **body}, expected),))


def refused(number: int, title: str, path: str, body: Any, message: str) -> Case:
    return Case(number, title, (post(path, body, failed(400, message, INVALID)),))


def delta(model: str, finish_reason: str | None = None, **added: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": added, "finish_reason": finish_reason}
    return {"object": "chat.completion.chunk", "model": model, "choices": [choice], "…": None}


def message(model: str, finish_reason: str = "stop", **said: Any) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", **said}, "finish_reason": finish_reason}
    return {"object": "chat.completion", "model": model, "choices": [choice], "…": None}


def completed(**values: Any) -> dict[str, Any]:
    return {
        "id": "cmpl-*",
        "object": "text_completion",
        "created": "<int>",
        "model": "gen",
        "system_fingerprint": "fp_ollama",
        **values,
    }


def piece(text: str, finish_reason: str | None = None) -> dict[str, Any]:
    return completed(choices=[{"text": text, "index": 0, "finish_reason": finish_reason}])


def is_unit_vector(text: str) -> bool:
    return math.isclose(math.hypot(*struct.unpack("<16f", base64.b64decode(text))), 1.0, abs_tol=1e-6)


def vector(index: int) -> dict[str, Any]:
    return {
        "object": "embedding",
        "embedding": Holds("sixteen little-endian numbers of the length 1", is_unit_vector),
        "index": index,
    }


def transcription(title: str, content_type: str, body: bytes, message: str) -> Case:
    expected = failed(400, message, INVALID)
    headers = {"Content-Type": content_type}
    return Case(129, title, (Ask("POST", "/v1/audio/transcriptions", body, expected, headers),))


OPENAI = [
    Case(108, "empty body", (post(PATH, b"", failed(400, "EOF", INVALID)),)),
    refused(
        110,
        "image on the web",
        PATH,
        {
            "model": "gen",
            "messages": [
                {
                    "role": "user",
                    "content": [{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}],
                }
            ],
        },
        "image URLs are not currently supported, please use base64 encoded data instead",
    ),
    refused(
        111,
        "unknown effort",
        PATH,
        {"model": "gen", "messages": USER, "reasoning_effort": "banana"},
        'invalid reasoning value: "banana" *',
    ),
    chat(
        112,
        "tools in a stream",
        {"model": "tool", "stream": True, "tools": [WEATHER]},
        Expected(
            200,
            EVENTS_TYPE,
            [delta("tool", role="assistant", content="", tool_calls=[CALL]), delta("tool", "tool_calls"), "[DONE]"],
            "events",
        ),
    ),
    chat(
        112,
        "tools",
        {"model": "tool", "tools": [WEATHER]},
        Expected(200, "application/json", message("tool", "tool_calls", content="", tool_calls=[CALL])),
    ),
    chat(
        112,
        "tools that are not to be called",
        {"model": "tool", "tools": [WEATHER], "tool_choice": "none"},
        Expected(200, "application/json", message("tool", content=TEXT)),
    ),
    chat(
        112,
        "tools for a model without",
        {"model": "gen", "tools": [WEATHER]},
        failed(400, "*gen:latest does not support tools", INVALID),
    ),
    chat(
        113,
        "no effort",
        {"model": "think", "reasoning_effort": "none"},
        Expected(200, "application/json", message("think", content=TEXT)),
    ),
    chat(
        113,
        "no effort in a stream",
        {"model": "think", "reasoning_effort": "none", "stream": True},
        Expected(
            200,
            EVENTS_TYPE,
            [
                delta("think", role="assistant", content="*"),
                delta("think", content="*"),
                REST,
                delta("think", "stop"),
                "[DONE]",
            ],
            "events",
        ),
    ),
    chat(
        113,
        "some effort",
        {"model": "think", "reasoning": {"effort": "low"}},
        Expected(200, "application/json", message("think", content=TEXT, reasoning="Let me think.")),
    ),
    Case(
        114,
        "completion",
        (
            post(
                "/v1/completions",
                {"model": "gen", "prompt": "hi"},
                Expected(200, "application/json", {**piece(TEXT, "stop"), "usage": USAGE}),
            ),
        ),
    ),
    Case(
        114,
        "completion stream",
        (
            post(
                "/v1/completions",
                {"model": "gen", "prompt": "hi", "stream": True},
                Expected(200, EVENTS_TYPE, [piece("*"), REST, piece("", "stop"), "[DONE]"], "events"),
            ),
        ),
    ),
    Case(
        114,
        "empty prompt",
        (
            post(
                "/v1/completions",
                {"model": "gen", "prompt": ""},
                Expected(200, "application/json", {**piece("", "load"), "usage": USAGE}),
            ),
        ),
    ),
    refused(
        115,
        "stop that is no text",
        "/v1/completions",
        {"model": "gen", "prompt": "x", "stop": [1]},
        "invalid type for 'stop' field: float64",
    ),
    Case(
        116,
        "embeddings in base64",
        (
            post(
                "/v1/embeddings",
                {"model": "emb", "input": ["a", "b"], "encoding_format": "base64"},
                Expected(
                    200,
                    "application/json",
                    {
                        "object": "list",
                        "data": [vector(0), vector(1)],
                        "model": "emb",
                        "usage": {"prompt_tokens": 6, "total_tokens": 6},
                    },
                ),
            ),
        ),
    ),
    refused(
        117,
        "unknown encoding",
        "/v1/embeddings",
        {"model": "emb", "input": "a", "encoding_format": "hex"},
        "Invalid value for 'encoding_format' = hex. Supported values: ['float', 'base64'].",
    ),
    refused(118, "no input", "/v1/embeddings", {"model": "emb", "input": []}, "invalid input"),
    refused(118, "tokens", "/v1/embeddings", {"model": "emb", "input": [1, 2]}, "invalid input type*"),
    transcription("no file", "multipart/form-data; boundary=b", FORM, "file is required: *"),
    transcription("no form", "application/json", b"{}", "failed to parse multipart form: *"),
]
