"""Requests to the Responses API, read."""

from contextlib import suppress
from random import Random
from typing import Any

import msgspec
import pytest

from arriero.errors import InvalidRequest
from arriero.protocol.go_json import decode_body
from arriero.protocol.openai_responses import ResponsesRequest
from arriero.protocol.openai_responses_read import read_messages, read_options, read_tools
from arriero.types.chat import Message, ToolCall
from tests.foreign_json import foreign_objects

USER = {"role": "user", "content": "hi"}
CALL = {"type": "function_call", "call_id": "c1", "name": "f", "arguments": '{"a":1}'}
OUTPUT = {"type": "function_call_output", "call_id": "c1", "output": "done"}
THOUGHT = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "hm"}
KINDS = [
    "message",
    "function_call",
    "function_call_output",
    "reasoning",
    "web_search_call",
    "input_text",
    "input_image",
]
TOOLS = ["function", "namespace", "web_search", "custom"]
F = ToolCall("f", {"a": 1}, "c1")


# Bodies are JSON.
def request(**body: Any) -> ResponsesRequest:
    return decode_body(msgspec.json.encode({"model": "m", **body}), ResponsesRequest)


@pytest.mark.parametrize(
    ("items", "messages"),
    [
        ([USER], [Message("user", "hi")]),
        ([{"role": "developer", "content": "be kind"}], [Message("system", "be kind")]),
        (
            [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": t} for t in "ab"]}],
            [Message("user", "ab")],
        ),
        ([{"role": "user", "content": None}], [Message("user", "")]),
        (
            [CALL, OUTPUT],
            [Message("assistant", "", tool_calls=(F,)), Message("tool", "done", tool_name="f", tool_call_id="c1")],
        ),
        (
            [THOUGHT, {"role": "assistant", "content": "I call."}, CALL],
            [Message("assistant", "I call.", "hm", tool_calls=(F,))],
        ),
        ([CALL, {"role": "assistant", "content": "I called."}], [Message("assistant", "I called.", tool_calls=(F,))]),
        ([THOUGHT, CALL], [Message("assistant", "", "hm", tool_calls=(F,))]),
        ([THOUGHT, USER, {"role": "assistant", "content": "x"}], [Message("user", "hi"), Message("assistant", "x")]),
        ([{"type": "web_search_call", "id": "w", "status": "completed"}, USER], [Message("user", "hi")]),
        (
            [{**OUTPUT, "output": [{"type": "input_text", "text": "done"}]}],
            [Message("tool", "done", tool_call_id="c1")],
        ),
        (
            [
                {
                    **USER,
                    "content": [{"type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "auto"}],
                }
            ],
            [Message("user", "", images=("AAAA",))],
        ),
        ([{**USER, "content": [{"type": "input_image", "file_id": "f"}]}], [Message("user", "")]),
        ([{**CALL, "arguments": ""}], [Message("assistant", "", tool_calls=(ToolCall("f", {}, "c1"),))]),
    ],
)
def test_items_become_turns(items: list[Any], messages: list[Message]) -> None:
    assert read_messages(request(input=items)) == tuple(messages)


@pytest.mark.parametrize(
    ("wanted", "error"),
    [
        (1, "input must be a string or array: it is 1"),
        (["x"], r"input\[0\]: input item must be an object"),
        ([USER, {"type": "foo"}], r'input\[1\]: unknown input item type: "foo"'),
        ([{"content": "x"}], r"input\[0\]: input item missing required 'type' field"),
        ([{**USER, "content": [{"type": "foo"}]}], r"input\[0\]: content\[0\]: unknown content type: foo"),
        ([{**USER, "content": 1}], r"input\[0\]: content must be a string or array"),
        ([{**USER, "content": [{"type": "input_file"}]}], "file inputs are not currently supported"),
        ([{**USER, "content": [{"type": "input_image", "image_url": "https://x"}]}], "image URLs are not currently"),
        ([{**CALL, "arguments": "{"}], "failed to parse function call arguments: "),
        ([{**CALL, "arguments": "[]"}], "failed to parse function call arguments: "),
        (
            [{**CALL, "name": 1}],
            "json: cannot unmarshal number into Go struct field FunctionCallIn.name of type string",
        ),
    ],
)
def test_what_is_no_input_is_refused(wanted: Any, error: str) -> None:
    with pytest.raises(InvalidRequest, match=error):
        read_messages(request(input=wanted))


def test_any_json_is_read_or_refused() -> None:
    for seed in range(500):
        random = Random(seed)
        items = foreign_objects(random, {"type": KINDS, "role": ["user", "assistant"]})
        tools = foreign_objects(random, {"type": TOOLS})
        with suppress(InvalidRequest):
            body = request(input=items, tools=tools)
            read_messages(body)
            read_tools(body)


def test_options_of_the_request_and_those_of_ollama() -> None:
    body = request(max_output_tokens=5, top_p=None, num_ctx=4096, options={"num_ctx": 1, "min_p": 0.5})
    assert read_options(body) == {"num_predict": 5, "temperature": 1.0, "min_p": 0.5, "num_ctx": 4096}


def test_tools_become_functions() -> None:
    member = {"type": "function", "name": "find", "parameters": {"type": "object"}}
    tools = [
        {"type": "namespace", "name": "mail", "tools": [member]},
        {"type": "custom", "name": "apply_patch", "description": "Edits files", "format": {"type": "grammar"}},
        {"type": "web_search"},
        {"type": "local_shell"},
    ]
    found, _ = read_tools(request(tools=tools))
    empty = {"type": "object", "properties": {}}
    assert [tool["function"] for tool in found] == [
        {"name": "mail.find", "parameters": {"type": "object"}},
        {"name": "apply_patch", "parameters": empty, "description": "Edits files"},
    ]
