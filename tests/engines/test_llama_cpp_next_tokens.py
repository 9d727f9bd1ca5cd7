"""How llama.cpp is asked for given tokens, and what becomes of its answers."""

import json
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

# Bodies are JSON.
from typing import Any

import msgspec
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from arriero.engines.base import Plan
from arriero.engines.llama_cpp.engine import LlamaCppEngine, worker_wire
from arriero.engines.llama_cpp.next_tokens import Completion, listed, weighed, weighing_body
from arriero.errors import EngineFailed
from arriero.types.chat import TextPrompt
from tests.serving import listening

LIKELIEST = {7: 0.5, 8: 0.25, 9: 0.01}
RARE = {1000: 0.0001, 1001: 0.0002}


def answer(top: dict[int, float], *, is_sampled: bool = False) -> dict[str, Any]:
    if is_sampled:
        found: dict[str, Any] = {"top_probs": [{"id": token, "prob": chance} for token, chance in top.items()]}
    else:
        found = {"top_logprobs": [{"id": token, "logprob": math.log(chance)} for token, chance in top.items()]}
    return {"completion_probabilities": [found], "tokens_evaluated": 12, "timings": {"cache_n": 9}}


@asynccontextmanager
async def engine_with(bodies: list[dict[str, Any]]) -> AsyncIterator[LlamaCppEngine]:
    """An engine in front of a server that knows how likely tokens are; what it is asked is put into ``bodies``."""

    async def complete(request: Request) -> Response:
        body = await request.json()
        bodies.append(body)
        if not body.get("post_sampling_probs"):
            return JSONResponse(answer(LIKELIEST))
        wanted = [token for token, _ in body["logit_bias"]]
        chances = {token: (LIKELIEST | RARE).get(token, 0.0) for token in wanted}
        total = sum(chances.values())
        return JSONResponse(answer({token: each / total for token, each in chances.items()}, is_sampled=True))

    async with listening(Starlette(routes=[Route("/completion", complete, methods=["POST"])])) as url:
        engine = LlamaCppEngine(worker_wire(int(url.rpartition(":")[2]), "key"), Plan(2048, 1))
        yield engine
        await engine.aclose()


async def test_tokens_among_the_likeliest_take_one_request() -> None:
    bodies: list[dict[str, Any]] = []
    async with engine_with(bodies) as engine:
        told = await engine.next_tokens(TextPrompt("Answer:"), [8, 7])
    assert told.logprobs == pytest.approx([math.log(0.25), math.log(0.5)])
    assert (told.prompt_tokens, told.cached_tokens) == (12, 9)
    [body] = bodies
    assert (body["prompt"], body["n_predict"], body["cache_prompt"]) == ("Answer:", 1, True)
    assert (body["samplers"], body["n_probs"]) == (["temperature"], 256)


async def test_tokens_that_are_not_are_weighed_against_the_likeliest() -> None:
    bodies: list[dict[str, Any]] = []
    async with engine_with(bodies) as engine:
        told = await engine.next_tokens(TextPrompt("Answer:"), [8, 1000, 1001, 2000])
    assert told.logprobs == pytest.approx([math.log(0.25), math.log(0.0001), math.log(0.0002), -math.inf])
    assert [body.get("post_sampling_probs", False) for body in bodies] == [False, True, False]
    assert [token for token, _ in bodies[1]["logit_bias"]] == [7, 8, 1000, 1001, 2000]


async def test_as_many_are_listed_as_may_be_wanted() -> None:
    bodies: list[dict[str, Any]] = []
    async with engine_with(bodies) as engine:
        await engine.next_tokens(TextPrompt("x", (1, 2)), [7] * 200)
    assert (bodies[0]["prompt"], bodies[0]["n_probs"]) == ([1, 2, "x"], 400)


def test_a_token_is_biased_once() -> None:
    assert weighing_body("x", [7, 8, 7])["logit_bias"] == [[7, 50.0], [8, 50.0]]


def test_a_build_that_tells_no_probabilities_is_an_error() -> None:
    nothing = msgspec.json.decode(json.dumps({"content": "x"}), type=Completion)
    with pytest.raises(EngineFailed, match="too old"):
        listed(nothing)
    with pytest.raises(EngineFailed, match="too old"):
        weighed(nothing, 7, -0.5, [8])
