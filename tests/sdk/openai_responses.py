"""Responses with OpenAI's client."""

import json
from itertools import pairwise
from typing import Any

import openai
import pytest
from openai.types.responses import Response

from tests.sdk.clients import openai_client
from tests.sdk.openai_chat import SDK
from tests.sdk.questions import (
    ANSWER,
    LONG,
    PARAMETERS,
    PICTURE,
    QUESTION,
    THOUGHT,
    THOUGHTFUL_ANSWER,
    WEATHER,
    WEATHER_QUESTION,
    City,
)
from tests.sdk.scenario import scenarios

TOOL: Any = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather of a place",
    "parameters": PARAMETERS,
    "strict": True,
}
# Of a message of text, in the order of OpenAI's reference.
TEXT_EVENTS = [
    "response.created",
    "response.in_progress",
    "response.output_item.added",
    "response.content_part.added",
    "response.output_text.delta",
    "response.output_text.done",
    "response.content_part.done",
    "response.output_item.done",
    "response.completed",
]


def once(kinds: list[str]) -> list[str]:
    """The kinds of events, those that are repeated once."""
    return kinds[:1] + [after for before, after in pairwise(kinds) if after != before]


def call_of(answer: Response) -> tuple[str, str, dict[str, Any]]:
    """The one call: its id, and what it calls."""
    [call] = [item for item in answer.output if item.type == "function_call"]
    return call.call_id, call.name, json.loads(call.arguments)


async def a_response_has_text_and_usage(client: openai.AsyncOpenAI, model: str) -> str:
    answer = await client.responses.create(
        model=model, input=QUESTION, instructions="You answer.", temperature=0, max_output_tokens=24
    )
    assert "Paris" in answer.output_text
    assert (answer.status, answer.instructions, answer.model) == ("completed", "You answer.", model)
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.input_tokens + answer.usage.output_tokens > 10
    return f"{answer.output_text!r}, {answer.usage.total_tokens} tokens"


async def events_come_in_their_order(client: openai.AsyncOpenAI, model: str) -> str:
    async with client.responses.stream(model=model, input=QUESTION, temperature=0, max_output_tokens=24) as stream:
        events = [event async for event in stream]
        final = await stream.get_final_response()
    assert once([event.type for event in events]) == TEXT_EVENTS, once([event.type for event in events])
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert final.output_text == ANSWER
    assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == ANSWER
    [item] = final.output
    assert item.type == "message"
    assert item.status == "completed"
    return f"{len(events)} events, numbered"


async def what_is_cut_off_is_incomplete(client: openai.AsyncOpenAI, model: str) -> str:
    asked: Any = {"model": model, "input": QUESTION, "temperature": 0, "max_output_tokens": 3}
    stream = await client.responses.create(**asked, stream=True)
    *_, last = [event async for event in stream]
    assert last.type == "response.incomplete"
    for answer in (await client.responses.create(**asked), last.response):
        assert answer.incomplete_details is not None
        assert (answer.status, answer.incomplete_details.reason) == ("incomplete", "max_output_tokens")
        assert answer.output_text == "The capital of"
    return "`incomplete`, max_output_tokens, also streamed"


async def a_response_is_parsed_into_a_type(client: openai.AsyncOpenAI, model: str) -> str:
    answer = await client.responses.parse(
        model=model, input=QUESTION, temperature=0, max_output_tokens=80, text_format=City
    )
    assert isinstance(answer.output_parsed, City)
    return repr(answer.output_parsed)


async def several_turns_are_input(client: openai.AsyncOpenAI, model: str) -> str:
    first = await client.responses.create(model=model, input=QUESTION, temperature=0, max_output_tokens=24)
    turns: Any = [
        {"role": "user", "content": QUESTION},
        *(item.model_dump() for item in first.output),
        {"role": "user", "content": [{"type": "input_text", "text": QUESTION}]},
    ]
    second = await client.responses.create(model=model, input=turns, temperature=0, max_output_tokens=24)
    assert "Paris" in second.output_text
    assert first.usage is not None
    assert second.usage is not None
    assert second.usage.input_tokens > first.usage.input_tokens + 8
    return f"{second.usage.input_tokens} tokens after {first.usage.input_tokens}"


async def a_picture_for_a_model_that_sees_none_is_refused(client: openai.AsyncOpenAI, model: str) -> str:
    picture: Any = {"type": "input_image", "detail": "auto", "image_url": f"data:image/png;base64,{PICTURE}"}
    with pytest.raises(openai.BadRequestError, match="does not support image input"):
        await client.responses.create(model=model, input=[{"role": "user", "content": [picture]}])
    return "400"


async def a_picture_takes_its_place_in_the_input(client: openai.AsyncOpenAI, model: str) -> str:
    picture: Any = {"type": "input_image", "detail": "auto", "image_url": f"data:image/png;base64,{PICTURE}"}
    sizes = []
    for pictures in ([], [picture]):
        content = [{"type": "input_text", "text": "What is it?"}, *pictures]
        answer = await client.responses.create(
            model=model, input=[{"role": "user", "content": content}], temperature=0, max_output_tokens=2
        )
        assert answer.usage is not None
        sizes.append(answer.usage.input_tokens)
    assert sizes[1] > sizes[0], sizes
    return f"{sizes[1]} tokens with it, {sizes[0]} without"


async def a_prompt_that_is_too_long_is_known_by_its_code(client: openai.AsyncOpenAI, model: str) -> str:
    for is_stream in (False, True):
        with pytest.raises(openai.BadRequestError, match="exceeds the context of 2048 tokens") as caught:
            await client.responses.create(model=model, input=LONG, stream=is_stream)
        # What agents look at to know that it is time to shorten the conversation.
        assert caught.value.code == "context_length_exceeded", caught.value.body
    return f"400 {caught.value.code}"


async def reasoning_is_an_item_of_its_own(client: openai.AsyncOpenAI, model: str) -> str:
    async with client.responses.stream(
        model=model, input=QUESTION, temperature=0, max_output_tokens=48, reasoning={"effort": "medium"}
    ) as stream:
        kinds = once([event.type async for event in stream])
        answer = await stream.get_final_response()
    thought, said = answer.output
    assert thought.type == "reasoning"
    assert said.type == "message"
    assert "".join(part.text for part in thought.summary).strip() == THOUGHT
    assert answer.output_text == THOUGHTFUL_ANSWER
    assert kinds.index("response.output_item.done") < kinds.index("response.output_text.delta"), kinds
    return f"{THOUGHT!r}, then {answer.output_text!r}"


async def a_function_is_called_and_answered(client: openai.AsyncOpenAI, model: str) -> str:
    asked: Any = {"model": model, "tools": [TOOL], "temperature": 0, "max_output_tokens": 80}
    first = await client.responses.create(input=WEATHER_QUESTION, **asked)
    call_id, *called = call_of(first)
    assert called == ["get_weather", {"location": "Paris"}]
    turns: Any = [
        {"role": "user", "content": WEATHER_QUESTION},
        *(item.model_dump() for item in first.output),
        {"type": "function_call_output", "call_id": call_id, "output": WEATHER},
    ]
    second = await client.responses.create(input=turns, **asked)
    assert first.usage is not None
    assert second.usage is not None
    grown = second.usage.input_tokens - first.usage.input_tokens
    assert grown > 12, f"the call and its result are {grown} tokens"
    assert second.output
    return f"get_weather(location='Paris'); it and its result are {grown} tokens of input"


async def a_call_comes_in_events(client: openai.AsyncOpenAI, model: str) -> str:
    async with client.responses.stream(
        model=model, input=WEATHER_QUESTION, tools=[TOOL], temperature=0, max_output_tokens=80
    ) as stream:
        kinds = once([event.type async for event in stream])
        answer = await stream.get_final_response()
    assert call_of(answer)[1:] == ("get_weather", {"location": "Paris"})
    told = [kind for kind in kinds if "function_call" in kind]
    assert told == ["response.function_call_arguments.delta", "response.function_call_arguments.done"], kinds
    return "delta, then done"


async def a_function_must_be_called(client: openai.AsyncOpenAI, model: str) -> str:
    for choice in ("required", {"type": "function", "name": "get_weather"}):
        # A choice is a word or an object.
        chosen: Any = choice
        answer = await client.responses.create(
            model=model,
            input=WEATHER_QUESTION,
            tools=[TOOL],
            tool_choice=chosen,
            parallel_tool_calls=False,
            reasoning={"effort": "none"},
            temperature=0,
            max_output_tokens=120,
        )
        _, name, arguments = call_of(answer)
        assert name == "get_weather"
        assert isinstance(arguments["location"], str)
    return f"`required` and by name: {name}({arguments})"


RESPONSES = (
    *scenarios(
        SDK,
        "responses",
        openai_client,
        {
            "plain": (
                a_response_has_text_and_usage,
                events_come_in_their_order,
                what_is_cut_off_is_incomplete,
                a_response_is_parsed_into_a_type,
                several_turns_are_input,
                a_picture_for_a_model_that_sees_none_is_refused,
                a_prompt_that_is_too_long_is_known_by_its_code,
            ),
            "seeing": (a_picture_takes_its_place_in_the_input,),
            "able": (reasoning_is_an_item_of_its_own,),
        },
    ),
    *scenarios(
        SDK,
        "responses, functions",
        openai_client,
        {"able": (a_function_is_called_and_answered, a_call_comes_in_events, a_function_must_be_called)},
    ),
)
