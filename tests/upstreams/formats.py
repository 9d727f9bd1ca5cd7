"""Scenarios: JSON, tools, thinking, log probabilities."""

import json
from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from arriero.errors import EngineFailed
from arriero.types.chat import ChatPrompt, JsonFormat, Message, NamedTool, TextPrompt, TextRequest, ToolCall
from tests.upstreams.scenario import ANY, CAPITAL, GREEDY, PARIS, Said, Scenario, Situation, ask, chat, greedy, user

_SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string", "maxLength": 12}, "n": {"type": "integer", "enum": [1, 2]}},
    "required": ["city", "n"],
    "additionalProperties": False,
}
_WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "enum": ["Paris", "Rome"]}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}
_ASKED = user("How is the weather in Paris?")
# White space between the tokens of JSON takes some.
_ROOM = greedy(max_tokens=64)


async def json_schema(at: Situation) -> None:
    """An answer is held to a schema."""
    said = await ask(at.engine, replace(chat(sampling=_ROOM), json_format=JsonFormat(_SCHEMA)))
    answer = json.loads(said.text)
    assert list(answer) == ["city", "n"]
    assert answer["n"] in {1, 2}
    assert said.finished.reason == "stop"


async def json_schema_of_a_text(at: Situation) -> None:
    """A text without a template is held to one, too."""
    prompt = TextPrompt('{"city": "Rome", "n": 1}\n{"city": "Paris", "n": 2}\n')
    said = await ask(at.engine, TextRequest(prompt, _ROOM, JsonFormat(_SCHEMA)))
    assert list(json.loads(said.text)) == ["city", "n"]


async def json_object(at: Situation) -> None:
    """Any JSON is an object."""
    request = chat(user('Write a JSON object with the key "city" and the value "Paris".'), sampling=_ROOM)
    said = await ask(at.engine, replace(request, json_format=JsonFormat()))
    assert isinstance(json.loads(said.text), dict)


def _tool_request(**changes: object) -> TextRequest:
    return TextRequest(replace(ChatPrompt((_ASKED,), tools=(_WEATHER,)), **changes), _ROOM)


def _assert_called(at: Situation, said: Said) -> None:
    assert [call.name for call in said.calls] == ["get_weather"]
    assert said.calls[0].arguments["city"] in {"Paris", "Rome"}
    assert said.text == ""
    # SGLang lets the model write white space behind a forced call, until it may write no more.
    assert said.finished.reason in ({"stop", "length"} if at.kind == "sglang" else {"stop"})


async def required_tool(at: Situation) -> None:
    """Some tool must be called, and is, with arguments that its schema allows."""
    _assert_called(at, await ask(at.engine, _tool_request(tool_choice="required", is_one_call=True)))


async def named_tool(at: Situation) -> None:
    """This very tool must be called, and is."""
    _assert_called(at, await ask(at.engine, _tool_request(tool_choice=NamedTool("get_weather"), is_one_call=True)))


async def loose_tool(at: Situation) -> None:
    """A server that is not told to be strict has the model call a tool with anything: that is no call, and is said."""
    with pytest.raises(EngineFailed, match="no JSON object"):
        await ask(at.engine, _tool_request(tool_choice="required", is_one_call=True))


async def offered_tool(at: Situation) -> None:
    """A tool may be called: this model's template does not show any, and it answers in words."""
    said = await ask(at.engine, replace(_tool_request(), sampling=GREEDY))
    assert said.text or said.calls


async def tool_history(at: Situation) -> None:
    """Earlier calls and what came of them are shown to the model."""
    call = ToolCall("get_weather", {"city": "Paris", "units": {"scale": "celsius"}}, "call_1")
    turns = (
        _ASKED,
        Message("assistant", "", tool_calls=(call,)),
        Message("tool", "sunny, 21 degrees", tool_name="get_weather", tool_call_id="call_1"),
    )
    said = await ask(at.engine, TextRequest(ChatPrompt(turns, tools=(_WEATHER,)), GREEDY))
    assert said.text or said.calls
    nameless = (_ASKED, Message("assistant", "", tool_calls=(replace(call, id=""),)), Message("tool", "sunny"))
    assert (await ask(at.engine, TextRequest(ChatPrompt(nameless), GREEDY))).text


async def thinking_off(at: Situation) -> None:
    """A model that does not think has nothing against being told not to."""
    said = await ask(at.engine, replace(chat(), prompt=ChatPrompt((user(CAPITAL),), think=False)))
    assert (said.text, said.thinking) == (PARIS, "")


async def thinking_on(at: Situation) -> None:
    """Nor against being told to: it answers."""
    for think in (True, "low"):
        said = await ask(at.engine, replace(chat(), prompt=ChatPrompt((user(CAPITAL),), think=think)))
        assert said.text == PARIS


async def chat_logprobs(at: Situation) -> None:
    """Each token of a chat comes with its probability and the likeliest in its place."""
    said = await ask(at.engine, replace(chat(sampling=greedy(max_tokens=4)), top_logprobs=2))
    _assert_likely(said)


async def text_logprobs(at: Situation) -> None:
    """Each token of a text does, too."""
    _assert_likely(await ask(at.engine, TextRequest(TextPrompt("The sky is"), greedy(max_tokens=4), top_logprobs=2)))


async def bare_logprobs(at: Situation) -> None:
    """Without any in their place, if none were asked for."""
    said = await ask(at.engine, replace(chat(sampling=greedy(max_tokens=4)), top_logprobs=0))
    assert [logprob.top for logprob in said.logprobs] == [()] * 4


def _assert_likely(said: Said) -> None:
    assert "".join(logprob.token for logprob in said.logprobs) == said.text
    assert len(said.logprobs) == 4
    for logprob in said.logprobs:
        assert logprob.logprob <= 0
        assert len(logprob.top) == 2
        # Of two that are as likely, either may have been chosen.
        assert logprob.token in {top.token for top in logprob.top}
        assert logprob.top[0].logprob == logprob.logprob
        assert logprob.top[0].logprob >= logprob.top[1].logprob


FORMATS: Sequence[Scenario] = [
    Scenario(json_schema, ANY),
    Scenario(json_schema_of_a_text),
    Scenario(json_object, ANY),
    Scenario(required_tool),
    Scenario(named_tool),
    Scenario(loose_tool, ("openai",)),
    Scenario(offered_tool),
    Scenario(tool_history, ANY),
    Scenario(thinking_off, ANY),
    Scenario(thinking_on, ANY),
    Scenario(chat_logprobs, ANY),
    Scenario(text_logprobs),
    Scenario(bare_logprobs),
]
