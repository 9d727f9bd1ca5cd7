"""The tools of the Responses API, read."""

# Tools are the caller's JSON.
from typing import Any

import msgspec
import pytest

from arriero.errors import InvalidRequest
from arriero.protocol.go_json import decode_body
from arriero.protocol.openai_responses import ResponsesRequest
from arriero.protocol.openai_responses_tools import left_out, offered_tools, read_tools
from arriero.types.chat import NamedTool

FIND = {"type": "function", "name": "find", "parameters": {"type": "object"}, "strict": False}
MAIL = {"type": "namespace", "name": "mail", "tools": [FIND, {"type": "custom", "name": "send"}]}
GRAMMAR = {"type": "grammar", "syntax": "lark", "definition": "start: WORD"}
PATCH = {"type": "custom", "name": "apply_patch", "description": "Edits files", "format": GRAMMAR}
SEARCH = {"type": "web_search", "external_web_access": True}


def request(*tools: Any, choice: Any = None) -> ResponsesRequest:
    return decode_body(msgspec.json.encode({"model": "m", "tools": tools, "tool_choice": choice}), ResponsesRequest)


def names(*tools: Any, choice: Any = None) -> list[str]:
    return [tool["function"]["name"] for tool in read_tools(request(*tools, choice=choice))[0]]


def test_all_that_a_client_can_do_itself_is_offered() -> None:
    assert names(FIND, MAIL, PATCH, SEARCH) == ["find", "mail.find", "mail.send", "apply_patch"]
    assert left_out(request(FIND, SEARCH, {"type": "mcp", "server_label": "x"})) == ["mcp", "web_search"]
    assert len(left_out(request(*({"type": f"{number:02}" + "x" * 99} for number in range(99))))) == 10


def test_a_client_is_told_of_them_in_its_own_words() -> None:
    offered = offered_tools(request(FIND, MAIL, PATCH))
    found = {name: (tool.name, tool.namespace, tool.is_custom) for name, tool in offered.items()}
    assert found == {
        "find": ("find", "", False),
        "mail.find": ("find", "mail", False),
        "mail.send": ("send", "mail", True),
        "apply_patch": ("apply_patch", "", True),
    }


def test_a_tool_that_takes_a_text_has_one_argument() -> None:
    function = offered_tools(request(PATCH))["apply_patch"].function["function"]
    assert function["description"] == "Edits files\n\nThe text must match this grammar (lark):\nstart: WORD"
    assert function["parameters"]["required"] == ["input"]


def test_tools_of_openais_own_are_none() -> None:
    with pytest.raises(InvalidRequest, match=r"this server has no tools of its own \(mcp, web_search\)"):
        offered_tools(request(SEARCH, {"type": "mcp", "server_label": "x"}))


def allowing(*tools: Any) -> Any:
    return {"type": "allowed_tools", "mode": "required", "tools": list(tools)}


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (None, "auto"),
        ("auto", "auto"),
        ("required", "required"),
        ({"type": "function", "name": "find"}, NamedTool("find")),
        ({"type": "function", "name": "find", "namespace": "mail"}, NamedTool("mail.find")),
        ({"type": "custom", "name": "apply_patch"}, NamedTool("apply_patch")),
        (allowing({"type": "function", "name": "find"}, {"type": "mcp", "server_label": "x"}), "required"),
    ],
)
def test_a_tool_may_have_to_be_called(choice: Any, expected: object) -> None:
    assert read_tools(request(FIND, MAIL, PATCH, choice=choice))[1] == expected


def test_only_those_that_are_allowed_are_offered() -> None:
    allowed = allowing({"type": "function", "name": "find"}, {"type": "custom", "name": "send", "namespace": "mail"})
    assert names(FIND, MAIL, PATCH, choice=allowed) == ["find", "mail.send"]
    assert names(FIND, choice="none") == []


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ("sometimes", "invalid tool_choice"),
        ({"type": "function"}, "invalid tool_choice"),
        ({"type": "web_search_preview"}, r"tool_choice: this server has no tool of its own \(web_search_preview\)"),
        (allowing({"type": "function", "name": "other"}), "tool_choice allows none of the tools"),
    ],
)
def test_a_choice_that_cannot_be_made_is_refused(choice: Any, message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        read_tools(request(FIND, choice=choice))
