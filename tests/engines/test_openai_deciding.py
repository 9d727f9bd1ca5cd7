"""How vLLM and SGLang are asked for given tokens, and what they say."""

import math

# Bodies are JSON.
from typing import Any

import msgspec
import pytest

from arriero.engines.base import TellsNext
from arriero.engines.openai.deciding import (
    Completed,
    Generated,
    completion_body,
    generate_body,
    read_completed,
    read_generated,
)
from arriero.errors import EngineFailed
from arriero.types.chat import TextPrompt
from tests.engines.upstream_servers import Answer, looked_at, vllm

VLLM = (
    b'{"choices":[{"text":"The","logprobs":{"tokens":["token_id:504"],"top_logprobs":[{"token_id:504":-1.8,'
    b'"token_id:49":-2.5,"token_id:50":null}]}}],"usage":{"prompt_tokens":9,"prompt_tokens_details":null}}'
)
OLD_VLLM = b'{"choices":[{"text":"The","logprobs":{"top_logprobs":[{"The":-1.8}]}}],"usage":{"prompt_tokens":9}}'
SGLANG = (
    b'{"text":"The","meta_info":{"prompt_tokens":9,"cached_tokens":4,'
    b'"output_token_ids_logprobs":[[[-2.5,49,null],[-5.5,50,"B"]]]}}'
)


def test_vllm_is_asked_for_tokens_by_their_numbers() -> None:
    body = completion_body("m", [1, 2], [49, 50])
    assert (body["logprob_token_ids"], body["return_tokens_as_token_ids"], body["max_tokens"]) == ([49, 50], True, 1)


def test_vllm_tells_them_beside_the_one_that_it_chose() -> None:
    told = read_completed(msgspec.json.decode(VLLM, type=Completed), [49, 50])
    assert list(told.logprobs) == [-2.5, -math.inf]
    assert (told.prompt_tokens, told.cached_tokens) == (9, 0)


async def test_vllm_is_asked_for_no_more_at_once_than_it_takes() -> None:
    asked: list[int] = []

    def complete(body: dict[str, Any]) -> Answer:
        numbers = body["logprob_token_ids"]
        asked.append(len(numbers))
        top = {f"token_id:{number}": -float(number) for number in numbers}
        return 200, {"choices": [{"logprobs": {"top_logprobs": [top]}}], "usage": {"prompt_tokens": 9}}

    server = vllm()
    server.routes = {**server.routes, "POST /v1/completions": complete}
    async with looked_at(server) as upstream:
        await upstream.look()
        engine = upstream.engine("tiny")
        assert isinstance(engine, TellsNext)
        told = await engine.next_tokens(TextPrompt("text"), range(255))
        alone = await engine.next_tokens(TextPrompt("text"), ())
    assert list(told.logprobs) == [-float(number) for number in range(255)]
    assert (told.prompt_tokens, alone.logprobs) == (9, [])
    assert asked == [128, 127, 0]


def test_sglang_is_asked_for_tokens_by_their_numbers() -> None:
    assert generate_body("text", [49])["text"] == "text"
    assert generate_body([1, 2], [49])["input_ids"] == [1, 2]
    assert generate_body([1, 2], [49])["token_ids_logprob"] == [49]


def test_sglang_tells_them_in_a_list_of_their_own() -> None:
    told = read_generated(msgspec.json.decode(SGLANG, type=Generated), [50, 49])
    assert list(told.logprobs) == [-5.5, -2.5]
    assert (told.prompt_tokens, told.cached_tokens) == (9, 4)


def test_a_server_that_is_too_old_says_nothing_of_them() -> None:
    with pytest.raises(EngineFailed) as refused:
        read_completed(msgspec.json.decode(OLD_VLLM, type=Completed), [49])
    assert refused.value.status == 501
    with pytest.raises(EngineFailed):
        read_generated(msgspec.json.decode(b'{"meta_info":{"prompt_tokens":9}}', type=Generated), [49])
