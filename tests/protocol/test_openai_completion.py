# What a request holds is whatever JSON somebody sends.
from typing import Any

import pytest
from msgspec import UNSET

from arriero.errors import InvalidRequest
from arriero.protocol.go_json import decode_body
from arriero.protocol.openai_completion import (
    CompletionRequest,
    check,
    completion_ignored,
    read_completion_options,
    read_completion_tops,
    to_natives,
)


def request(**values: Any) -> CompletionRequest:
    return CompletionRequest("m", **values)


@pytest.mark.parametrize("prompt", ["Once", ["Once"]])
def test_the_prompt_is_a_text(prompt: Any) -> None:
    [native] = to_natives(request(prompt=prompt, suffix="end"))
    assert (native.model, native.prompt, native.suffix) == ("m", "Once", "end")


def test_there_may_be_several() -> None:
    assert [native.prompt for native in to_natives(request(prompt=["a", "b"]))] == ["a", "b"]


def test_a_list_may_be_empty() -> None:
    assert [native.prompt for native in to_natives(request(prompt=[]))] == [""]


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        ([1, 2], "json: cannot unmarshal array into Go struct field CompletionRequest.prompt of type string"),
        ([[1, 2]], "json: cannot unmarshal array"),
        (["a", ""], r"prompt\[1\] is empty"),
        (["a"] * 65, "there are 65 prompts: send 64 at most"),
    ],
)
def test_the_prompt_is_nothing_else(prompt: Any, message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        to_natives(request(prompt=prompt))


def test_what_is_not_told_of_a_prompt_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="leave out echo or logprobs"):
        check(request(echo=True, logprobs=0))


def test_there_is_a_limit_to_the_answers() -> None:
    check(request(prompt=["a"] * 64, n=4))
    with pytest.raises(InvalidRequest, match="320 answers are asked for: ask for 256 at most"):
        check(request(prompt=["a"] * 64, n=5))


@pytest.mark.parametrize(("n", "best_of", "ignored"), [(1, 1, ()), (2, 2, ()), (1, 3, ("best_of",))])
def test_no_more_answers_are_made_than_are_told(n: int, best_of: int, ignored: tuple[str, ...]) -> None:
    assert completion_ignored(request(n=n, best_of=best_of)) == ignored


@pytest.mark.parametrize(
    ("value", "kind"), [(1, "float64"), (None, "<nil>"), (True, "bool"), ({}, r"map\[string\]interface \{\}")]
)
def test_what_ends_the_answer_is_text(value: Any, kind: str) -> None:
    with pytest.raises(InvalidRequest, match=f"^invalid type for 'stop' field: {kind}$"):
        check(request(stop=["x", value]))


@pytest.mark.parametrize("value", [3, {"a": 1}])
def test_what_ends_the_answer_is_a_text_or_several(value: Any) -> None:
    with pytest.raises(InvalidRequest, match=r"^invalid type for 'stop' field: "):
        check(request(stop=value))


@pytest.mark.parametrize("body", ['{"stop": null}', '{"stop": "x"}', '{"stop": ["x"]}', "{}"])
def test_nothing_need_end_the_answer(body: str) -> None:
    check(decode_body(body.encode(), CompletionRequest))


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
