# Parts of messages are whatever JSON somebody sends.
import json
from typing import Any

import pytest
from msgspec import UNSET

from arriero.errors import ArrieroError, EngineFailed, InvalidRequest, ModelNotFound, Unauthorized
from arriero.protocol import openai_convert as convert
from arriero.protocol.ollama_convert import with_model
from arriero.protocol.openai_chat import ChatCompletionRequest, InMessage
from arriero.protocol.sse import SseParser
from arriero.types.chat import ChatPrompt, Message
from arriero.types.events import Event, Finished, TextDelta, ThinkingDelta
from arriero.types.times import Times
from arriero.types.usage import Usage
from tests.factories_store import record

TIMES = Times(1, 2, 3, 4)
DONE = Finished("stop", Usage(prompt_tokens=5, cached_tokens=1, completion_tokens=2))
USAGE = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}
HI = Message("user", "hi")


def request(*turns: InMessage, **values: Any) -> ChatCompletionRequest:
    return ChatCompletionRequest("m", list(turns), **values)


def answer(*, include_usage: bool = False) -> convert.OpenAIAnswer:
    return convert.OpenAIAnswer("m", 7, 1_755_820_000, include_usage=include_usage)


def chunks(encoder: convert.OpenAIAnswer, *events: Event) -> list[Any]:
    written = b"".join(encoder.chunk([event], "") for event in events) + encoder.last(DONE, "", TIMES)
    payloads = SseParser().feed(written)
    assert payloads.pop() == b"[DONE]"
    return [json.loads(payload) for payload in payloads]


def test_a_turn_is_text() -> None:
    assert convert.read_messages(request(InMessage("User", "hi", "hm"))) == (Message("user", "hi", "hm"),)


def test_a_developer_is_the_system() -> None:
    assert convert.read_messages(request(InMessage("developer", "x")))[0].role == "system"


def test_text_parts_are_joined() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    assert convert.read_messages(request(InMessage("user", parts)))[0].content == "ab"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (UNSET, "invalid message content type: <nil>"),
        ([{"type": "image_url"}], "message parts of type 'image_url' are not supported: send text"),
        ([{"type": "text"}], "message parts of type 'text' are not supported: send text"),
        ([{}], "message parts of type None are not supported: send text"),
    ],
)
def test_a_turn_without_text_is_refused(content: Any, message: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        convert.read_messages(request(InMessage("user", content)))
    assert caught.value.message == message


def test_a_request_without_turns_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="is too short - 'messages'"):
        convert.read_messages(request())


def test_sampling_has_the_defaults_of_the_api() -> None:
    assert convert.read_options(request()) == {"temperature": 1.0, "top_p": 1.0}


def test_sampling_parameters_become_options() -> None:
    asked = request(max_tokens=5, temperature=0.0, top_p=0.5, seed=3, stop="x", frequency_penalty=0.1)
    assert convert.read_options(asked) == {
        "num_predict": 5,
        "temperature": 0.0,
        "top_p": 0.5,
        "seed": 3,
        "stop": ["x"],
        "frequency_penalty": 0.1,
    }


def test_the_newer_name_of_the_limit_wins() -> None:
    assert convert.read_options(request(max_tokens=5, max_completion_tokens=6))["num_predict"] == 6


@pytest.mark.parametrize(
    ("turns", "expected"),
    [
        ((HI,), (Message("system", "S"), Message("assistant", "1"), HI)),
        ((Message("system", "x"), HI), (Message("assistant", "1"), Message("system", "x"), HI)),
    ],
)
def test_the_turns_come_behind_what_the_model_brings_along(
    turns: tuple[Message, ...], expected: tuple[Message, ...]
) -> None:
    model = record(system="S", messages=(Message("assistant", "1"),))
    assert with_model(turns, model) == ChatPrompt(expected)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (InvalidRequest("x"), "invalid_request_error"),
        (ModelNotFound("x"), "not_found_error"),
        (Unauthorized("x"), "authentication_error"),
        (EngineFailed("x"), "api_error"),
        (EngineFailed("x", 400), "invalid_request_error"),
    ],
)
def test_errors_have_the_shape_of_the_api(error: ArrieroError, kind: str) -> None:
    told = {"message": "x", "type": kind, "param": None, "code": None}
    assert json.loads(convert.error_body(error)) == {"error": told}


def test_a_stream_begins_with_the_role_and_ends_with_the_reason() -> None:
    found = chunks(answer(), TextDelta("He"), TextDelta("llo"))
    assert [chunk["choices"] for chunk in found] == [
        [{"index": 0, "delta": {"role": "assistant", "content": "He"}, "finish_reason": None}],
        [{"index": 0, "delta": {"content": "llo"}, "finish_reason": None}],
        [{"index": 0, "delta": {}, "finish_reason": "stop"}],
    ]
    assert {(chunk["id"], chunk["created"], chunk["model"], chunk["object"]) for chunk in found} == {
        ("chatcmpl-7", 1_755_820_000, "m", "chat.completion.chunk")
    }
    assert not any("usage" in chunk for chunk in found)


def test_usage_comes_last_where_it_is_asked_for() -> None:
    found = chunks(answer(include_usage=True), TextDelta("x"))
    assert (found[-1]["choices"], found[-1]["usage"]) == ([], USAGE)


def test_an_empty_stream_has_a_role_all_the_same() -> None:
    found = chunks(answer())
    assert [chunk["choices"][0]["delta"] for chunk in found] == [{"role": "assistant", "content": ""}, {}]


def test_thinking_is_the_reasoning() -> None:
    found = chunks(answer(), ThinkingDelta("Hm."), TextDelta("Hi"))
    assert [chunk["choices"][0]["delta"] for chunk in found] == [
        {"role": "assistant", "content": "", "reasoning": "Hm."},
        {"content": "Hi"},
        {},
    ]


def test_a_whole_answer_is_one_object() -> None:
    events: list[Event] = [ThinkingDelta("Hm."), TextDelta("Hel"), TextDelta("lo")]
    assert json.loads(answer().whole(events, Finished("length", DONE.usage), "", TIMES)) == {
        "id": "chatcmpl-7",
        "object": "chat.completion",
        "created": 1_755_820_000,
        "model": "m",
        "system_fingerprint": "fp_ollama",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Hello", "reasoning": "Hm."},
                "finish_reason": "length",
            }
        ],
        "usage": USAGE,
    }


def test_a_failure_is_an_event_with_the_error() -> None:
    [event] = SseParser().feed(answer().failure("out of memory"))
    assert json.loads(event)["error"]["message"] == "out of memory"
