"""Scenarios: a model whose template has it think and call tools, behind an engine that tells these apart."""

import json
from collections.abc import Sequence

from msgspec.structs import replace

from arriero.types.chat import ChatPrompt, JsonFormat, Message, TextRequest
from tests.upstreams.scenario import CAPITAL, THINKING, Scenario, Situation, ask, greedy, user

# The template gives it examples, which this small model imitates.
_THOUGHT = "The capital of France is wanted."
_ANSWER = "It is Paris."
_PARIS = user("What is the weather in Paris?")
_WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a city",
        "parameters": {"type": "object", "properties": {"location": {"type": "string"}}, "required": ["location"]},
    },
}
_CITY = {"type": "object", "properties": {"city": {"type": "string", "enum": ["Paris"]}}, "required": ["city"]}


def _request(*, think: bool | None, max_tokens: int = 40) -> TextRequest:
    # Its own defaults would not have the likeliest token chosen.
    return TextRequest(ChatPrompt((user(CAPITAL),), think=think), greedy(max_tokens=max_tokens))


async def thoughts(at: Situation) -> None:
    """What is thought is told apart from what is said."""
    said = await ask(at.engine, _request(think=True))
    assert said.thinking.strip() == _THOUGHT
    assert said.text.strip() == _ANSWER
    assert said.finished.reason == "stop"


async def no_thoughts(at: Situation) -> None:
    """A model that is told not to think does not."""
    said = await ask(at.engine, _request(think=False))
    assert said.thinking == ""
    assert "The capital of France is Paris." in said.text
    assert "think>" not in said.text


async def thoughts_without_end(at: Situation) -> None:
    """An answer that ends within its thinking is thinking alone."""
    said = await ask(at.engine, _request(think=True, max_tokens=6))
    assert said.text == ""
    assert _THOUGHT.startswith(said.thinking.strip())
    assert said.finished.reason == "length"


async def thoughts_then_json(at: Situation) -> None:
    """A format is for the answer, not for the thinking before it.

    vLLM looks for the end of thinking among tokens, and this model has none for it.
    """
    said = await ask(at.engine, replace(_request(think=True, max_tokens=64), json_format=JsonFormat(_CITY)))
    assert json.loads(said.text) == {"city": "Paris"}


async def called_tool(at: Situation) -> None:
    """A tool that may be called is, in the words of the model's own template."""
    said = await ask(at.engine, TextRequest(ChatPrompt((_PARIS,), tools=(_WEATHER,)), greedy(max_tokens=40)))
    assert [(call.name, call.arguments) for call in said.calls] == [("get_weather", {"location": "Paris"})]
    assert said.text.strip() == ""
    assert said.finished.reason == "stop"


async def call_and_its_answer(at: Situation) -> None:
    """A call and what came of it are shown to the model as its template writes them."""
    first = await ask(at.engine, TextRequest(ChatPrompt((_PARIS,), tools=(_WEATHER,)), greedy(max_tokens=40)))
    calls = tuple(replace(call, id="call_1") for call in first.calls)
    turns = (_PARIS, Message("assistant", "", tool_calls=calls), Message("tool", "sunny", tool_call_id="call_1"))
    second = await ask(at.engine, TextRequest(ChatPrompt((*turns, _PARIS), tools=(_WEATHER,)), greedy(max_tokens=40)))
    assert second.calls or second.text


THOUGHTS: Sequence[Scenario] = [
    Scenario(thoughts, THINKING),
    Scenario(no_thoughts, THINKING),
    Scenario(thoughts_without_end, THINKING),
    Scenario(thoughts_then_json, ("sglang-thinking",)),
    Scenario(called_tool, THINKING),
    Scenario(call_and_its_answer, THINKING),
]
