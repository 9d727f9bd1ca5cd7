"""Tools with Anthropic's client."""

from typing import Any

import anthropic
import pytest
from anthropic.types import Message, MessageParam

from tests.sdk.anthropic_messages import GREEDY, SDK, text_of
from tests.sdk.clients import anthropic_client
from tests.sdk.questions import BOTH_WEATHERS, PARAMETERS, WEATHER, WEATHER_QUESTION
from tests.sdk.scenario import scenarios

# A name and its arguments.
Called = tuple[str, object]

ASKED: list[MessageParam] = [{"role": "user", "content": WEATHER_QUESTION}]
IN_PARIS: Called = ("get_weather", {"location": "Paris"})
TOOLS: Any = [
    {"name": "get_weather", "description": "The weather of a place", "input_schema": PARAMETERS},
    {"name": "get_time", "description": "The time at a place", "input_schema": PARAMETERS},
]


def calls_of(answer: Message) -> list[Called]:
    """What an answer calls; every call has an id of its own."""
    calls = [block for block in answer.content if block.type == "tool_use"]
    assert len({call.id for call in calls}) == len(calls), calls
    assert all(call.id for call in calls), calls
    if calls:
        assert answer.stop_reason == "tool_use", answer
    return [(call.name, call.input) for call in calls]


def result(call_id: str, text: str) -> dict[str, object]:
    """What a tool said."""
    return {"type": "tool_result", "tool_use_id": call_id, "content": [{"type": "text", "text": text}]}


async def a_tool_is_called(client: anthropic.AsyncAnthropic, model: str) -> str:
    asked: Any = {"model": model, "max_tokens": 80, "messages": ASKED, "tools": TOOLS[:1], "extra_body": GREEDY}
    async with client.messages.stream(**asked) as stream:
        kinds = {event.type async for event in stream}
        streamed = await stream.get_final_message()
    assert "input_json" in kinds, kinds
    for answer in (await client.messages.create(**asked), streamed):
        assert calls_of(answer) == [IN_PARIS]
        assert not text_of(answer)
    return "get_weather(location='Paris'), also streamed"


async def a_tool_must_be_called(client: anthropic.AsyncAnthropic, model: str) -> str:
    choices: list[Any] = [
        {"type": "any", "disable_parallel_tool_use": True},
        {"type": "tool", "name": "get_weather", "disable_parallel_tool_use": True},
    ]
    for choice in choices:
        answer = await client.messages.create(
            model=model,
            max_tokens=120,
            messages=ASKED,
            tools=TOOLS,
            tool_choice=choice,
            # Thinking may come before a call, and a small model forgets itself over it.
            thinking={"type": "disabled"},
            extra_body=GREEDY,
        )
        [(name, arguments)] = calls_of(answer)
        assert name == "get_weather"
    return f"`any` and by name: {name}({arguments})"


async def no_tool_may_be_called(client: anthropic.AsyncAnthropic, model: str) -> str:
    answer = await client.messages.create(
        model=model, max_tokens=48, messages=ASKED, tools=TOOLS, tool_choice={"type": "none"}, extra_body=GREEDY
    )
    assert not calls_of(answer)
    return repr(text_of(answer))


async def what_a_tool_said_is_read(client: anthropic.AsyncAnthropic, model: str) -> str:
    asked: Any = {"model": model, "max_tokens": 80, "tools": TOOLS[:1], "extra_body": GREEDY}
    first = await client.messages.create(messages=ASKED, **asked)
    [call] = [block for block in first.content if block.type == "tool_use"]
    turns: Any = [
        *ASKED,
        {"role": "assistant", "content": first.content},
        {"role": "user", "content": [result(call.id, WEATHER)]},
    ]
    counted = [
        (await client.messages.count_tokens(model=model, messages=asked_so, tools=TOOLS[:1])).input_tokens
        for asked_so in (ASKED, turns)
    ]
    second = await client.messages.create(messages=turns, **asked)
    grown = counted[1] - counted[0]
    assert grown > 12, f"the call and its result are {grown} tokens"
    assert second.content
    return f"the call and its result are {grown} tokens of prompt"


async def a_tool_for_a_model_that_knows_none_is_refused(client: anthropic.AsyncAnthropic, model: str) -> str:
    with pytest.raises(anthropic.BadRequestError, match="does not support tools") as caught:
        await client.messages.create(model=model, max_tokens=4, messages=ASKED, tools=TOOLS)
    return f"400 {caught.value.body}"


def shown() -> list[Any]:
    """How several calls are made: so small a model has to be shown."""
    calls = [
        {"type": "tool_use", "id": f"toolu_{city}", "name": "get_weather", "input": {"location": city}}
        for city in ("Oslo", "Bern")
    ]
    return [
        {"role": "user", "content": "Compare the weather in Oslo and in Bern."},
        {"role": "assistant", "content": calls},
        {"role": "user", "content": [result(f"toolu_{city}", "5 degrees") for city in ("Oslo", "Bern")]},
        {"role": "assistant", "content": "It is 5 degrees in Oslo and in Bern."},
        {"role": "user", "content": BOTH_WEATHERS},
    ]


async def several_tools_are_called_and_answered(client: anthropic.AsyncAnthropic, model: str) -> str:
    asked: Any = {"model": model, "max_tokens": 120, "tools": TOOLS[:1], "extra_body": GREEDY}
    first = await client.messages.create(messages=shown(), **asked)
    assert calls_of(first) == [IN_PARIS, ("get_weather", {"location": "Rome"})]
    calls = [block for block in first.content if block.type == "tool_use"]
    results = [result(call.id, text) for call, text in zip(calls, ("22 degrees", "31 degrees"), strict=True)]
    turns: Any = [*shown(), {"role": "assistant", "content": first.content}, {"role": "user", "content": results}]
    text = text_of(await client.messages.create(messages=turns, **asked))
    assert "22" in text or "31" in text, text
    return f"two calls; then {text!r}"


async def one_call_at_a_time_may_be_asked_for(client: anthropic.AsyncAnthropic, model: str) -> str:
    answer = await client.messages.create(
        model=model,
        max_tokens=120,
        messages=shown(),
        tools=TOOLS[:1],
        tool_choice={"type": "any", "disable_parallel_tool_use": True},
        extra_body=GREEDY,
    )
    [call] = calls_of(answer)
    return str(call)


TOOL_CALLS = scenarios(
    SDK,
    "tools",
    anthropic_client,
    {
        "plain": (a_tool_for_a_model_that_knows_none_is_refused,),
        "able": (a_tool_is_called, a_tool_must_be_called, no_tool_may_be_called, what_a_tool_said_is_read),
        "skilled": (several_tools_are_called_and_answered, one_call_at_a_time_may_be_asked_for),
    },
)
