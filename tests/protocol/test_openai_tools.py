from contextlib import suppress
from random import Random

# What a request holds is whatever JSON somebody sends.
from typing import Any

import pytest
from msgspec import UNSET

from arriero.errors import InvalidRequest
from arriero.protocol.openai_chat import ChatCompletionRequest
from arriero.protocol.openai_custom_tools import custom_arguments, custom_input
from arriero.protocol.openai_tools import custom_names, read_tools
from arriero.types.chat import NamedTool
from tests.foreign_json import foreign_objects

WEATHER = {"type": "function", "function": {"name": "get_weather", "strict": True}}
TIME = {"type": "function", "function": {"name": "get_time"}}
GRAMMAR = {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: WORD"}}
PATCH = {"type": "custom", "custom": {"name": "patch", "description": "Edits files", "format": GRAMMAR}}


def request(**values: Any) -> ChatCompletionRequest:
    return ChatCompletionRequest("m", **values)


@pytest.mark.parametrize(
    ("choice", "choose"),
    [
        (UNSET, "auto"),
        ("auto", "auto"),
        ("required", "required"),
        ({"type": "function", "function": {"name": "get_weather"}}, NamedTool("get_weather")),
    ],
)
def test_a_tool_may_have_to_be_called(choice: Any, choose: object) -> None:
    assert read_tools(request(tools=[WEATHER, TIME], tool_choice=choice)) == ((WEATHER, TIME), choose)


def test_tools_that_must_not_be_called_are_not_offered() -> None:
    assert read_tools(request(tools=[WEATHER], tool_choice="none")) == ((), "auto")


def test_without_tools_there_is_no_choice() -> None:
    assert read_tools(request(tool_choice="required")) == ((), "auto")


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"function": {"name": "other"}}, "tool_choice names 'other', which is none of the tools"),
        ({"function": {}}, "invalid tool_choice"),
        ("sometimes", "invalid tool_choice"),
    ],
)
def test_a_choice_that_cannot_be_made_is_refused(choice: Any, message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        read_tools(request(tools=[WEATHER, {"function": 1}], tool_choice=choice))


def allowing(mode: str, *tools: Any) -> Any:
    return {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": list(tools)}}


@pytest.mark.parametrize("mode", ["auto", "required"])
def test_only_those_that_are_allowed_are_offered(mode: str) -> None:
    named = {"type": "function", "function": {"name": "get_time"}}
    assert read_tools(request(tools=[WEATHER, TIME], tool_choice=allowing(mode, named))) == ((TIME,), mode)


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        (allowing("auto"), "tool_choice allows no tool"),
        (allowing("auto", {"function": {"name": "other"}}), "tool_choice names 'other'"),
        (allowing("often", TIME), "invalid tool_choice"),
    ],
)
def test_what_is_allowed_must_be_there(choice: Any, message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        read_tools(request(tools=[WEATHER], tool_choice=choice))


def test_any_json_is_read_or_refused() -> None:
    for seed in range(300):
        random = Random(seed)
        tools = foreign_objects(random, {"type": ["function", "custom"]})
        for choice in (*foreign_objects(random, {"type": ["allowed_tools", "custom"]}), allowing("auto", *tools)):
            with suppress(InvalidRequest):
                custom_names(asked := request(tools=tools, tool_choice=choice))
                read_tools(asked)


def test_the_older_functions_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="send tools and tool_choice"):
        read_tools(request(functions=[{"name": "get_time"}]))


def test_a_tool_that_takes_a_text_is_a_function_of_one() -> None:
    asked = request(tools=[WEATHER, PATCH], tool_choice={"type": "custom", "custom": {"name": "patch"}})
    [_, shown], choice = read_tools(asked)
    assert choice == NamedTool("patch")
    assert shown["function"]["name"] == "patch"
    assert shown["function"]["description"] == "Edits files\n\nThe text must match this grammar (lark):\nstart: WORD"
    assert shown["function"]["parameters"]["required"] == ["input"]
    assert custom_names(asked) == {"patch"}


@pytest.mark.parametrize(("arguments", "text"), [(custom_arguments("x"), "x"), ({"a": 1}, '{"a":1}')])
def test_its_call_is_what_the_model_wrote(arguments: dict[str, Any], text: str) -> None:
    assert custom_input(arguments) == text
