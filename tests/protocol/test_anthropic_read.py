"""Requests to Anthropic's Messages API, read."""

from contextlib import suppress
from random import Random
from typing import Any

import msgspec
import pytest

from arriero.errors import InvalidRequest
from arriero.protocol.anthropic import MessagesRequest
from arriero.protocol.anthropic_read import check, estimate_tokens, read_messages, read_options, read_tools
from arriero.protocol.go_json import decode_body
from arriero.types.chat import Message, ToolCall
from tests.foreign_json import foreign_objects

USE = {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": 1}}
KINDS = ["text", "image", "thinking", "tool_use", "tool_result"]
F = ToolCall("f", {"a": 1}, "t1")
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}


# Bodies are JSON.
def request(**body: Any) -> MessagesRequest:
    return decode_body(msgspec.json.encode({"model": "m", "max_tokens": 5, **body}), MessagesRequest)


def turn(*blocks: Any, role: str = "user") -> dict[str, Any]:
    return {"role": role, "content": list(blocks)}


def result(content: Any, **more: Any) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": "t1", "content": content, **more}


def text(content: str) -> dict[str, Any]:
    return {"type": "text", "text": content}


@pytest.mark.parametrize(
    ("turns", "messages"),
    [
        ([{"role": "User", "content": "hi"}], [Message("user", "hi")]),
        ([turn(text("a"), text("b"), IMAGE)], [Message("user", "ab", images=("AAAA",))]),
        (
            [turn({"type": "thinking", "thinking": "hm", "signature": "s"}, text("I call."), USE, role="assistant")],
            [Message("assistant", "I call.", "hm", tool_calls=(F,))],
        ),
        ([turn(text("next"), result("done"))], [Message("tool", "done", tool_call_id="t1"), Message("user", "next")]),
        ([turn(result([text("a"), IMAGE, text("b")]))], [Message("tool", "ab", images=("AAAA",), tool_call_id="t1")]),
        ([turn(result(None))], [Message("tool", "", tool_call_id="t1")]),
        ([turn(result("", is_error=True))], [Message("tool", "error", tool_call_id="t1")]),
        (
            [turn(USE, role="assistant"), turn(result("done"))],
            [Message("assistant", "", tool_calls=(F,)), Message("tool", "done", tool_name="f", tool_call_id="t1")],
        ),
        ([turn({"type": "redacted_thinking", "data": "x"}, {"type": "document"}, text("a"))], [Message("user", "a")]),
        ([{"role": "assistant", "content": None}], [Message("assistant", "")]),
        (
            [turn({**USE, "input": None}, role="assistant")],
            [Message("assistant", "", tool_calls=(ToolCall("f", {}, "t1"),))],
        ),
    ],
)
def test_blocks_become_turns(turns: list[Any], messages: list[Message]) -> None:
    assert read_messages(request(messages=turns)) == tuple(messages)


@pytest.mark.parametrize(
    ("system", "content"),
    [("a", "a"), ([text("a"), {**text("b"), "cache_control": {"type": "ephemeral"}}], "ab"), ("", None), (None, None)],
)
def test_the_system_text_is_the_first_turn(system: Any, content: str | None) -> None:
    messages = read_messages(request(system=system, messages=[{"role": "user", "content": "hi"}]))
    assert messages[:-1] == (() if content is None else (Message("system", content),))


def test_the_head_for_a_bill_is_no_part_of_the_prompt() -> None:
    system = [text("x-anthropic-billing-header: cc_version=2; cch=1;"), text("a")]
    assert read_messages(request(system=system)) == (Message("system", "a"),)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"model": " "}, "model is required"),
        ({"max_tokens": 0}, "max_tokens is required and must be positive"),
        ({"max_tokens": -1}, "max_tokens is required and must be positive"),
        ({"messages": []}, "messages is required"),
    ],
)
def test_what_is_missing_is_told(body: dict[str, Any], error: str) -> None:
    with pytest.raises(InvalidRequest, match=error):
        check(request(**body))


def test_to_be_counted_a_request_needs_no_limit() -> None:
    check(request(max_tokens=None, messages=[{"role": "user", "content": "hi"}]), needs_limit=False)


@pytest.mark.parametrize(
    ("block", "error"),
    [
        ({"type": "image"}, "invalid image source"),
        (
            {"type": "image", "source": {"type": "url", "url": "https://x"}},
            "invalid image source type: url. Only base64 images are supported.",
        ),
        ({"type": "image", "source": {"type": "base64", "data": "%"}}, "invalid base64 image data: "),
        ({"type": "image", "source": {"type": "base64"}}, "invalid base64 image data: there is none"),
        (result([{"type": "image"}]), "invalid tool_result image source"),
        ({**USE, "id": ""}, "tool_use block missing required 'id' field"),
        ({**USE, "name": None}, "tool_use block missing required 'name' field"),
        ("text", "a content block must be an object"),
    ],
)
def test_a_block_that_is_none_is_refused(block: Any, error: str) -> None:
    with pytest.raises(InvalidRequest, match=f"^{error}"):
        read_messages(request(messages=[turn(block)]))


def test_any_json_is_read_or_refused() -> None:
    for seed in range(500):
        random = Random(seed)
        turns = foreign_objects(random, {"type": KINDS, "role": ["user", "assistant"]})
        tools = foreign_objects(random, {"type": ["custom", "web_search"]})
        with suppress(InvalidRequest):
            body = request(messages=turns, tools=tools, system=turns)
            read_messages(body)
            read_tools(body)


def test_options_of_the_request_and_those_of_ollama() -> None:
    assert read_options(request(stop_sequences=[], top_k=3, options={"num_ctx": 64})) == {
        "num_predict": 5,
        "top_k": 3,
        "num_ctx": 64,
    }


def test_tools_become_functions() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string", "format": "date"}}}
    [tool, bare] = read_tools(request(tools=[{"name": "f", "description": "d", "input_schema": schema}, {"name": "g"}]))
    assert tool == {"type": "function", "function": {"name": "f", "description": "d", "parameters": schema}}
    assert bare["function"]["parameters"] == {"type": "object", "properties": {}}


def test_a_schema_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidRequest, match=r'^invalid input_schema for tool "f": '):
        read_tools(request(tools=[{"name": "f", "input_schema": "x"}]))


def test_an_estimate_is_a_quarter_of_the_characters() -> None:
    assert estimate_tokens([Message("system", "a" * 8), Message("user", "b" * 4)], ()) == 3
