"""Tools in chat completions with OpenAI's client."""

import json
from typing import Any

import openai
import pytest
from openai.types.chat import ChatCompletion, ChatCompletionFunctionToolParam, ChatCompletionMessageParam

from tests.sdk.clients import openai_client
from tests.sdk.openai_chat import SDK
from tests.sdk.questions import BOTH_WEATHERS, PARAMETERS, WEATHER, WEATHER_QUESTION
from tests.sdk.scenario import scenarios

# A name and its arguments.
Called = tuple[str, dict[str, Any]]

ASKED: list[ChatCompletionMessageParam] = [{"role": "user", "content": WEATHER_QUESTION}]
IN_PARIS: Called = ("get_weather", {"location": "Paris"})


def tool(name: str, description: str) -> ChatCompletionFunctionToolParam:
    """A tool that wants a place."""
    return {"type": "function", "function": {"name": name, "description": description, "parameters": PARAMETERS}}


TOOLS = [tool("get_weather", "The weather of a place"), tool("get_time", "The time at a place")]


def calls_of(answer: ChatCompletion) -> list[Called]:
    """What an answer calls; every call has an id of its own."""
    [choice] = answer.choices
    calls = choice.message.tool_calls or []
    assert len({call.id for call in calls}) == len(calls), calls
    assert all(call.id for call in calls), calls
    if calls:
        assert choice.finish_reason == "tool_calls", choice
    return [(call.function.name, json.loads(call.function.arguments)) for call in calls if call.type == "function"]


async def a_tool_is_called(client: openai.AsyncOpenAI, model: str) -> str:
    answer = await client.chat.completions.create(
        model=model, messages=ASKED, tools=TOOLS[:1], temperature=0, max_tokens=80
    )
    assert calls_of(answer) == [IN_PARIS]
    assert not answer.choices[0].message.content
    return "get_weather(location='Paris')"


async def a_call_is_collected_from_a_stream(client: openai.AsyncOpenAI, model: str) -> str:
    async with client.chat.completions.stream(
        model=model, messages=ASKED, tools=TOOLS[:1], temperature=0, max_tokens=80
    ) as stream:
        kinds = {event.type async for event in stream}
        final = await stream.get_final_completion()
    assert "tool_calls.function.arguments.done" in kinds, kinds
    assert calls_of(final) == [IN_PARIS]
    return "get_weather(location='Paris')"


async def a_tool_must_be_called(client: openai.AsyncOpenAI, model: str) -> str:
    named: Any = {"type": "function", "function": {"name": "get_weather"}}
    for choice in ("required", named):
        answer = await client.chat.completions.create(
            model=model,
            messages=ASKED,
            tools=TOOLS,
            tool_choice=choice,
            temperature=0,
            max_tokens=120,
            # Thinking may come before a call, and a small model forgets itself over it.
            reasoning_effort="none",
        )
        [(name, arguments), *_] = calls_of(answer)
        assert name == "get_weather"
        assert isinstance(arguments["location"], str)
    return f"`required` and by name: {name}({arguments})"


async def no_tool_may_be_called(client: openai.AsyncOpenAI, model: str) -> str:
    answer = await client.chat.completions.create(
        model=model, messages=ASKED, tools=TOOLS, tool_choice="none", temperature=0, max_tokens=48
    )
    assert not answer.choices[0].message.tool_calls
    return repr(answer.choices[0].message.content)


async def what_a_tool_said_is_read(client: openai.AsyncOpenAI, model: str) -> str:
    asked: Any = {"model": model, "tools": TOOLS[:1], "temperature": 0, "max_tokens": 80}
    first = await client.chat.completions.create(messages=ASKED, **asked)
    assert first.choices[0].message.tool_calls
    [call] = first.choices[0].message.tool_calls
    turns: Any = [
        *ASKED,
        first.choices[0].message,
        {"role": "tool", "tool_call_id": call.id, "content": WEATHER},
    ]
    second = await client.chat.completions.create(messages=turns, **asked)
    assert first.usage is not None
    assert second.usage is not None
    grown = second.usage.prompt_tokens - first.usage.prompt_tokens
    assert grown > 12, f"the call and its result are {grown} tokens"
    message = second.choices[0].message
    # An engine that looks for the end of thinking takes an answer without one for thinking.
    assert message.content or (message.model_extra or {}).get("reasoning") or calls_of(second), message
    return f"the call and its result are {grown} tokens of prompt"


async def a_tool_for_a_model_that_knows_none_is_refused(client: openai.AsyncOpenAI, model: str) -> str:
    with pytest.raises(openai.BadRequestError, match="does not support tools") as caught:
        await client.chat.completions.create(model=model, messages=ASKED, tools=TOOLS)
    return f"400 {caught.value.body}"


def shown(result: str = "5 degrees") -> list[Any]:
    """How several calls are made: so small a model has to be shown."""
    calls = [
        {"id": f"call_{city}", "type": "function", "function": {"name": "get_weather", "arguments": arguments}}
        for city, arguments in (("Oslo", '{"location": "Oslo"}'), ("Bern", '{"location": "Bern"}'))
    ]
    return [
        {"role": "user", "content": "Compare the weather in Oslo and in Bern."},
        {"role": "assistant", "content": None, "tool_calls": calls},
        *({"role": "tool", "tool_call_id": call["id"], "content": result} for call in calls),
        {"role": "assistant", "content": "It is 5 degrees in Oslo and in Bern."},
        {"role": "user", "content": BOTH_WEATHERS},
    ]


async def several_tools_are_called_at_once(client: openai.AsyncOpenAI, model: str) -> str:
    asked: Any = {"model": model, "messages": shown(), "tools": TOOLS[:1], "temperature": 0, "max_tokens": 120}
    wanted = [IN_PARIS, ("get_weather", {"location": "Rome"})]
    assert calls_of(await client.chat.completions.create(**asked)) == wanted
    async with client.chat.completions.stream(**asked) as stream:
        assert calls_of(await stream.get_final_completion()) == wanted
    return f"{wanted}, also streamed"


async def results_of_several_calls_are_told(client: openai.AsyncOpenAI, model: str) -> str:
    asked: Any = {"model": model, "tools": TOOLS[:1], "temperature": 0, "max_tokens": 120}
    first = await client.chat.completions.create(messages=shown(), **asked)
    message = first.choices[0].message
    results = [
        {"role": "tool", "tool_call_id": call.id, "content": degrees}
        for call, degrees in zip(message.tool_calls or (), ("22 degrees", "31 degrees"), strict=True)
    ]
    turns: list[Any] = [*shown(), message, *results]
    answer = await client.chat.completions.create(messages=turns, **asked)
    text = answer.choices[0].message.content or ""
    assert "22" in text or "31" in text, text
    return repr(text)


async def one_call_at_a_time_may_be_asked_for(client: openai.AsyncOpenAI, model: str) -> str:
    answer = await client.chat.completions.create(
        model=model,
        messages=shown(),
        tools=TOOLS[:1],
        tool_choice="required",
        parallel_tool_calls=False,
        temperature=0,
        max_tokens=120,
    )
    [call] = calls_of(answer)
    return str(call)


async def where_no_tool_is_needed_none_is_called(client: openai.AsyncOpenAI, model: str) -> str:
    turn: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Hello, how are you?"}]
    answer = await client.chat.completions.create(
        model=model, messages=turn, tools=TOOLS[:1], temperature=0, max_tokens=32
    )
    assert not calls_of(answer)
    assert answer.choices[0].message.content
    return repr(answer.choices[0].message.content)


TOOL_CALLS = scenarios(
    SDK,
    "tools",
    openai_client,
    {
        "plain": (a_tool_for_a_model_that_knows_none_is_refused,),
        "able": (
            a_tool_is_called,
            a_call_is_collected_from_a_stream,
            a_tool_must_be_called,
            no_tool_may_be_called,
            what_a_tool_said_is_read,
        ),
        "skilled": (
            several_tools_are_called_at_once,
            results_of_several_calls_are_told,
            one_call_at_a_time_may_be_asked_for,
            where_no_tool_is_needed_none_is_called,
        ),
    },
)
