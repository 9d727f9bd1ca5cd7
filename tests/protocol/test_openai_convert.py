# What a request holds is whatever JSON somebody sends.
from typing import Any

import pytest

from arriero.errors import InvalidRequest
from arriero.protocol import openai_convert as convert
from arriero.protocol.ollama_convert import with_model
from arriero.protocol.openai_chat import ChatCompletionRequest, Reasoning, ResponseFormat
from arriero.protocol.openai_request import read_logit_bias
from arriero.types.chat import ChatPrompt, JsonFormat, Message
from tests.factories_store import record

HI = Message("user", "hi")


def request(**values: Any) -> ChatCompletionRequest:
    return ChatCompletionRequest("m", **values)


def test_sampling_has_the_defaults_of_the_api() -> None:
    assert convert.read_chat_options(request()) == {"temperature": 1.0, "top_p": 1.0}


def test_sampling_parameters_become_options() -> None:
    asked = request(max_tokens=5, temperature=0.0, top_p=0.5, seed=3, stop="x", frequency_penalty=0.1)
    assert convert.read_chat_options(asked) == {
        "num_predict": 5,
        "temperature": 0.0,
        "top_p": 0.5,
        "seed": 3,
        "stop": ["x"],
        "frequency_penalty": 0.1,
    }


def test_what_ends_the_answer_is_text() -> None:
    assert convert.read_chat_options(request(stop=["a", 1, "b"]))["stop"] == ["a", "b"]


def test_the_newer_name_of_the_limit_wins() -> None:
    assert convert.read_chat_options(request(max_tokens=5, max_completion_tokens=6))["num_predict"] == 6


def test_options_of_ollama_come_before_the_defaults_of_the_api() -> None:
    asked = request(options={"temperature": 0.2, "top_k": 5, "num_ctx": 100})
    assert convert.read_chat_options(asked) == {"temperature": 0.2, "top_p": 1.0, "top_k": 5, "num_ctx": 100}


def test_a_context_may_be_asked_for_beside_the_options() -> None:
    assert convert.read_chat_options(request(num_ctx=200, options={"num_ctx": 100}))["num_ctx"] == 200


@pytest.mark.parametrize(
    ("values", "think"),
    [
        ({}, None),
        ({"reasoning_effort": "none"}, False),
        ({"reasoning_effort": "minimal"}, "low"),
        ({"reasoning_effort": "xhigh"}, "max"),
        ({"reasoning_effort": "low", "reasoning": Reasoning("high")}, "high"),
    ],
)
def test_an_effort_says_how_much_to_think(values: dict[str, Any], think: object) -> None:
    assert convert.read_think(request(**values)) == think


@pytest.mark.parametrize(
    ("values", "tops"),
    [({}, None), ({"top_logprobs": 3}, None), ({"logprobs": True}, 0), ({"logprobs": True, "top_logprobs": 3}, 3)],
)
def test_log_probabilities_are_told_where_they_are_asked_for(values: dict[str, Any], tops: int | None) -> None:
    assert convert.read_chat_tops(request(**values)) == tops


def test_there_is_a_limit_to_the_alternatives() -> None:
    with pytest.raises(InvalidRequest, match="top_logprobs must be between 0 and 20"):
        convert.read_chat_tops(request(top_logprobs=21))


@pytest.mark.parametrize("modalities", [[], ["text"]])
def test_text_may_be_asked_for(modalities: list[str]) -> None:
    convert.check_modalities(request(modalities=modalities))


@pytest.mark.parametrize("modalities", [["audio"], ["text", "audio"], [1]])
def test_nothing_but_text_may_be_asked_for(modalities: list[Any]) -> None:
    with pytest.raises(InvalidRequest, match="modalities: no model of this server answers with"):
        convert.check_modalities(request(modalities=modalities))


@pytest.mark.parametrize(
    ("turns", "expected"),
    [
        ((HI,), (Message("system", "S"), Message("assistant", "1"), HI)),
        ((Message("system", "x"), HI), (Message("assistant", "1"), Message("system", "x"), HI)),
    ],
)
def test_the_turns_come_behind_what_the_model_brings_along(
    turns: tuple[Message, ...], expected: tuple[Message, ...]
) -> None:
    model = record(system="S", messages=(Message("assistant", "1"),))
    assert with_model(turns, model) == ChatPrompt(expected)


@pytest.mark.parametrize(
    ("kind", "form"),
    [("", None), ("text", None), ("JSON_object", JsonFormat()), ("json_schema", JsonFormat({}))],
)
def test_the_answer_has_a_form(kind: str, form: JsonFormat | None) -> None:
    assert convert.read_format(request(response_format=ResponseFormat(kind))) == form


def test_a_form_that_there_is_not_is_passed_over_and_told() -> None:
    asked = request(response_format=ResponseFormat("grammar"))
    assert (convert.read_format(asked), convert.passed_over(asked)) == (None, ("response_format",))


@pytest.mark.parametrize("kind", ["", "text", "JSON_object", "json_schema"])
def test_of_a_form_that_there_is_nothing_is_told(kind: str) -> None:
    assert convert.passed_over(request(response_format=ResponseFormat(kind))) == ()


@pytest.mark.parametrize("token", ["x", "-1", "1.5", "٣", str(2**31), "1" * 9999])
def test_a_bias_is_for_the_number_of_a_token(token: str) -> None:
    with pytest.raises(InvalidRequest, match="is not the number of a token"):
        read_logit_bias(request(logit_bias={token: 1.0}))
