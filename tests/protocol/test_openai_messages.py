# Parts of messages are whatever JSON somebody sends.
from typing import Any

import pytest
from msgspec import UNSET

from arriero.errors import InvalidRequest
from arriero.protocol.openai_chat import InCustom, InFunction, InMessage, InToolCall
from arriero.protocol.openai_messages import read_messages
from arriero.types.chat import Message, ToolCall

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
URL = f"data:image/png;base64,{PIXEL}"
CALL = InToolCall("call_1", InFunction("get_weather", '{"city":"Paris"}'))


def test_a_turn_is_text() -> None:
    assert read_messages([InMessage("User", "hi", "hm")]) == (Message("user", "hi", "hm"),)


def test_the_reasoning_has_another_name_too() -> None:
    assert read_messages([InMessage("assistant", "hi", reasoning_content="hm")])[0].thinking == "hm"


def test_a_developer_is_the_system() -> None:
    assert read_messages([InMessage("developer", "x")])[0].role == "system"


def test_parts_are_one_turn() -> None:
    parts = [
        {"type": "text", "text": "What is"},
        {"type": "image_url", "image_url": {"url": URL}},
        {"type": "image_url", "image_url": URL},
        {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
        {"type": "text", "text": "this?"},
    ]
    expected = Message("user", "What is\nthis?", images=(PIXEL, PIXEL, "UklGRg=="))
    assert read_messages([InMessage("user", parts)]) == (expected,)


@pytest.mark.parametrize("content", [UNSET, ""])
def test_calls_need_no_text(content: Any) -> None:
    [turn] = read_messages([InMessage("assistant", content, tool_calls=[CALL])])
    assert turn == Message("assistant", "", tool_calls=(ToolCall("get_weather", {"city": "Paris"}, "call_1"),))


@pytest.mark.parametrize("content", ["11 degrees", [{"type": "text", "text": "11 degrees"}]])
def test_a_result_belongs_to_the_call_that_it_names(content: Any) -> None:
    turns = [InMessage("assistant", tool_calls=[CALL]), InMessage("tool", content, tool_call_id="call_1")]
    expected = Message("tool", "11 degrees", tool_name="get_weather", tool_call_id="call_1")
    assert read_messages(turns)[1] == expected


def test_the_call_of_a_tool_that_takes_a_text_has_one_argument() -> None:
    call = InToolCall("call_2", custom=InCustom("patch", "*** Begin"))
    asked, told = read_messages(
        [InMessage("assistant", tool_calls=[call]), InMessage("tool", "", tool_call_id="call_2")]
    )
    assert asked.tool_calls == (ToolCall("patch", {"input": "*** Begin"}, "call_2"),)
    assert told.tool_name == "patch"


def test_a_refusal_is_what_was_said() -> None:
    assert read_messages([InMessage("assistant", refusal="No.")]) == (Message("assistant", "No."),)


def test_a_function_is_a_tool() -> None:
    assert read_messages([InMessage("function", "11 degrees", name="f")])[0] == Message(
        "tool", "11 degrees", tool_name="f"
    )


def test_the_call_of_a_function_is_one_of_a_tool() -> None:
    [turn] = read_messages([InMessage("assistant", UNSET, function_call=InFunction("f", '{"a":1}'))])
    assert turn.tool_calls == (ToolCall("f", {"a": 1}),)


def test_a_result_may_name_its_tool_itself() -> None:
    turns = [InMessage("assistant", tool_calls=[CALL]), InMessage("tool", "x", tool_call_id="call_1", name="other")]
    assert read_messages(turns)[1].tool_name == "other"


def test_the_name_of_a_user_is_no_tool() -> None:
    assert read_messages([InMessage("user", "x", name="Ana")])[0].tool_name == ""


def test_arguments_may_be_an_object() -> None:
    call = InToolCall("1", InFunction("f", {"a": 1}))
    assert read_messages([InMessage("assistant", tool_calls=[call])])[0].tool_calls[0].arguments == {"a": 1}


@pytest.mark.parametrize("arguments", ["", "{", "[1]", "[" * 9999, UNSET, 5])
def test_arguments_are_an_object(arguments: Any) -> None:
    call = InToolCall("1", InFunction("f", arguments))
    with pytest.raises(InvalidRequest, match="invalid tool call arguments"):
        read_messages([InMessage("assistant", tool_calls=[call])])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (UNSET, "invalid message content type: <nil>"),
        (5, "invalid message content type: float64"),
        ({}, "invalid message content type: map[string]interface {}"),
        ([{"type": "text"}], "invalid message format"),
        ([{"type": "image_url"}], "invalid message format"),
        ([{}], "invalid message format"),
        (["x"], "invalid message format"),
        ([{"type": "file", "file": {}}], "invalid message format: parts of type 'file' are not supported"),
        (
            [{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}],
            "image URLs are not currently supported, please use base64 encoded data instead",
        ),
        ([{"type": "image_url", "image_url": "data:text/plain;base64,aGk="}], "invalid image input"),
        ([{"type": "image_url", "image_url": "data:image/png;base64,???"}], "invalid image input"),
        ([{"type": "input_audio", "input_audio": "x"}], "invalid input_audio format"),
        ([{"type": "input_audio", "input_audio": {}}], "invalid input_audio format: missing data"),
        (
            [{"type": "input_audio", "input_audio": {"data": "a?"}}],
            "invalid input_audio base64 data: illegal base64 data at input byte 1",
        ),
    ],
)
def test_what_is_no_content_is_refused(content: Any, message: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_messages([InMessage("user", content)])
    assert caught.value.message == message


def test_a_request_without_turns_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="is too short - 'messages'"):
        read_messages([])


def test_an_id_may_be_given_again_in_a_later_turn() -> None:
    turns = [
        turn
        for name in ("f", "g")
        for turn in (
            InMessage("assistant", tool_calls=[InToolCall("call_0", InFunction(name, "{}"))]),
            InMessage("tool", "done", tool_call_id="call_0"),
        )
    ]
    assert [turn.tool_name for turn in read_messages(turns) if turn.role == "tool"] == ["f", "g"]
