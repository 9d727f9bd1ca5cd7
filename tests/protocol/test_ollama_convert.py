# Values of requests are whatever JSON somebody sends.
import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from arriero.errors import InvalidRequest
from arriero.protocol import ollama_convert as convert
from arriero.protocol.ollama import ChatRequest, GenerateRequest, WireMessage
from arriero.types.chat import ChatPrompt, JsonFormat, Message, TextPrompt
from tests.factories_store import record

USER = Message("user", "hi")
SYSTEM = Message("system", "Be brief.")
HISTORY = (Message("user", "1"), Message("assistant", "2"))


@pytest.mark.parametrize("value", [True, False, "low", "medium", "high", "max"])
def test_think_is_a_boolean_or_a_level(value: Any) -> None:
    assert convert.read_think(value) == value


def test_think_may_be_absent() -> None:
    assert convert.read_think(UNSET) is None


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("x", 'invalid think value: "x" (must be "high", "medium", "low", "max", true, or false)'),
        ("", 'invalid think value: "" (must be "high", "medium", "low", "max", true, or false)'),
        (1, 'think must be a boolean or string ("high", "medium", "low", "max", true, or false)'),
        ([], 'think must be a boolean or string ("high", "medium", "low", "max", true, or false)'),
    ],
)
def test_think_is_nothing_else(value: Any, message: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        convert.read_think(value)
    assert caught.value.message == message


def test_keep_alive_may_be_absent() -> None:
    assert convert.read_keep_alive(UNSET) is None
    assert convert.read_keep_alive("5m") == 300.0


@pytest.mark.parametrize(
    ("value", "expected"),
    [(UNSET, None), ("", None), ("json", JsonFormat()), ({"type": "object"}, JsonFormat({"type": "object"}))],
)
def test_format_is_json_or_a_schema(value: Any, expected: JsonFormat | None) -> None:
    assert convert.read_format(value) == expected


@pytest.mark.parametrize(
    ("value", "quoted"),
    [("xml", r'"\"xml\""'), (True, '"true"'), (5, '"5"'), (["a", 1], r'"[\"a\",1]"'), ("ñ", r'"\"ñ\""')],
)
def test_any_other_format_is_quoted_back(value: Any, quoted: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        convert.read_format(value)
    assert caught.value.message == f'invalid format: {quoted}; expected "json" or a valid JSON Schema object'


@given(st.binary(max_size=40))
def test_base64_is_accepted_with_line_ends(content: bytes) -> None:
    convert.check_base64([base64.b64encode(content).decode(), base64.encodebytes(content).decode()])


@pytest.mark.parametrize(
    ("image", "at"),
    [
        ("!!", 0),
        ("QUJ!", 3),
        ("data:image/png;base64,QQ==", 4),
        ("QUI", 3),
        ("Q", 1),
        ("QQ==QQ==", 8),
        ("éQ==", 0),
        ("=", 1),
    ],
)
def test_what_is_not_base64_is_told_with_the_byte(image: str, at: int) -> None:
    with pytest.raises(InvalidRequest) as caught:
        convert.check_base64(["QQ==", image])
    assert caught.value.message == f"illegal base64 data at input byte {at}"


def chat(*turns: WireMessage) -> ChatRequest:
    return ChatRequest("m", list(turns))


def test_a_chat_comes_behind_what_the_model_brings_along() -> None:
    model = record(system="Be brief.", messages=HISTORY)
    assert convert.chat_prompt(chat(WireMessage("user", "hi")), model, None) == ChatPrompt((SYSTEM, *HISTORY, USER))


def test_a_system_message_at_the_start_of_a_chat_replaces_that_of_the_model() -> None:
    model = record(system="Be long.")
    prompt = convert.chat_prompt(chat(WireMessage("System", "Be brief."), WireMessage("user", "hi")), model, None)
    assert prompt.messages == (SYSTEM, USER)


def test_a_later_system_message_of_a_chat_comes_beside_that_of_the_model() -> None:
    prompt = convert.chat_prompt(
        chat(WireMessage("user", "hi"), WireMessage("system", "x")), record(system="Be brief."), None
    )
    assert prompt.messages == (SYSTEM, USER, Message("system", "x"))


def test_thinking_and_roles_of_turns_are_kept() -> None:
    prompt = convert.chat_prompt(chat(WireMessage("TOOL", "x", "hm")), record(), "low")
    assert prompt == ChatPrompt((Message("tool", "x", "hm"),), "low")


def test_generate_is_one_turn_of_a_chat() -> None:
    request = GenerateRequest("m", "hi")
    assert convert.generate_prompt(request, record(system="Be brief.", messages=HISTORY), think=True) == ChatPrompt(
        (SYSTEM, *HISTORY, USER), think=True
    )


def test_the_system_text_of_generate_replaces_that_of_the_model() -> None:
    prompt = convert.generate_prompt(GenerateRequest("m", "hi", system="Be brief."), record(system="Be long."), None)
    assert prompt == ChatPrompt((SYSTEM, USER))


def test_a_model_without_a_template_goes_on_with_the_prompt() -> None:
    request = GenerateRequest("m", "hi", context=[1, 2])
    assert convert.generate_prompt(request, record(), None) == TextPrompt("hi", (1, 2))
    assert convert.generate_prompt(request, record(template="{{ x }}"), None) == ChatPrompt((USER,), context=(1, 2))


def test_a_raw_prompt_is_left_alone() -> None:
    request = GenerateRequest("m", "<s>hi", raw=True)
    assert convert.generate_prompt(request, record(system="Be brief."), None) == TextPrompt("<s>hi")
