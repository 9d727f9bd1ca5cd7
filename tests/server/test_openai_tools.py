"""Tools and images in OpenAI's chat completions, with OpenAI's own client."""

import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path

import openai
import pytest
from openai.types.chat import (
    ChatCompletionFunctionToolParam,
    ChatCompletionMessageFunctionToolCall,
    ChatCompletionMessageParam,
)

from arriero.engines.fake import FakeEngine, Script
from arriero.types.chat import ChatPrompt, Message, NamedTool, TextRequest, ToolCall
from arriero.types.events import ToolCallDelta
from tests.contract.models import store_golden_models
from tests.server.openai_clients import openai_client

TURN: list[ChatCompletionMessageParam] = [{"role": "user", "content": "What is the weather in Paris?"}]
WEATHER: ChatCompletionFunctionToolParam = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
        "strict": True,
    },
}
CALLS = (ToolCall("get_weather", {"city": "Paris"}, "call_1"), ToolCall("get_time", {}, "call_2"))


def answer(request: TextRequest) -> Script:
    """Call the tools, and tell what they said."""
    assert isinstance(request.prompt, ChatPrompt)
    last = request.prompt.messages[-1]
    if last.role == "tool":
        return Script(((f"It is {last.content}.",),))
    return Script((tuple(ToolCallDelta(index, call) for index, call in enumerate(CALLS)),))


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine(answer)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return store_golden_models(tmp_path_factory.mktemp("openai"))


@pytest.fixture
async def client(root: Path, engine: FakeEngine) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai_client(root, {"tool:latest": engine}) as client:
        yield client


def asked(engine: FakeEngine) -> ChatPrompt:
    prompt = engine.requests[-1].prompt
    assert isinstance(prompt, ChatPrompt)
    return prompt


async def test_a_round_trip(client: openai.AsyncOpenAI, engine: FakeEngine) -> None:
    first = await client.chat.completions.create(model="tool", messages=TURN, tools=[WEATHER])
    [choice] = first.choices
    calls = choice.message.tool_calls
    assert choice.finish_reason == "tool_calls"
    assert calls is not None
    assert isinstance(calls[0], ChatCompletionMessageFunctionToolCall)
    assert (calls[0].function.name, json.loads(calls[0].function.arguments)) == ("get_weather", {"city": "Paris"})
    turns = [
        *TURN,
        choice.message.to_dict(),
        {"role": "tool", "tool_call_id": calls[0].id, "content": [{"type": "text", "text": "sunny"}]},
    ]
    second = await client.chat.completions.create(model="tool", messages=turns, tools=[WEATHER])  # type: ignore[arg-type]  # as clients do
    assert second.choices[0].message.content == "It is sunny."
    assert asked(engine).tools == (WEATHER,)
    assert asked(engine).messages[1:] == (
        Message("assistant", "", tool_calls=CALLS),
        Message("tool", "sunny", tool_name="get_weather", tool_call_id="call_1"),
    )


async def test_calls_in_a_stream(client: openai.AsyncOpenAI) -> None:
    async with client.chat.completions.stream(model="tool", messages=TURN, tools=[WEATHER]) as stream:
        final = await stream.get_final_completion()
    [choice] = final.choices
    assert choice.finish_reason == "tool_calls"
    assert [call.function.name for call in choice.message.tool_calls or ()] == ["get_weather", "get_time"]


async def test_a_call_without_text_has_no_content(client: openai.AsyncOpenAI, engine: FakeEngine) -> None:
    called = {"id": "1", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}
    turns = [*TURN, {"role": "assistant", "content": None, "tool_calls": [called]}, {"role": "tool", "content": "x"}]
    await client.chat.completions.create(model="tool", messages=turns)  # type: ignore[arg-type]  # as clients do
    assert asked(engine).messages[1] == Message("assistant", "", tool_calls=(ToolCall("get_weather", {}, "1"),))


async def test_a_tool_may_have_to_be_called(client: openai.AsyncOpenAI, engine: FakeEngine) -> None:
    await client.chat.completions.create(
        model="tool",
        messages=TURN,
        tools=[WEATHER],
        tool_choice={"type": "function", "function": {"name": "get_weather"}},
        parallel_tool_calls=False,
    )
    assert asked(engine).tool_choice == NamedTool("get_weather")
    assert asked(engine).is_one_call


async def test_a_model_without_tools_is_offered_none(client: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="does not support tools"):
        await client.chat.completions.create(model="gen", messages=TURN, tools=[WEATHER])
    answer = await client.chat.completions.create(model="gen", messages=TURN, tools=[WEATHER], tool_choice="none")
    assert answer.choices[0].finish_reason == "stop"


async def test_a_model_without_eyes_sees_nothing(client: openai.AsyncOpenAI) -> None:
    parts = [{"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}]
    turns = [{"role": "user", "content": parts}]
    with pytest.raises(openai.BadRequestError, match='"gen" does not support image input'):
        await client.chat.completions.create(model="gen", messages=turns)  # type: ignore[arg-type]  # as clients do


async def test_a_tool_may_take_a_text(client: openai.AsyncOpenAI, engine: FakeEngine) -> None:
    engine.script = Script(((ToolCallDelta(0, ToolCall("patch", {"input": "*** Begin"}, "call_1")),),))
    found = await client.chat.completions.create(
        model="tool", messages=TURN, tools=[{"type": "custom", "custom": {"name": "patch"}}, WEATHER]
    )
    [call] = found.choices[0].message.tool_calls or []
    assert call.type == "custom"
    assert (call.custom.name, call.custom.input) == ("patch", "*** Begin")
    assert [tool["function"]["name"] for tool in asked(engine).tools] == ["patch", "get_weather"]


async def test_only_tools_that_are_allowed_are_offered(client: openai.AsyncOpenAI, engine: FakeEngine) -> None:
    await client.chat.completions.create(
        model="tool",
        messages=TURN,
        tools=[WEATHER, {"type": "function", "function": {"name": "get_time"}}],
        tool_choice={
            "type": "allowed_tools",
            "allowed_tools": {"mode": "required", "tools": [{"type": "function", "function": {"name": "get_time"}}]},
        },
    )
    assert [tool["function"]["name"] for tool in asked(engine).tools] == ["get_time"]
    assert asked(engine).tool_choice == "required"


async def test_a_sound_is_refused_as_one(client: openai.AsyncOpenAI) -> None:
    sound = base64.b64encode(b"RIFF\0\0\0\0WAVE").decode()
    with pytest.raises(openai.BadRequestError, match='"tool" does not support audio input'):
        await client.chat.completions.create(
            model="tool",
            messages=[
                {
                    "role": "user",
                    "content": [{"type": "input_audio", "input_audio": {"data": sound, "format": "wav"}}],
                }
            ],
        )
