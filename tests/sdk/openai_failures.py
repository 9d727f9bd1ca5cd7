"""Refusals, as OpenAI's client raises them."""

from collections.abc import Awaitable, Callable
from typing import Any

import openai
import pytest

from tests.sdk.clients import openai_client
from tests.sdk.openai_chat import SDK, TURN
from tests.sdk.questions import LONG
from tests.sdk.scenario import scenarios


async def an_unknown_model_is_not_found(client: openai.AsyncOpenAI, model: str) -> str:  # noqa: ARG001  # a scenario
    asks: list[Callable[[], Awaitable[object]]] = [
        lambda: client.chat.completions.create(model="nobody", messages=TURN),
        lambda: client.chat.completions.create(model="nobody", messages=TURN, stream=True),
        lambda: client.completions.create(model="nobody", prompt="x"),
        lambda: client.embeddings.create(model="nobody", input="x"),
        lambda: client.responses.create(model="nobody", input="x"),
    ]
    for ask in asks:
        with pytest.raises(openai.NotFoundError, match="nobody") as caught:
            await ask()
        body: Any = caught.value.body
        assert set(body) == {"message", "type", "param", "code"}, body
        assert body["type"] == "not_found_error", body
    return str(body)


async def a_wrong_request_is_a_bad_request(client: openai.AsyncOpenAI, model: str) -> str:
    wrong: list[dict[str, Any]] = [
        {"messages": []},
        {"messages": TURN, "temperature": "warm"},
        {"messages": TURN, "top_logprobs": 21, "logprobs": True},
        {"messages": TURN, "n": 0},
        {"messages": TURN, "reasoning_effort": "immense"},
        {"messages": [{"role": "user", "content": 1}]},
        {"messages": TURN, "response_format": {"type": "json_schema", "json_schema": {"schema": {"type": "strange"}}}},
    ]
    for body in wrong:
        with pytest.raises(openai.BadRequestError) as caught:
            await client.post("/chat/completions", cast_to=object, body={"model": model, "max_tokens": 4, **body})
        told: Any = caught.value.body
        assert told["type"] == "invalid_request_error", (body, told)
        assert told["message"], body
    return f"{len(wrong)} are 400; the last: {told['message']!r}"


async def a_prompt_that_is_too_long_is_told_with_its_size(client: openai.AsyncOpenAI, model: str) -> str:
    asks: list[Callable[[], Awaitable[object]]] = [
        lambda: client.chat.completions.create(model=model, messages=[{"role": "user", "content": LONG}]),
        lambda: client.chat.completions.create(model=model, messages=[{"role": "user", "content": LONG}], stream=True),
    ]
    for ask in asks:
        with pytest.raises(openai.BadRequestError, match="exceeds the context of 2048 tokens") as caught:
            await ask()
    return caught.value.message


FAILURES = scenarios(
    SDK,
    "errors",
    openai_client,
    {
        "plain": (
            an_unknown_model_is_not_found,
            a_wrong_request_is_a_bad_request,
            a_prompt_that_is_too_long_is_told_with_its_size,
        )
    },
)
