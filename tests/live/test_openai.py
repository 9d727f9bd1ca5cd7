"""OpenAI's API with real engines and OpenAI's own client."""

import json
from collections.abc import Iterator

import openai
import pytest
from openai.types.chat import (
    ChatCompletion,
    ChatCompletionFunctionToolParam,
    ChatCompletionMessageFunctionToolCall,
    ChatCompletionMessageParam,
)
from openai.types.responses import ResponseCustomToolCall, ResponseOutputMessage, ResponseOutputText

from tests.live.launching import MODEL, PARIS, Server, launched
from tests.live.models import qwen

pytestmark = pytest.mark.live

NAME = "qwen"
TURN: list[ChatCompletionMessageParam] = [{"role": "user", "content": PARIS}]


def function(name: str, argument: str) -> ChatCompletionFunctionToolParam:
    """A tool with one argument, whose type stands elsewhere in the schema."""
    parameters: dict[str, object] = {
        "type": "object",
        "properties": {argument: {"$ref": "#/$defs/Short"}},
        "required": [argument],
        "$defs": {"Short": {"type": "string", "maxLength": 20}},
    }
    return {"type": "function", "function": {"name": name, "parameters": parameters}}


TOOLS = [function("get_weather", "city"), function("get_time", "zone")]


def calls_of(answer: ChatCompletion) -> list[tuple[str, list[str]]]:
    """The names of what an answer calls, and of the arguments."""
    [choice] = answer.choices
    assert (choice.finish_reason, choice.message.content) == ("tool_calls", "")
    calls = choice.message.tool_calls or []
    assert all(isinstance(call, ChatCompletionMessageFunctionToolCall) for call in calls)
    return [
        (call.function.name, list(json.loads(call.function.arguments)))
        for call in calls
        if isinstance(call, ChatCompletionMessageFunctionToolCall)
    ]


@pytest.fixture
def client(server: Server) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{server.url}/v1", api_key="any", max_retries=0)


@pytest.fixture(scope="module")
def knowing_client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[openai.OpenAI]:
    """A client of a model that knows tools, and writes its calls without the marks of its template."""
    flags = ("--model", str(qwen()), "--served-model-name", NAME)
    with launched(tmp_path_factory.mktemp("qwen"), *flags) as server:
        yield openai.OpenAI(base_url=f"{server.url}/v1", api_key="any", max_retries=0)


def test_chat_and_completion_say_the_same(client: openai.OpenAI) -> None:
    chat = client.chat.completions.create(model=MODEL, messages=TURN, temperature=0, logprobs=True)
    completion = client.completions.create(model=MODEL, prompt=PARIS, temperature=0, logprobs=0)

    assert chat.choices[0].message.content == completion.choices[0].text == "The capital of France is Paris."
    [chosen, told] = [chat.choices[0].logprobs, completion.choices[0].logprobs]
    assert chosen is not None
    assert told is not None
    assert [token.token for token in chosen.content or ()][:2] == (told.tokens or [])[:2] == ["The", " capital"]


def test_several_answers_differ(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": "Write a long story."}], n=3, seed=1, max_tokens=20
    )
    assert len({choice.message.content for choice in answer.choices}) == 3


def test_several_prompts_have_answers_each(client: openai.OpenAI) -> None:
    both = client.completions.create(model=MODEL, prompt=[PARIS, "Count to three."], temperature=0, max_tokens=8)
    alone = client.completions.create(model=MODEL, prompt=PARIS, temperature=0, max_tokens=8)
    assert [choice.index for choice in both.choices] == [0, 1]
    assert both.choices[0].text == alone.choices[0].text != both.choices[1].text


def test_a_bias_forbids_a_token(client: openai.OpenAI) -> None:
    the = 504
    answer = client.chat.completions.create(
        model=MODEL, messages=TURN, temperature=0, max_tokens=8, logit_bias={str(the): -100}
    )
    assert not (answer.choices[0].message.content or "").startswith("The")


def test_a_response_tells_log_probabilities(client: openai.OpenAI) -> None:
    answer = client.responses.create(
        model=MODEL, input=PARIS, temperature=0, include=["message.output_text.logprobs"], top_logprobs=2
    )
    [item] = answer.output
    assert isinstance(item, ResponseOutputMessage)
    [part] = item.content
    assert isinstance(part, ResponseOutputText)
    assert "".join(token.token for token in part.logprobs or ()) == part.text
    assert {len(token.top_logprobs) for token in part.logprobs or ()} == {2}


@pytest.mark.models
def test_a_tool_that_takes_a_text_gets_one(knowing_client: openai.OpenAI) -> None:
    answer = knowing_client.responses.create(
        model=NAME,
        input="Say hello to Ana.",
        tools=[{"type": "custom", "name": "say", "description": "Says a short text"}],
        tool_choice={"type": "custom", "name": "say"},
        parallel_tool_calls=False,
        max_output_tokens=200,
        temperature=0,
    )
    [call] = answer.output
    assert isinstance(call, ResponseCustomToolCall)
    assert (call.name, bool(call.input)) == ("say", True)


@pytest.mark.models
def test_a_tool_that_must_be_called_is_called(knowing_client: openai.OpenAI) -> None:
    required = knowing_client.chat.completions.create(
        model=NAME, messages=TURN, tools=TOOLS, tool_choice="required", parallel_tool_calls=False, max_tokens=64
    )
    named = knowing_client.chat.completions.create(
        model=NAME,
        messages=TURN,
        tools=TOOLS,
        tool_choice={"type": "function", "function": {"name": "get_time"}},
        parallel_tool_calls=False,
        max_tokens=64,
    )
    assert calls_of(required) in ([("get_weather", ["city"])], [("get_time", ["zone"])])
    assert calls_of(named) == [("get_time", ["zone"])]
