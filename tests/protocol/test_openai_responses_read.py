"""Requests to the Responses API, read."""

from contextlib import suppress
from random import Random
from typing import Any

import msgspec
import pytest

from arriero.errors import InvalidRequest
from arriero.protocol.go_json import decode_body
from arriero.protocol.openai_responses import ResponsesRequest
from arriero.protocol.openai_responses_read import (
    check,
    passed_over,
    read_format,
    read_messages,
    read_options,
    read_response_tops,
)
from arriero.protocol.openai_responses_tools import read_tools
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
    "custom_tool_call",
    "custom_tool_call_output",
    "shell_call",
    "shell_call_output",
    "reasoning",
    "web_search_call",
    "input_text",
    "input_image",
]
TOOLS = ["function", "namespace", "web_search", "custom"]
F = ToolCall("f", {"a": 1}, "c1")
THOUGHTFUL = [Message("assistant", "", "hm", tool_calls=(F,))]


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
        (
            [{**CALL, "name": "close", "namespace": "agents"}, OUTPUT],
            [
                Message("assistant", "", tool_calls=(ToolCall("agents.close", {"a": 1}, "c1"),)),
                Message("tool", "done", tool_name="agents.close", tool_call_id="c1"),
            ],
        ),
        (
            [
                {"type": "custom_tool_call", "call_id": "c2", "name": "apply_patch", "input": "*** Begin"},
                {"type": "custom_tool_call_output", "call_id": "c2", "output": "ok"},
            ],
            [
                Message("assistant", "", tool_calls=(ToolCall("apply_patch", {"input": "*** Begin"}, "c2"),)),
                Message("tool", "ok", tool_name="apply_patch", tool_call_id="c2"),
            ],
        ),
        (
            [
                {"type": "shell_call", "call_id": "c3", "action": {"commands": ["ls"]}},
                {"type": "shell_call_output", "call_id": "c3", "output": [{"stdout": "a", "stderr": ""}]},
            ],
            [
                Message("assistant", "", tool_calls=(ToolCall("shell", {"commands": ["ls"]}, "c3"),)),
                Message("tool", '[{"stdout":"a","stderr":""}]', tool_name="shell", tool_call_id="c3"),
            ],
        ),
        (
            [{"role": "developer", "content": "a"}, {"role": "system", "content": "b"}, USER],
            [Message("system", "a\n\nb"), Message("user", "hi")],
        ),
        ([USER, USER], [Message("user", "hi\n\nhi")]),
        (
            [
                {"role": "assistant", "content": "a"},
                THOUGHT,
                {"role": "assistant", "content": "b"},
                CALL,
                {**CALL, "call_id": "c2"},
            ],
            [Message("assistant", "a\n\nb", "hm", tool_calls=(F, ToolCall("f", F.arguments, "c2")))],
        ),
        (
            [USER, {"role": "developer", "content": "a"}],
            [Message("user", "hi\n\n<developer>\na\n</developer>")],
        ),
        (
            [CALL, OUTPUT, {"role": "developer", "content": "a"}, USER],
            [
                Message("assistant", "", tool_calls=(F,)),
                Message("tool", "done", tool_name="f", tool_call_id="c1"),
                Message("user", "<developer>\na\n</developer>\n\nhi"),
            ],
        ),
        (
            [{**THOUGHT, "encrypted_content": None, "summary": [{"type": "summary_text", "text": "hm"}]}, CALL],
            THOUGHTFUL,
        ),
        ([{**THOUGHT, "encrypted_content": "gAAAAABo", "content": [{"text": "hm"}]}, CALL], THOUGHTFUL),
        (
            [{"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]}],
            [Message("assistant", "No.")],
        ),
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
        ([{"type": "item_reference", "id": "msg_1"}], r"input\[0\]: nothing is kept here: send the item itself"),
        ([{**CALL, "arguments": "{"}], "failed to parse function call arguments: "),
        ([{**CALL, "arguments": "[]"}], "failed to parse function call arguments: "),
        ([{**CALL, "arguments": '{"a":' * 9999}], "failed to parse function call arguments: "),
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


def test_instructions_and_what_the_system_says_first_are_one_turn() -> None:
    asked = request(instructions="Be kind.", input=[{"role": "developer", "content": "Be brief."}, USER])
    assert read_messages(asked) == (Message("system", "Be kind.\n\nBe brief."), Message("user", "hi"))


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"previous_response_id": "resp_1"}, "Previous response with id 'resp_1' not found: nothing is kept here"),
        ({"conversation": {"id": "conv_1"}}, "conversation: nothing is kept here"),
        ({"prompt": {"id": "pmpt_1"}}, "prompt: nothing is kept here"),
    ],
)
def test_what_would_have_been_kept_is_refused(asked: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        check(request(input="hi", **asked))


def test_what_is_kept_nowhere_may_be_null() -> None:
    check(request(input="hi", previous_response_id=None, conversation=None, prompt=None, store=True))


@pytest.mark.parametrize(
    ("asked", "tops"),
    [
        ({}, None),
        ({"include": ["message.output_text.logprobs"]}, 0),
        ({"top_logprobs": 3}, 3),
        ({"include": [1]}, None),
    ],
)
def test_log_probabilities_are_asked_for_by_name_or_number(asked: dict[str, Any], tops: int | None) -> None:
    assert read_response_tops(request(**asked)) == tops


@pytest.mark.parametrize("wanted", [{"type": "json_schema"}, {"type": "grammar"}])
def test_a_format_that_is_none_is_passed_over_and_told(wanted: dict[str, Any]) -> None:
    asked = request(text={"format": wanted})
    assert (read_format(asked), passed_over(asked)) == (None, ["text.format"])


@pytest.mark.parametrize("wanted", [{"type": "text"}, {"type": "json_object"}, {"type": "json_schema", "schema": {}}])
def test_of_a_format_that_is_one_nothing_is_told(wanted: dict[str, Any]) -> None:
    assert passed_over(request(text={"format": wanted})) == []


def test_a_picture_that_is_kept_elsewhere_is_passed_over_and_told() -> None:
    asked = request(input=[{**USER, "content": [{"type": "input_image", "file_id": "f"}]}])
    assert (read_messages(asked), passed_over(asked)) == ((Message("user", ""),), ["input_image.file_id"])
