# Parameters of the sampler, by name.
from typing import Any

import pytest

from arriero.engines.openai.quirks import OPENAI, SGLANG, SMG, VLLM, Quirks
from arriero.engines.openai.sampling import passed_over, sampling_body
from arriero.types.chat import ChatPrompt, Message, TextPrompt, TextRequest
from arriero.types.sampling import SamplingParams


def ignored(quirks: Quirks, *, is_seeded: bool = True, **params: Any) -> list[str]:
    request = TextRequest(TextPrompt("x"), SamplingParams(**params))
    return list(passed_over(request, quirks, is_seeded=is_seeded))


@pytest.mark.parametrize(
    ("quirks", "params", "body"),
    [
        (VLLM, {"top_k": 0}, {"top_k": -1}),
        (VLLM, {"top_k": -5}, {"top_k": -1}),
        (VLLM, {"top_k": 2**40}, {"top_k": 2**30}),
        (OPENAI, {"top_k": 5, "min_p": 0.1, "repeat_penalty": 1.1}, {}),
        (VLLM, {"temperature": 99.0}, {"temperature": 2.0}),
        (SGLANG, {"temperature": 99.0}, {"temperature": 99.0}),
        (SGLANG, {"temperature": -1.0}, {"temperature": 0.0}),
        (VLLM, {"top_p": 0.0}, {"top_p": 1e-6}),
        (VLLM, {"top_p": 7.0}, {"top_p": 1.0}),
        (VLLM, {"min_p": -0.5}, {"min_p": 0.0}),
        (
            VLLM,
            {"presence_penalty": 5.0, "frequency_penalty": -5.0},
            {"presence_penalty": 2.0, "frequency_penalty": -2.0},
        ),
        (VLLM, {"repeat_penalty": 3.0}, {"repetition_penalty": 3.0}),
        (SMG, {"repeat_penalty": 3.0}, {"repetition_penalty": 2.0}),
        (VLLM, {"repeat_penalty": 0.0}, {}),
        (VLLM, {"seed": 2**62}, {"seed": 2**62}),
        (VLLM, {"seed": -1}, {}),
        (VLLM, {"stop": tuple("abcdef")}, {"stop": list("abcd")}),
        (SGLANG, {"stop": tuple("abcdef")}, {"stop": list("abcdef")}),
        (VLLM, {"logit_bias": ((7, -100.0),)}, {"logit_bias": {"7": -100.0}}),
        (VLLM, {"typical_p": 0.5, "repeat_last_n": 5, "num_keep": 9}, {}),
    ],
)
def test_parameters_are_sent_as_the_server_takes_them(
    quirks: Quirks, params: dict[str, Any], body: dict[str, Any]
) -> None:
    assert sampling_body(SamplingParams(**params), quirks) == body


@pytest.mark.parametrize("quirks", [VLLM, SGLANG, SMG, OPENAI])
def test_of_ollamas_defaults_nothing_is_passed_over(quirks: Quirks) -> None:
    defaults: dict[str, Any] = {
        "temperature": 0.8,
        "top_k": 40,
        "top_p": 0.9,
        "min_p": 0.0,
        "typical_p": 1.0,
        "repeat_last_n": 64,
    }
    assert ignored(quirks, **defaults, repeat_penalty=1.0, num_keep=4) == []


def test_what_no_server_does_is_told() -> None:
    assert ignored(VLLM, typical_p=0.5, num_keep=24) == ["typical_p", "num_keep"]


def test_how_far_penalties_look_back_matters_only_where_there_are_some() -> None:
    assert ignored(VLLM, repeat_last_n=5) == []
    assert ignored(VLLM, repeat_last_n=5, repeat_penalty=1.1) == ["repeat_last_n"]
    assert ignored(VLLM, repeat_last_n=-1, repeat_penalty=1.1) == []


def test_what_openai_does_not_know_is_told() -> None:
    assert ignored(OPENAI, top_k=5, min_p=0.1, repeat_penalty=1.1) == ["top_k", "min_p", "repeat_penalty"]


def test_what_is_heeded_only_so_far_is_told() -> None:
    assert ignored(VLLM, temperature=3.0, presence_penalty=-5.0) == ["temperature", "presence_penalty"]
    assert ignored(SGLANG, temperature=3.0, repeat_penalty=2.5) == ["repeat_penalty"]


def test_a_seed_without_effect_is_told_where_there_is_chance() -> None:
    assert ignored(SGLANG, is_seeded=False, seed=1) == ["seed"]
    assert ignored(SGLANG, is_seeded=False, seed=1, temperature=0.0) == []
    assert ignored(SGLANG, is_seeded=False, seed=-1) == []


def test_a_limit_of_thinking_is_passed_over() -> None:
    prompt = ChatPrompt((Message("user", "hi"),), think=True, think_tokens=1024)
    assert passed_over(TextRequest(prompt), VLLM) == ["budget_tokens"]
