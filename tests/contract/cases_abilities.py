"""What a model may be able to do: tools, log probabilities, infill, JSON, contexts."""

import json
import re
from typing import Any

from tests.contract.case import JSON_TYPE, NDJSON_TYPE, Case, Expected
from tests.contract.cases_general import USER, chat, generate
from tests.contract.cases_text import TOKENS, chat_line, chat_of, generated_line, last_chat_line, last_line, of_gen
from tests.contract.matching import REST, Holds
from tests.contract.models import LONG_STORY
from tests.serving import Running

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a place",
        "parameters": {"type": "object", "properties": {"location": {"type": "string"}}, "required": ["location"]},
    },
}
CALLS = [{"id": "call_1", "function": {"index": 0, "name": "get_weather", "arguments": {"location": "Boston"}}}]
EARLIER_CALL = {"function": {"name": "get_weather", "arguments": {"location": "Paris"}}}
RESULT = {"role": "tool", "content": "{}", "tool_name": "get_weather", "tool_call_id": "call_previous"}
AGE = {"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]}


# Tokens are JSON.
def is_chosen_token(entry: Any) -> bool:
    return bool(entry["token"]) and entry["logprob"] <= 0 and bytes(entry["bytes"]) == entry["token"].encode()


def is_story(tops: int) -> Holds:
    """Ten tokens, each with so many alternatives, sorted."""

    def is_true(entries: Any) -> bool:
        for entry in entries:
            found = [top["logprob"] for top in entry.get("top_logprobs", [])]
            if not is_chosen_token(entry) or len(found) != tops or found != sorted(found, reverse=True):
                return False
        return len(entries) == 10

    return Holds("ten tokens of a story", is_true)


def has_age(text: str) -> bool:
    return type(json.loads(text)["age"]) is int


def story(**body: Any) -> dict[str, Any]:
    options = {"num_predict": 10, "temperature": 0, "seed": 123}
    return of_gen(prompt="Write a long story.", logprobs=True, options=options, stream=False, **body)


def story_answer(tops: int) -> Expected:
    text = "".join(LONG_STORY[:10])
    return Expected(
        200, JSON_TYPE, {**last_line(text, context=TOKENS, logprobs=is_story(tops)), "done_reason": "length"}
    )


async def context_goes_on(server: Running) -> None:
    async with server.client.post("/api/generate", json=of_gen(stream=False)) as response:
        context = (await response.json())["context"]
    body = of_gen(prompt="tell me more!", context=context)
    async with server.client.post("/api/generate", json=body) as response:
        assert response.status == 200
        last = json.loads((await response.read()).splitlines()[-1])
    assert last["context"][: len(context)] == context
    assert len(last["context"]) > len(context)


def is_refusal(text: str) -> bool:
    return bool(re.fullmatch(r"the prompt has 3\d\d tokens, which exceeds the context of 128 tokens: .*", text))


LONG = " ".join(["word"] * 300)

ABILITIES = [
    Case(46, "log probabilities", (generate(story(), story_answer(0)),)),
    Case(47, "alternatives", (generate(story(top_logprobs=5), story_answer(5)),)),
    Case(50, "context of an earlier answer", (context_goes_on,)),
    Case(
        57,
        "tool call",
        (
            chat(
                chat_of("tool", tools=[WEATHER]),
                Expected(
                    200,
                    NDJSON_TYPE,
                    [chat_line("tool", content="", tool_calls=CALLS), last_chat_line("tool", content="")],
                    "lines",
                ),
            ),
            chat(
                chat_of("tool", tools=[WEATHER], stream=False),
                Expected(200, JSON_TYPE, last_chat_line("tool", content="", tool_calls=CALLS)),
            ),
        ),
    ),
    Case(
        58,
        "arguments that are a text",
        (
            chat(
                {
                    "model": "tool",
                    "messages": [
                        *USER,
                        {
                            "role": "assistant",
                            "content": "",
                            "tool_calls": [{"function": {"name": "f", "arguments": '{"a":1}'}}],
                        },
                    ],
                },
                Expected(400, JSON_TYPE, {"error": "*"}),
            ),
        ),
    ),
    Case(
        59,
        "result of a tool",
        (
            chat(
                {
                    "model": "tool",
                    "messages": [*USER, {"role": "assistant", "content": "", "tool_calls": [EARLIER_CALL]}, RESULT],
                },
                Expected(200, NDJSON_TYPE, [chat_line("tool"), REST, last_chat_line("tool")], "lines"),
            ),
        ),
    ),
    Case(
        65,
        "schema",
        (
            chat(
                chat_of("gen", format=AGE, stream=False),
                Expected(
                    200,
                    JSON_TYPE,
                    last_chat_line(content=Holds("JSON with an age", has_age)),
                ),
            ),
        ),
    ),
    Case(
        66,
        "too long for num_ctx",
        (
            chat(
                {
                    "model": "gen",
                    "messages": [{"role": "user", "content": LONG}],
                    "truncate": False,
                    "options": {"num_ctx": 128},
                },
                Expected(400, JSON_TYPE, {"error": Holds("a refusal with both numbers", is_refusal)}),
            ),
        ),
    ),
    Case(
        66,
        "old messages left out",
        (
            chat(
                {
                    "model": "gen",
                    "messages": [{"role": "user", "content": LONG}, {"role": "assistant", "content": "x"}, *USER],
                    "options": {"num_ctx": 128},
                },
                Expected(
                    200,
                    NDJSON_TYPE,
                    [
                        chat_line(),
                        REST,
                        {**last_chat_line(), "truncated": {"dropped_messages": 1, "prompt_tokens": 2, "num_ctx": 128}},
                    ],
                    "lines",
                    headers={"x-arriero-truncated": "dropped_messages=1, prompt_tokens=2, num_ctx=128"},
                ),
            ),
        ),
    ),
    Case(
        37,
        "infill",
        (
            generate(
                {"model": "fim", "prompt": "def ", "suffix": "    return c"},
                Expected(200, NDJSON_TYPE, [generated_line(model="fim"), REST, last_line(model="fim")], "lines"),
            ),
        ),
    ),
]
