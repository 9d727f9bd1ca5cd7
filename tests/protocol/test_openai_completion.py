# What a request holds is whatever JSON somebody sends.
from typing import Any

import pytest
from msgspec import UNSET

from arriero.errors import InvalidRequest
from arriero.protocol.openai_completion import (
    CompletionRequest,
    check_stop,
    read_completion_options,
    read_completion_tops,
    to_native,
)


def request(**values: Any) -> CompletionRequest:
    return CompletionRequest("m", **values)


@pytest.mark.parametrize("prompt", ["Once", ["Once"]])
def test_the_prompt_is_one_text(prompt: Any) -> None:
    native = to_native(request(prompt=prompt, suffix="end"))
    assert (native.model, native.prompt, native.suffix) == ("m", "Once", "end")


def test_a_list_may_be_empty() -> None:
    assert to_native(request(prompt=[])).prompt == ""


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        (["a", "b"], "prompt must be one text"),
        ([1, 2], "json: cannot unmarshal array into Go struct field CompletionRequest.prompt of type string"),
        ([[1, 2]], "json: cannot unmarshal array"),
    ],
)
def test_the_prompt_is_nothing_else(prompt: Any, message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        to_native(request(prompt=prompt))


@pytest.mark.parametrize(
    ("value", "kind"), [(1, "float64"), (None, "<nil>"), (True, "bool"), ({}, r"map\[string\]interface \{\}")]
)
def test_what_ends_the_answer_is_text(value: Any, kind: str) -> None:
    with pytest.raises(InvalidRequest, match=f"^invalid type for 'stop' field: {kind}$"):
        check_stop(request(stop=["x", value]))


def test_penalties_are_never_the_models_own() -> None:
    assert read_completion_options(request()) == {
        "temperature": 1.0,
        "top_p": 1.0,
        "frequency_penalty": 0.0,
        "presence_penalty": 0.0,
    }


def test_a_top_p_of_zero_is_none() -> None:
    assert read_completion_options(request(top_p=0.0))["top_p"] == 1.0


@pytest.mark.parametrize(("asked", "tops"), [(UNSET, None), (0, 0), (5, 5)])
def test_log_probabilities_are_asked_for_by_their_number(asked: Any, tops: int | None) -> None:
    assert read_completion_tops(request(logprobs=asked)) == tops


def test_there_is_a_limit_to_the_alternatives() -> None:
    with pytest.raises(InvalidRequest, match="logprobs must be between 0 and 20"):
        read_completion_tops(request(logprobs=21))
