import json

import pytest

from arriero.engines.ollama.refusals import is_about_length, understood
from arriero.errors import EngineFailed, PromptTooLong

NATIVE = {
    "code": 400,
    "message": "request (302 tokens) exceeds the available context size (256 tokens), try increasing it",
    "type": "exceed_context_size_error",
}


@pytest.mark.parametrize(
    "message",
    [
        json.dumps({"error": NATIVE}, separators=(",", ":")),
        json.dumps({"error": {**NATIVE, "n_prompt_tokens": 302, "n_ctx": 256}}, separators=(",", ":")),
        NATIVE["message"],
        PromptTooLong(302, 256).message,
    ],
)
def test_a_prompt_that_is_too_long_is_known(message: str) -> None:
    refusal = understood(EngineFailed(message, 400))
    assert isinstance(refusal, PromptTooLong)
    assert (refusal.prompt_tokens, refusal.num_ctx) == (302, 256)


def test_an_error_of_ollamas_own_engine_is_told_in_its_words() -> None:
    body = '{"error":{"code":400,"message":"image input is not supported","type":"server_error"}}'
    refusal = understood(EngineFailed(body, 400))
    assert (refusal.message, refusal.status) == ("the model takes no images", 400)


@pytest.mark.parametrize("message", ["model 'm' not found", '{"error": broken'])
def test_any_other_refusal_stays_as_it_is(message: str) -> None:
    refusal = EngineFailed(message, 404)
    assert (understood(refusal).message, understood(refusal).status) == (message, 404)


@pytest.mark.parametrize(
    ("message", "is_about"),
    [
        ("the prompt is longer than the context length currently available to the model", True),
        ("the input length exceeds the context length", True),
        ("input exceeds maximum context length and cannot be truncated further", True),
        ("model 'm' not found", False),
        ("raw mode does not support template, system, or context", False),
    ],
)
def test_that_a_prompt_is_too_long_need_not_be_told_in_numbers(message: str, is_about: bool) -> None:
    assert is_about_length(EngineFailed(message, 400)) == is_about
