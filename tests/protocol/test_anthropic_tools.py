"""Tools of Anthropic's Messages API, read."""

from typing import Any

import msgspec
import pytest

from arriero.errors import InvalidRequest
from arriero.protocol.anthropic import MessagesRequest
from arriero.protocol.anthropic_tools import left_out, read_tool_choice, read_tools
from arriero.protocol.go_json import decode_body

F = {"name": "f", "input_schema": {"type": "object"}}
SEARCH = {"type": "web_search_20250305", "name": "web_search"}


# Bodies are JSON.
def request(**body: Any) -> MessagesRequest:
    return decode_body(msgspec.json.encode({"model": "m", **body}), MessagesRequest)


def names(*tools: Any, **body: Any) -> list[str]:
    return [tool["function"]["name"] for tool in read_tools(request(tools=tools, **body))]


def test_tools_become_functions() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string", "format": "date"}}}
    [tool, bare] = read_tools(request(tools=[{"name": "f", "description": "d", "input_schema": schema}, {"name": "g"}]))
    assert tool == {"type": "function", "function": {"name": "f", "description": "d", "parameters": schema}}
    assert bare["function"]["parameters"] == {"type": "object", "properties": {}}


def test_a_schema_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidRequest, match=r'^invalid input_schema for tool "f": '):
        read_tools(request(tools=[{"name": "f", "input_schema": "x"}]))


@pytest.mark.parametrize(
    ("kind", "required", "some"),
    [
        ("bash_20250124", [], "restart"),
        ("text_editor_20250728", ["command", "path"], "view_range"),
        ("memory_20250818", ["command"], "old_path"),
    ],
)
def test_tools_that_claude_knows_by_heart_are_told_to_others(kind: str, required: list[str], some: str) -> None:
    [tool] = read_tools(request(tools=[{"type": kind, "name": "mine"}]))
    function = tool["function"]
    assert (function["name"], function["parameters"]["required"]) == ("mine", required)
    assert function["description"]
    assert some in function["parameters"]["properties"]


def test_a_tool_of_an_unknown_type_needs_a_schema() -> None:
    with pytest.raises(InvalidRequest, match='computer_20250124 is known here: send "computer" with an input_schema'):
        read_tools(request(tools=[{"type": "computer_20250124", "name": "computer"}]))
    assert names({**F, "type": "computer_20250124"}, {**F, "type": "custom", "name": "g"}) == ["f", "g"]


@pytest.mark.parametrize(
    "kind", ["web_search_20250305", "web_fetch_20250910", "code_execution_20250825", "tool_search_tool_regex_20251119"]
)
def test_tools_that_others_would_run_are_left_out_and_refused_alone(kind: str) -> None:
    assert names({"type": kind, "name": "x"}, F) == ["f"]
    with pytest.raises(InvalidRequest, match=f"runs no tools \\({kind}\\)"):
        names({"type": kind, "name": "x"})


def test_none_may_be_called() -> None:
    assert names(F, SEARCH, tool_choice={"type": "none"}) == []


def test_a_choice_that_there_is_not_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="must be auto, any, tool or none, and not 'some'"):
        read_tool_choice(request(tool_choice={"type": "some"}))


def test_what_is_left_out_is_known_by_its_type() -> None:
    fetch = {"type": f"web_fetch_{'9' * 99}"}
    assert left_out(request(tools=[F, SEARCH, fetch, SEARCH])) == [fetch["type"][:40], "web_search_20250305"]
