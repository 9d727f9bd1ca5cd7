"""Embeddings, old and new."""

import math
from typing import Any

from tests.contract.case import JSON_TYPE, Case, Expected
from tests.contract.cases_general import error, post
from tests.contract.matching import Holds

SKY = "why is the sky blue?"
# With what stands before and after them: 22 tokens.
LONG = " ".join(["word"] * 20)


def unit(length: int) -> Holds:
    # A vector, or whatever JSON came in its place.
    def is_unit(vector: Any) -> bool:
        return len(vector) == length and abs(math.hypot(*vector) - 1.0) < 1e-4

    return Holds(f"a vector of {length} numbers and the length 1", is_unit)


# Patterns are JSON, and so are bodies.
def embedded(count: int, *vectors: Any, **more: Any) -> Expected:
    body = {
        "model": "emb",
        "embeddings": list(vectors),
        "total_duration": "<ns>",
        "load_duration": "<ns>",
        "prompt_eval_count": count,
        **more,
    }
    return Expected(200, JSON_TYPE, body)


def embed(number: int, title: str, body: dict[str, Any], expected: Expected) -> Case:
    return Case(number, title, (post("/api/embed", body, expected),))


NOTHING = Expected(200, JSON_TYPE, {"model": "emb", "embeddings": []})
NOT_FOUND = error(404, 'model "nope" not found, try pulling it first')
INVALID_INPUT = error(400, "invalid input type")
TOO_LONG = error(400, "the input length exceeds the context length")
NOTHING_LEFT = error(400, "input after truncation exceeds maximum context length")
CANNOT_CUT = error(400, "input exceeds maximum context length and cannot be truncated further")
A_VECTOR = Holds("16 numbers", lambda vector: len(vector) == 16 and math.hypot(*vector) > 1.0)

EMBED = [
    embed(17, "unknown model", {"model": "nope", "input": "x"}, NOT_FOUND),
    embed(18, "no field", {}, error(404, "model '' not found")),
    Case(19, "no field in embeddings", (post("/api/embeddings", {}, error(400, "model is required")),)),
    embed(71, "one text", {"model": "emb", "input": SKY}, embedded(7, unit(16))),
    embed(72, "two texts", {"model": "emb", "input": ["a", "b c"]}, embedded(7, unit(16), unit(16))),
    embed(72, "an empty text among others", {"model": "emb", "input": ["a", ""]}, embedded(5, unit(16), unit(16))),
    embed(73, "no texts", {"model": "emb", "input": []}, NOTHING),
    embed(73, "empty input", {"model": "emb", "input": ""}, NOTHING),
    embed(73, "no input", {"model": "emb"}, NOTHING),
    embed(74, "numbers", {"model": "emb", "input": [1, 2]}, INVALID_INPUT),
    embed(74, "one number", {"model": "emb", "input": 5}, INVALID_INPUT),
    embed(74, "numbers for an unknown model", {"model": "nope", "input": 5}, INVALID_INPUT),
    embed(75, "dimensions", {"model": "emb", "input": "a", "dimensions": 8}, embedded(3, unit(8))),
    embed(
        75, "more dimensions than there are", {"model": "emb", "input": "a", "dimensions": 99}, embedded(3, unit(16))
    ),
    embed(76, "too long", {"model": "emb", "input": LONG, "truncate": False, "options": {"num_ctx": 10}}, TOO_LONG),
    embed(
        77,
        "cut",
        {"model": "emb", "input": ["a", LONG], "options": {"num_ctx": 10}},
        embedded(13, unit(16), unit(16), truncated={"inputs": [1], "num_ctx": 10}),
    ),
    embed(77, "nothing left", {"model": "emb", "input": SKY, "options": {"num_ctx": 1}}, NOTHING_LEFT),
    embed(77, "no context at all", {"model": "emb", "input": SKY, "options": {"num_ctx": 0}}, CANNOT_CUT),
    Case(
        78,
        "embeddings",
        (
            post(
                "/api/embeddings",
                {"model": "emb", "prompt": SKY},
                Expected(200, JSON_TYPE, {"embedding": A_VECTOR}),
            ),
        ),
    ),
    Case(79, "no prompt", (post("/api/embeddings", {"model": "emb"}, Expected(200, JSON_TYPE, {"embedding": []})),)),
]
