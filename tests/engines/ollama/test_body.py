import math

# Bodies are JSON.
from typing import Any

import pytest

from arriero.engines.ollama.body import path_and_body
from arriero.errors import EngineFailed
from arriero.types.chat import (
    ChatPrompt,
    InfillPrompt,
    JsonFormat,
    Message,
    NamedTool,
    Prompt,
    TextPrompt,
    TextRequest,
    ThinkLevel,
    ToolCall,
)
from arriero.types.loading import Demand, LoadOptions
from arriero.types.sampling import SamplingParams

HI = Message("user", "Hi")
HELLO = ChatPrompt((HI,))
BASE = {"model": "m", "stream": True}
SCHEMA = {"type": "object", "properties": {"b": {}, "a": {}}}


def tool(name: str) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "parameters": {"type": "object", "properties": {}}}}


def asked(prompt: Prompt = HELLO, demand: Demand | None = None, **request: Any) -> tuple[str, dict[str, Any]]:
    return path_and_body("m", TextRequest(prompt, **request), demand or Demand())


def body_of(prompt: Prompt = HELLO, demand: Demand | None = None, **request: Any) -> dict[str, Any]:
    return asked(prompt, demand, **request)[1]


def test_of_what_nobody_has_asked_for_nothing_is_said() -> None:
    assert asked() == ("/api/chat", {**BASE, "messages": [{"role": "user", "content": "Hi"}]})


@pytest.mark.parametrize(
    ("prompt", "sent"),
    [
        (TextPrompt("The sky"), {"prompt": "The sky", "raw": True}),
        (InfillPrompt("def f(", "return"), {"prompt": "def f(", "suffix": "return"}),
        (InfillPrompt("def f(", ""), {"prompt": "def f(", "raw": True}),
    ],
)
def test_texts_are_generated_from(prompt: Prompt, sent: dict[str, Any]) -> None:
    assert asked(prompt) == ("/api/generate", {**BASE, **sent})


def test_all_sampling_parameters_have_their_names_there() -> None:
    sampling = SamplingParams(
        max_tokens=9,
        temperature=0.0,
        top_k=0,
        top_p=0.9,
        min_p=0.1,
        typical_p=0.7,
        repeat_penalty=1.1,
        repeat_last_n=-1,
        presence_penalty=0.2,
        frequency_penalty=0.3,
        num_keep=4,
        seed=-1,
        stop=("a", "b"),
    )
    assert body_of(sampling=sampling)["options"] == {
        "num_predict": 9,
        "temperature": 0.0,
        "top_k": 0,
        "top_p": 0.9,
        "min_p": 0.1,
        "typical_p": 0.7,
        "repeat_penalty": 1.1,
        "repeat_last_n": -1,
        "presence_penalty": 0.2,
        "frequency_penalty": 0.3,
        "num_keep": 4,
        "seed": -1,
        "stop": ["a", "b"],
    }


def test_how_the_model_is_to_be_loaded_goes_along() -> None:
    options = LoadOptions(context=8, batch=2, gpu_layers=0, main_gpu=1, is_mapped=False, threads=3)
    assert body_of(demand=Demand(options=options))["options"] == {
        "num_ctx": 8,
        "num_batch": 2,
        "num_gpu": 0,
        "main_gpu": 1,
        "use_mmap": False,
        "num_thread": 3,
    }
    assert body_of(num_ctx=7)["options"] == {"num_ctx": 7}


@pytest.mark.parametrize(
    ("keep_alive_s", "sent"), [(None, None), (0.0, 0), (90.5, 90.5), (math.inf, -1), (1e12, -1), (-5.0, -1)]
)
def test_how_long_the_model_stays_goes_along(keep_alive_s: float | None, sent: float | None) -> None:
    assert body_of(demand=Demand(keep_alive_s)).get("keep_alive") == sent


@pytest.mark.parametrize(("wanted", "sent"), [(JsonFormat(), "json"), (JsonFormat(SCHEMA), SCHEMA)])
def test_a_format_is_sent(wanted: JsonFormat, sent: Any) -> None:
    assert body_of(json_format=wanted)["format"] == sent


@pytest.mark.parametrize("think", [True, False, "low", "max"])
def test_thinking_is_sent_as_it_is_asked_for(think: bool | ThinkLevel) -> None:
    assert body_of(ChatPrompt((HI,), think))["think"] == think


@pytest.mark.parametrize(("wanted", "sent"), [(0, 0), (20, 20), (50, 20)])
def test_of_alternatives_there_are_twenty_at_most(wanted: int, sent: int) -> None:
    body = body_of(top_logprobs=wanted)
    assert (body["logprobs"], body["top_logprobs"]) == (True, sent)


def test_only_what_differs_from_an_ollamas_ways_is_said_of_long_prompts() -> None:
    body = body_of(is_truncating=False, is_shifting=True)
    assert (body["truncate"], body["shift"]) == (False, True)
    assert body_of(demand=Demand(options=LoadOptions(is_shifting=True)))["shift"] is True


def test_pictures_thoughts_and_calls_are_messages() -> None:
    messages = (
        Message("user", "Look", images=("aWNo",)),
        Message("assistant", "", "Hm.", tool_calls=(ToolCall("f", {"b": 1, "a": 2}, "c1"), ToolCall("g", {}))),
        Message("tool", "3", tool_call_id="c1"),
        Message("tool", "4", tool_name="g"),
        Message("tool", "5", tool_call_id="unknown"),
    )
    calls = [
        {"id": "c1", "function": {"index": 0, "name": "f", "arguments": {"b": 1, "a": 2}}},
        {"function": {"index": 1, "name": "g", "arguments": {}}},
    ]
    assert body_of(ChatPrompt(messages, tools=(tool("f"), tool("g")))) == {
        **BASE,
        "messages": [
            {"role": "user", "content": "Look", "images": ("aWNo",)},
            {"role": "assistant", "content": "", "thinking": "Hm.", "tool_calls": calls},
            {"role": "tool", "content": "3", "tool_name": "f", "tool_call_id": "c1"},
            {"role": "tool", "content": "4", "tool_name": "g"},
            {"role": "tool", "content": "5", "tool_call_id": "unknown"},
        ],
        "tools": (tool("f"), tool("g")),
    }


def test_where_one_tool_must_be_called_no_other_is_shown() -> None:
    prompt = ChatPrompt((HI,), tools=(tool("f"), tool("g")), tool_choice=NamedTool("g"))
    assert body_of(prompt)["tools"] == [tool("g")]


@pytest.mark.parametrize(
    ("messages", "sent"),
    [
        ((HI,), {"prompt": "Hi"}),
        ((Message("system", "Be brief."), HI), {"prompt": "Hi", "system": "Be brief."}),
        ((Message("user", "Look", images=("aWNo",)),), {"prompt": "Look", "images": ("aWNo",)}),
    ],
)
def test_one_message_is_generated_from_where_a_context_plays_a_part(
    messages: tuple[Message, ...], sent: dict[str, Any]
) -> None:
    generate = "/api/generate"
    assert asked(ChatPrompt(messages, think=False), wants_context=True) == (generate, {**BASE, **sent, "think": False})
    assert asked(ChatPrompt(messages, context=(1, 2))) == (generate, {**BASE, **sent, "context": (1, 2)})


def test_a_conversation_is_a_chat_even_where_its_context_was_wanted() -> None:
    assert asked(ChatPrompt((HI, Message("assistant", "Hello"), HI)), wants_context=True)[0] == "/api/chat"


@pytest.mark.parametrize(
    ("prompt", "why"),
    [
        (ChatPrompt((HI, Message("assistant", "Hello"), HI), context=(1,)), "send all messages"),
        (ChatPrompt((HI,), tools=(tool("f"),), context=(1,)), "send all messages"),
        (TextPrompt("and", context=(1,)), "bare text"),
        (TextPrompt(""), "send a prompt"),
        (InfillPrompt("", "return"), "send a prompt"),
        (ChatPrompt(()), "send a prompt"),
    ],
)
def test_what_an_ollama_cannot_be_asked_is_refused(prompt: Prompt, why: str) -> None:
    with pytest.raises(EngineFailed, match=why) as refused:
        asked(prompt)
    assert refused.value.status == 400
