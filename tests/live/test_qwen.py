"""Tools, infill, formats and contexts with Qwen2.5-Coder-0.5B, which writes its calls as bare JSON."""

import json
from collections.abc import Iterable, Iterator

# Tools, options and schemas are any JSON.
from typing import Any

import ollama
import pytest

from tests.live.launching import Server, launched
from tests.live.models import qwen

pytestmark = [pytest.mark.live, pytest.mark.models]

NAME = "qwen"
OPTIONS = {"temperature": 0, "num_predict": 64, "num_ctx": 4096}
COMPARE = {"role": "user", "content": "Compare the weather in Paris and in Rome."}
SCHEMA = {
    "type": "object",
    "properties": {"capital": {"type": "string", "maxLength": 20}, "is_large": {"type": "boolean"}},
    "required": ["capital", "is_large"],
    "additionalProperties": False,
}


def get_weather(city: str) -> str:
    """Get the weather of a city.

    Args:
        city: its name
    """
    return {"Paris": "22 degrees", "Rome": "31 degrees"}[city]


def calls_of(*cities: str) -> dict[str, Any]:
    calls = [{"function": {"name": "get_weather", "arguments": {"city": city}}} for city in cities]
    return {"role": "assistant", "content": "", "tool_calls": calls}


def results(*texts: str) -> list[dict[str, str]]:
    return [{"role": "tool", "tool_name": "get_weather", "content": text} for text in texts]


# How several calls are made: so small a model has to be shown.
EARLIER = [
    {"role": "user", "content": "Compare the weather in Oslo and in Bern."},
    calls_of("Oslo", "Bern"),
    *results("5 degrees", "9 degrees"),
    {"role": "assistant", "content": "It is 5 degrees in Oslo and 9 degrees in Bern."},
]


@pytest.fixture(scope="module")
def qwen_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    flags = ("--model", str(qwen()), "--served-model-name", NAME)
    with launched(tmp_path_factory.mktemp("qwen"), *flags) as server:
        yield server


@pytest.fixture(scope="module")
def client(qwen_server: Server) -> Iterator[ollama.Client]:
    with ollama.Client(qwen_server.url, timeout=300) as client:
        yield client


def messages_of(client: ollama.Client, messages: Any, *, stream: bool) -> list[ollama.Message]:
    """The messages of all parts of an answer, with a tool at hand."""
    if stream:
        parts = client.chat(NAME, messages, tools=[get_weather], stream=True, options=OPTIONS)
        return [part.message for part in parts]
    return [client.chat(NAME, messages, tools=[get_weather], options=OPTIONS).message]


def text_of(parts: Iterable[ollama.GenerateResponse]) -> str:
    return "".join(part.response or "" for part in parts)


either = pytest.mark.parametrize("stream", [False, True])


def test_it_knows_tools_and_infill(client: ollama.Client) -> None:
    shown = client.show(NAME)
    assert shown.capabilities == ["tools", "completion", "insert"]


@either
def test_bare_json_is_a_call_and_no_text(client: ollama.Client, *, stream: bool) -> None:
    told = messages_of(client, [{"role": "user", "content": "What is the weather in Paris?"}], stream=stream)
    [call] = [call for message in told for call in message.tool_calls or ()]
    assert (call.function.name, call.function.arguments) == ("get_weather", {"city": "Paris"})
    assert not any(message.content for message in told)


@either
def test_several_calls_are_counted_and_named(qwen_server: Server, client: ollama.Client, *, stream: bool) -> None:
    body = {"model": NAME, "messages": [*EARLIER, COMPARE], "stream": stream, "options": OPTIONS}
    tool = ollama._utils.convert_function_to_tool(get_weather).model_dump(exclude_none=True)
    with qwen_server.open("/api/chat", {**body, "tools": [tool]}) as answer:
        lines = [json.loads(line)["message"] for line in answer]
    calls = [call for line in lines for call in line.get("tool_calls", ())]
    assert [call["function"] for call in calls] == [
        {"index": 0, "name": "get_weather", "arguments": {"city": "Paris"}},
        {"index": 1, "name": "get_weather", "arguments": {"city": "Rome"}},
    ]
    assert len({call["id"] for call in calls}) == 2
    assert not any(line["content"] for line in lines)

    by_client = messages_of(client, [*EARLIER, COMPARE], stream=stream)
    assert len([call for message in by_client for call in message.tool_calls or ()]) == 2


@either
def test_results_of_tools_are_told(client: ollama.Client, *, stream: bool) -> None:
    calling = client.chat(NAME, [*EARLIER, COMPARE], tools=[get_weather], options=OPTIONS).message
    assert calling.tool_calls
    told = results(*(get_weather(**call.function.arguments) for call in calling.tool_calls))
    answer = messages_of(client, [*EARLIER, COMPARE, calling, *told], stream=stream)
    text = "".join(message.content or "" for message in answer)
    assert "22" in text
    assert "31" in text
    assert not any(message.tool_calls for message in answer)


@either
@pytest.mark.parametrize("text", ["Hello, how are you?", "What is 2 + 2? Answer with a number."])
def test_where_no_tool_is_needed_none_is_called(client: ollama.Client, text: str, *, stream: bool) -> None:
    told = messages_of(client, [{"role": "user", "content": text}], stream=stream)
    assert "".join(message.content or "" for message in told)
    assert not any(message.tool_calls for message in told)
    assert (len(told) > 1) == stream


def test_json_that_is_no_call_is_text(client: ollama.Client) -> None:
    asked = [{"role": "user", "content": 'Repeat this: {"a": 1, "b": 2}'}]
    [told] = messages_of(client, asked, stream=False)
    assert not told.tool_calls
    assert '"a": 1' in (told.content or "")


@either
def test_a_gap_in_a_function_is_filled(client: ollama.Client, *, stream: bool) -> None:
    before, after = "def add(a, b):\n    return ", "\n\n\nprint(add(1, 2))\n"
    if stream:
        parts = list(client.generate(NAME, before, suffix=after, stream=True, options=OPTIONS))
    else:
        parts = [client.generate(NAME, before, suffix=after, options=OPTIONS)]
    assert text_of(parts).startswith("a + b")
    assert "fim" not in text_of(parts)
    assert parts[-1].done_reason in {"stop", "length"}


def test_what_infill_does_not_look_at_is_told(qwen_server: Server) -> None:
    before = "x = 1\n" * 1000 + "def add(a, b):\n    return "
    body = {"model": NAME, "prompt": before, "suffix": "\n", "stream": False, "options": {**OPTIONS, "num_predict": 4}}
    with qwen_server.open("/api/generate", body) as response:
        headers, answer = response.headers, json.load(response)
    truncated = answer["truncated"]
    assert truncated["dropped_tokens"] > 1000
    assert truncated["prompt_tokens"] == answer["prompt_eval_count"] < 2048
    assert f"dropped_tokens={truncated['dropped_tokens']}" in headers["x-arriero-truncated"]
    assert "a + b" in answer["response"]


@either
@pytest.mark.parametrize("raw", [False, True])
def test_generate_holds_to_a_schema(client: ollama.Client, *, stream: bool, raw: bool) -> None:
    prompt = "Tell me about France, as JSON."
    if stream:
        parts = list(client.generate(NAME, prompt, raw=raw, format=SCHEMA, stream=True, options=OPTIONS))
    else:
        parts = [client.generate(NAME, prompt, raw=raw, format=SCHEMA, options=OPTIONS)]
    assert json.loads(text_of(parts)).keys() == {"capital", "is_large"}


def test_chat_holds_to_a_schema_and_to_json(client: ollama.Client) -> None:
    asked = [{"role": "user", "content": "Tell me about France. Answer in JSON with the keys capital and language."}]
    by_schema = client.chat(NAME, asked, format=SCHEMA, options=OPTIONS).message.content
    as_json = client.chat(NAME, asked, format="json", options=OPTIONS).message.content
    assert json.loads(by_schema or "").keys() == {"capital", "is_large"}
    assert json.loads(as_json or "")["capital"] == "Paris"


def test_log_probabilities_are_those_of_the_answer(client: ollama.Client) -> None:
    options = {**OPTIONS, "num_predict": 2}
    answer = client.generate(NAME, "The capital of France is", raw=True, logprobs=True, top_logprobs=3, options=options)
    assert answer.logprobs
    assert "".join(chosen.token for chosen in answer.logprobs) == answer.response
    for chosen in answer.logprobs:
        assert chosen.top_logprobs
        assert len(chosen.top_logprobs) == 3
        assert chosen.logprob == chosen.top_logprobs[0].logprob <= 0


@pytest.mark.parametrize("stream", [True, False])
def test_calls_come_with_the_tokens_that_they_are_made_of(client: ollama.Client, *, stream: bool) -> None:
    question = [{"role": "user", "content": "What is the weather in Paris?"}]
    parts = client.chat(NAME, question, tools=[get_weather], logprobs=True, stream=stream, options=OPTIONS)  # type: ignore[call-overload]  # stream is a bool here
    parts = list(parts) if stream else [parts]
    [call] = [call for part in parts for call in part.message.tool_calls or ()]
    tokens = [token.token for part in parts for token in part.logprobs or ()]
    assert call.function.arguments == {"city": "Paris"}
    assert json.loads("".join(tokens))["name"] == "get_weather"
    assert "".join(part.message.content or "" for part in parts) == ""


def test_a_context_remembers(client: ollama.Client) -> None:
    first = client.generate(NAME, "My name is Ann.", options=OPTIONS)
    assert first.context
    asked = "What is my name?"
    assert "Ann" in text_of([client.generate(NAME, asked, context=first.context, options=OPTIONS)])
    assert "Ann" not in text_of([client.generate(NAME, asked, options=OPTIONS)])


def test_code_is_written_with_all_its_white_space(client: ollama.Client) -> None:
    asked = [{"role": "user", "content": "Write a Python function that adds two numbers. Only code."}]
    parts = [part.message.content or "" for part in client.chat(NAME, asked, stream=True, options=OPTIONS)]
    assert "".join(parts) == client.chat(NAME, asked, options=OPTIONS).message.content
    assert "\n    return" in "".join(parts)
