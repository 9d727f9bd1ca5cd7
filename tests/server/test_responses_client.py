"""OpenAI's Responses API, with OpenAI's own client."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import openai
import pytest
from pydantic import BaseModel

from arriero.engines.fake import FakeEngine, Script
from arriero.errors import EngineDied, EngineFailed
from arriero.store.layout import Store
from arriero.types.chat import ChatPrompt, JsonFormat, Message, NamedTool, ToolCall
from arriero.types.events import ThinkingDelta, ToolCallDelta
from tests.contract.models import THINKING_TEMPLATE, TOOL_TEMPLATE
from tests.factories_store import stored
from tests.serving import FakeLoader, Running, running_server

WEATHER: Any = {  # the client's own types want every optional key
    "type": "function",
    "name": "get_weather",
    "description": "The weather of a place",
    "parameters": {"type": "object", "properties": {"location": {"type": "string"}}},
    "strict": False,
}
CALL = ToolCallDelta(0, ToolCall("get_weather", {"location": "Boston"}, "call_1"))
THOUGHTS = (ThinkingDelta("Let me "), ThinkingDelta("see."))


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("responses")
    stored(Store(root / "models"), "gen")
    stored(Store(root / "models"), "able", {"tokenizer.chat_template": TOOL_TEMPLATE + THINKING_TEMPLATE})
    return root


@pytest.fixture
async def server(root: Path, engine: FakeEngine) -> AsyncIterator[Running]:
    async with running_server(root, FakeLoader({"gen:latest": engine, "able:latest": engine})) as server:
        yield server


@pytest.fixture
async def client(server: Running) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key="any", max_retries=0) as client:
        yield client


def prompt_of(engine: FakeEngine) -> ChatPrompt:
    prompt = engine.requests[-1].prompt
    assert isinstance(prompt, ChatPrompt)
    return prompt


async def test_a_response(client: openai.AsyncOpenAI, engine: FakeEngine) -> None:
    answer = await client.responses.create(
        model="gen", instructions="Be kind.", input="hi", max_output_tokens=50, temperature=0.5, top_p=0.7
    )

    assert (answer.output_text, answer.status, answer.instructions) == ("Hello there.", "completed", "Be kind.")
    assert answer.usage is not None
    assert (answer.usage.input_tokens, answer.usage.output_tokens, answer.usage.total_tokens) == (11, 3, 14)
    assert prompt_of(engine).messages == (Message("system", "Be kind."), Message("user", "hi"))
    sampling = engine.requests[0].sampling
    assert (sampling.max_tokens, sampling.temperature, sampling.top_p) == (50, 0.5, 0.7)


async def test_a_stream_of_thoughts_text_and_calls(client: openai.AsyncOpenAI, engine: FakeEngine) -> None:
    engine.script = Script((THOUGHTS, ("I will ", "look."), (CALL, "And then?")))
    async with client.responses.stream(model="able", input="hi", tools=[WEATHER]) as stream:
        kinds = [event.type async for event in stream]
        answer = await stream.get_final_response()

    assert kinds[:2] == ["response.created", "response.in_progress"]
    assert kinds[-1] == "response.completed"
    assert kinds.count("response.output_item.added") == kinds.count("response.output_item.done") == 4
    thought, said, called, more = answer.output
    assert thought.type == "reasoning"
    assert thought.summary[0].text == thought.encrypted_content == "Let me see."
    assert (said.type, more.type) == ("message", "message")
    assert answer.output_text == "I will look.And then?"
    assert called.type == "function_call"
    assert (called.call_id, called.name, called.arguments) == ("call_1", "get_weather", '{"location":"Boston"}')


async def test_what_came_can_be_sent_back(client: openai.AsyncOpenAI, engine: FakeEngine) -> None:
    engine.script = Script((THOUGHTS, ("I will look.",), (CALL,)))
    first = await client.responses.create(model="able", input="the weather?", tools=[WEATHER])
    turns: list[Any] = [  # the client takes its own answers as input
        {"role": "user", "content": "the weather?"},
        *(item.model_dump() for item in first.output),
        {"type": "function_call_output", "call_id": "call_1", "output": "rain"},
    ]
    engine.script = Script()
    second = await client.responses.create(model="able", input=turns, tools=[WEATHER])

    assert second.output_text == "Hello there."
    assert prompt_of(engine).messages == (
        Message("user", "the weather?"),
        Message("assistant", "I will look.", "Let me see.", tool_calls=(CALL.call,)),
        Message("tool", "rain", tool_name="get_weather", tool_call_id="call_1"),
    )


async def test_the_answers_shape_reaches_the_engine(client: openai.AsyncOpenAI, engine: FakeEngine) -> None:
    class Age(BaseModel):
        age: int

    engine.script = Script((('{"age"', ": 22}"),))
    answer = await client.responses.parse(model="gen", input="how old?", text_format=Age)

    assert answer.output_parsed == Age(age=22)
    wanted = engine.requests[0].json_format
    assert wanted is not None
    assert wanted.schema is not None
    assert wanted.schema["properties"]["age"]["type"] == "integer"
    await client.responses.create(model="gen", input="how old?", text={"format": {"type": "json_object"}})
    assert engine.requests[-1].json_format == JsonFormat()


@pytest.mark.parametrize(
    ("chosen", "tool_choice", "count"),
    [
        ("auto", "auto", 1),
        ("required", "required", 1),
        ("none", "auto", 0),
        ({"type": "function", "name": "get_weather"}, NamedTool("get_weather"), 1),
    ],
)
async def test_the_choice_of_tools(
    client: openai.AsyncOpenAI, engine: FakeEngine, chosen: Any, tool_choice: object, count: int
) -> None:
    answer = await client.responses.create(model="able", input="hi", tools=[WEATHER], tool_choice=chosen)

    prompt = prompt_of(engine)
    assert (prompt.tool_choice, len(prompt.tools)) == (tool_choice, count)
    assert len(answer.tools) == 1


async def test_thinking_by_effort(client: openai.AsyncOpenAI, engine: FakeEngine) -> None:
    for effort in ("none", "high"):
        await client.responses.create(model="able", input="hi", reasoning={"effort": effort})
    thinks = [request.prompt.think for request in engine.requests if isinstance(request.prompt, ChatPrompt)]
    assert thinks == [False, "high"]
    with pytest.raises(openai.BadRequestError, match='"gen" does not support thinking'):
        await client.responses.create(model="gen", input="hi", reasoning={"effort": "low"})


async def test_an_answer_without_anything_has_no_items(client: openai.AsyncOpenAI, engine: FakeEngine) -> None:
    engine.script = Script(())
    whole = await client.responses.create(model="gen", input="hi")
    stream = await client.responses.create(model="gen", input="hi", stream=True)
    events = [event async for event in stream]

    assert whole.output == []
    assert [event.type for event in events] == ["response.created", "response.in_progress", "response.completed"]
    assert events[-1].type == "response.completed"
    assert events[-1].response.output == []


async def test_without_input_the_model_is_loaded(
    client: openai.AsyncOpenAI, server: Running, engine: FakeEngine
) -> None:
    for is_stream in (False, True):
        answer = await client.post(
            "/responses", cast_to=object, body={"model": "gen", "input": "", "stream": is_stream}
        )
        assert answer
    assert (len(server.loader.loaded), engine.requests) == (1, [])


async def test_a_response_that_breaks_off_says_why(client: openai.AsyncOpenAI, engine: FakeEngine) -> None:
    engine.script = Script((("Hel",), ("lo",)), error=EngineDied("the engine went away"), fail_after=1)
    stream = await client.responses.create(model="gen", input="hi", stream=True)
    *_, last = [event async for event in stream]

    assert last.type == "response.failed"
    assert last.response.error is not None
    assert last.response.error.message == "the engine went away"
    assert last.response.output_text == "Hel"


async def test_a_refusal_of_the_engine_is_passed_on(client: openai.AsyncOpenAI, engine: FakeEngine) -> None:
    engine.script = Script(error=EngineFailed("rate limited", 429))
    with pytest.raises(openai.RateLimitError, match="rate limited"):
        await client.responses.create(model="gen", input="hi", stream=True)


async def test_a_search_alone_is_refused_and_left_out_beside_others(
    client: openai.AsyncOpenAI, engine: FakeEngine
) -> None:
    with pytest.raises(openai.BadRequestError, match="no tools of its own"):
        await client.responses.create(model="able", input="hi", tools=[{"type": "web_search"}])
    answer = await client.responses.with_raw_response.create(
        model="able", input="hi", tools=[{"type": "web_search"}, WEATHER]
    )
    assert answer.headers["x-arriero-ignored"] == "tools.web_search"
    odd: Any = {"type": "ñ\r\nset-cookie: a=b"}
    answer = await client.responses.with_raw_response.create(model="able", input="hi", tools=[odd, WEATHER])
    assert answer.headers["x-arriero-ignored"] == "tools.%C3%B1%0D%0Aset-cookie: a=b"
    assert [tool["function"]["name"] for tool in prompt_of(engine).tools] == ["get_weather"]


async def test_a_prompt_that_may_not_be_shortened(client: openai.AsyncOpenAI, engine: FakeEngine) -> None:
    engine.context = 4
    turns: Any = [{"role": "assistant", "content": "one two three"}, {"role": "user", "content": "four five"}]
    shortened = await client.responses.with_raw_response.create(model="gen", input=turns, truncation="auto")
    assert shortened.headers["x-arriero-truncated"].startswith("dropped_messages=1")
    for extra in ({}, {"truncation": "disabled"}):
        with pytest.raises(openai.BadRequestError, match="exceeds the context") as caught:
            await client.responses.create(model="gen", input=turns, extra_body=extra)
        assert caught.value.code == "context_length_exceeded"


async def test_half_a_conversation_is_not_answered(client: openai.AsyncOpenAI, engine: FakeEngine) -> None:
    with pytest.raises(openai.BadRequestError, match="nothing is kept here"):
        await client.responses.create(model="gen", input="and then?", previous_response_id="resp_1")
    assert engine.requests == []


async def test_what_is_asked_for_is_told_back(client: openai.AsyncOpenAI) -> None:
    answer = await client.responses.create(
        model="gen",
        input="hi",
        store=True,
        max_tool_calls=3,
        metadata={"a": "b"},
        prompt_cache_key="key",
        safety_identifier="ana",
        text={"verbosity": "low"},
        service_tier="flex",
        include=["reasoning.encrypted_content"],
        user="ana",
    )
    assert (answer.max_tool_calls, answer.metadata, answer.prompt_cache_key) == (3, {"a": "b"}, "key")
    assert answer.safety_identifier == "ana"
    assert answer.text is not None
    assert answer.text.verbosity == "low"


async def test_log_probabilities(client: openai.AsyncOpenAI) -> None:
    answer = await client.responses.create(
        model="gen", input="hi", include=["message.output_text.logprobs"], top_logprobs=2
    )
    [item] = answer.output
    assert item.type == "message"
    [part] = item.content
    assert part.type == "output_text"
    assert [(token.token, len(token.top_logprobs)) for token in part.logprobs or ()] == [
        ("Hello", 2),
        (" there", 2),
        (".", 2),
    ]


async def test_a_tool_may_take_a_text(client: openai.AsyncOpenAI, engine: FakeEngine) -> None:
    engine.script = Script(((ToolCallDelta(0, ToolCall("patch", {"input": "*** Begin"}, "call_1")),),))
    tools: list[Any] = [{"type": "custom", "name": "patch"}]
    async with client.responses.stream(model="able", input="hi", tools=tools) as stream:
        kinds = [event.type async for event in stream]
        answer = await stream.get_final_response()
    assert "response.custom_tool_call_input.done" in kinds
    [call] = answer.output
    assert call.type == "custom_tool_call"
    turns: list[Any] = [
        {"role": "user", "content": "hi"},
        call.model_dump(),
        {"type": "custom_tool_call_output", "call_id": call.call_id, "output": "ok"},
    ]
    await client.responses.create(model="able", input=turns, tools=tools)
    assert prompt_of(engine).messages[1:] == (
        Message("assistant", "", tool_calls=(ToolCall("patch", {"input": "*** Begin"}, "call_1"),)),
        Message("tool", "ok", tool_name="patch", tool_call_id="call_1"),
    )
