import json

# Request bodies are whatever JSON somebody sends.
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arriero.errors import InvalidRequest
from arriero.protocol import openai_chat
from arriero.protocol.go_json import decode_body
from arriero.protocol.ollama import ChatRequest, GenerateRequest, ShowRequest, WireMessage

WRONG_TYPE = "json: cannot unmarshal"


def refusal(body: bytes) -> str:
    with pytest.raises(InvalidRequest) as caught:
        decode_body(body, ChatRequest)
    return caught.value.message


def test_reads_every_field_under_its_own_name() -> None:
    body = b'{"model":"m","messages":[{"role":"user","content":"x"}],"stream":false,"_debug_render_only":true}'
    request = decode_body(body, ChatRequest)
    assert request == ChatRequest("m", [WireMessage("user", "x")], stream=False, debug_render_only=True)


def test_names_of_fields_match_in_any_case_inside_too() -> None:
    request = decode_body(b'{"MODEL":"m","Messages":[{"ROLE":"user","Content":"x"}],"Keep_Alive":5}', ChatRequest)
    assert (request.model, request.messages, request.keep_alive) == ("m", [WireMessage("user", "x")], 5)


def test_keys_of_options_keep_their_case() -> None:
    assert decode_body(b'{"options":{"Temperature":1}}', ChatRequest).options == {"Temperature": 1}


@pytest.mark.parametrize(
    "body", [b'{"model":"a","model":"b"}', b'{"MODEL":"a","model":"b"}', b'{"model":"a","Model":"b"}']
)
def test_the_last_of_several_keys_counts(body: bytes) -> None:
    assert decode_body(body, ShowRequest).model == "b"


def test_unknown_keys_are_passed_over() -> None:
    assert decode_body(b'{"model":"m","foo":{"bar":[1]}}', ShowRequest) == ShowRequest("m")


@pytest.mark.parametrize(
    "body", [b"null", b"{}", b" {} ", b'{"model":null,"messages":null,"options":null,"stream":null}']
)
def test_null_is_as_good_as_absent(body: bytes) -> None:
    assert decode_body(body, ChatRequest) == ChatRequest()


@pytest.mark.parametrize("turn", [b"null", b"{}", b'{"content":null,"images":null,"tool_calls":null}'])
def test_null_inside_a_list_of_objects_is_an_empty_object(turn: bytes) -> None:
    assert decode_body(b'{"messages":[' + turn + b"]}", ChatRequest).messages == [WireMessage()]


@pytest.mark.parametrize("body", [b"", b" ", b"\r\n\t"])
def test_a_body_without_a_value_is_missing(body: bytes) -> None:
    assert refusal(body) == "missing request body"


@pytest.mark.parametrize("rest", [b" ", b"x", b"  x", b"{}", b'{"model":"b"}', b"\xff", b"\n\n]", b",", b"\0"])
def test_only_the_first_value_counts(rest: bytes) -> None:
    assert decode_body(b'{"model":"m"}' + rest, ShowRequest).model == "m"


@pytest.mark.parametrize(
    "body", [b"{", b'{"model":', b'{"model":"m"', b'{"model":"m', b'{"a":[1,', b"nul", b'{"a":"\\u12']
)
def test_a_body_that_breaks_off_is_an_unexpected_end(body: bytes) -> None:
    assert refusal(body) == "unexpected EOF"


@pytest.mark.parametrize(
    ("body", "character", "where"),
    [
        (b'{"model":}', "}", "looking for beginning of value"),
        (b"}", "}", "looking for beginning of value"),
        (b"x", "x", "looking for beginning of value"),
        (b"\xff", "ÿ", "looking for beginning of value"),
        (b'{"model":"m",}', "}", "looking for beginning of object key string"),
        (b"{bad", "b", "looking for beginning of object key string"),
        (b'{"a":1 "b":2}', '"', "after object key:value pair"),
        (b'{"a" 1}', "1", "after object key"),
        (b"[1 2]", "2", "after array element"),
    ],
)
def test_malformed_json_is_told_with_the_character_and_the_place(body: bytes, character: str, where: str) -> None:
    assert refusal(body) == f"invalid character '{character}' {where}"


@pytest.mark.parametrize(
    ("body", "kind", "go_type"),
    [
        (b'{"model":1}', "number", "model of type string"),
        (b'{"model":1.5}', "number", "model of type string"),
        (b'{"messages":"x"}', "string", "messages of type slice"),
        (b'{"messages":{}}', "object", "messages of type slice"),
        (b'{"messages":[{"content":[]}]}', "array", "messages.content of type string"),
        (b'{"messages":[{"role":true}]}', "bool", "messages.role of type string"),
        (b'{"stream":"yes"}', "string", "stream of type bool"),
        (b'{"top_logprobs":1.5}', "number", "top_logprobs of type int"),
        (b'{"options":[]}', "array", "options of type map"),
    ],
)
def test_wrong_types_are_told_as_go_tells_them(body: bytes, kind: str, go_type: str) -> None:
    assert refusal(body) == f"json: cannot unmarshal {kind} into Go struct field ChatRequest.{go_type}"


@pytest.mark.parametrize("body", [b"[]", b'"x"', b"5", b"true", b"[null]"])
def test_a_value_that_is_no_object_has_the_wrong_type(body: bytes) -> None:
    assert refusal(body).startswith(WRONG_TYPE)


def test_bytes_that_are_not_utf_8_become_replacement_characters() -> None:
    assert decode_body(b'{"model":"a\xffb","\xfe":1}', ShowRequest).model == "a\ufffdb"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (rb"\ud800", "\ufffd"),
        (rb"\udc00x", "\ufffdx"),
        (rb"\ud800\u0041", "\ufffdA"),
        (rb"\ud800\ud83d\ude00", "\ufffd😀"),
        (rb"\uD83D\uDE00 \udead", "😀 \ufffd"),
        (rb"\ud83d\ude00", "😀"),
        (rb"\\ud800\ud800", "\\ud800\ufffd"),
    ],
)
def test_half_characters_become_replacement_characters(written: bytes, read: str) -> None:
    assert decode_body(b'{"model":"' + written + b'"}', ShowRequest).model == read


@pytest.mark.parametrize("number", [b"1e400", b"-1e999"])
def test_a_number_beyond_all_numbers_has_the_wrong_type(number: bytes) -> None:
    assert refusal(b'{"options":{"temperature":' + number + b"}}").startswith(WRONG_TYPE)


def test_integers_of_any_length_are_read() -> None:
    assert decode_body(b'{"options":{"seed":' + b"9" * 400 + b"}}", ChatRequest).options["seed"] == int("9" * 400)


@pytest.mark.parametrize("body", [b"[" * 200_000, b'{"options":{"a":' * 100_000])
def test_a_value_too_deep_is_refused(body: bytes) -> None:
    assert refusal(body) == "exceeded max depth"


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(
    ["model", "MODEL", "messages", "role", "content", "options", "format", "stop", "stream_options"]
)
OBJECTS = st.dictionaries(NAMES | st.text(max_size=5), JSON | st.lists(st.dictionaries(NAMES, JSON), max_size=3))


@given(OBJECTS)
def test_any_object_is_read_or_refused(value: dict[str, Any]) -> None:
    body = json.dumps(value).encode()
    for struct in (ChatRequest, GenerateRequest, ShowRequest, openai_chat.ChatCompletionRequest):
        assert _reads_or_refuses(body, struct)


@given(st.binary(max_size=40), st.integers(0, 40))
def test_any_bytes_are_read_or_refused(noise: bytes, at: int) -> None:
    body = b'{"model":"m\\u00e9","messages":[{"role":"user"}]}'
    assert _reads_or_refuses(noise, ChatRequest)
    assert _reads_or_refuses(body[:at] + noise + body[at:], ChatRequest)


def _reads_or_refuses(body: bytes, struct: type[Any]) -> bool:
    try:
        return isinstance(decode_body(body, struct), struct)
    except InvalidRequest as error:
        return bool(error.message)
