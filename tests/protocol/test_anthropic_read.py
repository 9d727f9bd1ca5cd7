"""Requests to Anthropic's Messages API, read."""

from contextlib import suppress
from random import Random
from typing import Any

import msgspec
import pytest

from arriero.errors import InvalidRequest
from arriero.protocol.anthropic import MessagesRequest
from arriero.protocol.anthropic_read import check, estimate_tokens, read_format, read_messages, read_options
from arriero.protocol.anthropic_tools import read_tools
from arriero.protocol.go_json import decode_body
from arriero.types.chat import JsonFormat, Message, ToolCall
from tests.foreign_json import foreign_objects

USE = {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": 1}}
KINDS = ["text", "image", "document", "search_result", "tool_reference", "thinking", "tool_use", "tool_result"]
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
        (
            [
                turn(
                    {"type": "thinking", "thinking": "h"},
                    text("a"),
                    {"type": "thinking", "thinking": "m"},
                    USE,
                    role="assistant",
                )
            ],
            [Message("assistant", "a", "h\n\nm", tool_calls=(F,))],
        ),
        ([turn(text("next"), result("done"))], [Message("tool", "done", tool_call_id="t1"), Message("user", "next")]),
        ([turn(result([text("a"), IMAGE, text("b")]))], [Message("tool", "ab", images=("AAAA",), tool_call_id="t1")]),
        ([turn(result(None))], [Message("tool", "", tool_call_id="t1")]),
        ([turn(result("", is_error=True))], [Message("tool", "error", tool_call_id="t1")]),
        (
            [turn(USE, role="assistant"), turn(result("done"))],
            [Message("assistant", "", tool_calls=(F,)), Message("tool", "done", tool_name="f", tool_call_id="t1")],
        ),
        ([turn({"type": "redacted_thinking", "data": "x"}, {"type": "video"}, text("a"))], [Message("user", "a")]),
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
    ("block", "told"),
    [
        (
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "words"}},
            "<document>\nwords\n</document>\n",
        ),
        (
            {"type": "document", "title": "a", "context": "b", "source": {"type": "content", "content": [text("c")]}},
            "<document>\n<title>a</title>\n<context>b</context>\nc\n</document>\n",
        ),
        (
            {"type": "search_result", "source": "s", "title": "t", "content": [text("c")]},
            "<search_result>\n<title>t</title>\n<source>s</source>\nc\n</search_result>\n",
        ),
        ({"type": "tool_reference", "tool_name": "f"}, "f"),
    ],
)
def test_documents_become_text_in_turns_and_in_what_tools_gave(block: Any, told: str) -> None:
    assert read_messages(request(messages=[turn(block, text("?"))])) == (Message("user", f"{told}?"),)
    given = read_messages(request(messages=[turn(result([block]))]))
    assert given == (Message("tool", told, tool_call_id="t1"),)


def test_pictures_of_a_document_stay() -> None:
    document = {"type": "document", "source": {"type": "content", "content": [IMAGE]}}
    assert read_messages(request(messages=[turn(document)]))[0].images == ("AAAA",)


def test_turns_of_one_side_in_a_row_are_one() -> None:
    turns = [
        turn(text("a"), IMAGE),
        turn(result("done"), text("b")),
        {"role": "user", "content": "c"},
        turn({"type": "thinking", "thinking": "h"}, text("d"), role="assistant"),
        turn({"type": "thinking", "thinking": "m"}, USE, role="assistant"),
    ]
    assert read_messages(request(messages=turns)) == (
        Message("user", "a", images=("AAAA",)),
        Message("tool", "done", tool_call_id="t1"),
        Message("user", "b\n\nc"),
        Message("assistant", "d", "h\n\nm", tool_calls=(F,)),
    )


def reminder(content: str) -> str:
    return f"<system-reminder>\n{content}\n</system-reminder>"


@pytest.mark.parametrize(
    ("turns", "messages"),
    [
        (
            [{"role": "system", "content": "b"}, turn(text("c"), role="system"), turn(text("d"))],
            [Message("system", "a\n\nb\n\nc"), Message("user", "d")],
        ),
        (
            [turn(text("b")), {"role": "system", "content": "c"}, turn(text("d"))],
            [Message("system", "a"), Message("user", f"b\n\n{reminder('c')}\n\nd")],
        ),
        (
            [turn(text("b")), turn(USE, role="assistant"), turn(result("done")), {"role": "system", "content": "c"}],
            [
                Message("system", "a"),
                Message("user", "b"),
                Message("assistant", "", tool_calls=(F,)),
                Message("tool", f"done\n\n{reminder('c')}", tool_name="f", tool_call_id="t1"),
            ],
        ),
        (
            [turn(text("b")), turn(text("c"), role="assistant"), {"role": "system", "content": "d"}],
            [Message("system", "a"), Message("user", "b"), Message("assistant", "c"), Message("user", reminder("d"))],
        ),
    ],
)
def test_what_the_system_says_later_is_told_where_templates_take_it(turns: list[Any], messages: list[Message]) -> None:
    assert read_messages(request(system="a", messages=turns)) == tuple(messages)


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
        (
            {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBE"}},
            "The PDF specified was not valid: ",
        ),
        (
            {"type": "document", "title": "b", "source": {"type": "url", "url": "https://x"}},
            "a document of the source 'url' cannot be read here: send its text",
        ),
        (result([{"type": "document"}]), "a document of the source '' cannot be read here"),
        ({"type": "container_upload", "file_id": "f"}, "this server keeps no files"),
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


def test_an_estimate_is_a_quarter_of_the_characters() -> None:
    assert estimate_tokens([Message("system", "a" * 8), Message("user", "b" * 4)], ()) == 3


SCHEMA = {"type": "object"}
FORMAT = {"type": "json_schema", "schema": SCHEMA}


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        ({}, None),
        ({"output_config": {"effort": "low", "format": None}}, None),
        ({"output_config": {"format": FORMAT}}, JsonFormat(SCHEMA)),
        ({"output_format": FORMAT}, JsonFormat(SCHEMA)),
    ],
)
def test_a_schema_comes_under_its_new_name_or_its_old_one(asked: Any, wanted: JsonFormat | None) -> None:
    assert read_format(request(**asked)) == wanted


@pytest.mark.parametrize("wanted", [{"type": "json_schema"}, {"type": "json", "schema": SCHEMA}])
def test_a_format_that_is_none_is_refused(wanted: Any) -> None:
    with pytest.raises(InvalidRequest, match="have a schema"):
        read_format(request(output_config={"format": wanted}))
