"""Refusals, as Anthropic's client raises them."""

from collections.abc import Awaitable, Callable
from typing import Any

import anthropic
import pytest

from tests.sdk.anthropic_messages import SDK, TURN
from tests.sdk.clients import anthropic_client
from tests.sdk.questions import LONG
from tests.sdk.scenario import scenarios


async def an_unknown_model_is_not_found(client: anthropic.AsyncAnthropic, model: str) -> str:  # noqa: ARG001  # a scenario
    asks: list[Callable[[], Awaitable[object]]] = [
        lambda: client.messages.create(model="nobody", max_tokens=4, messages=TURN),
        lambda: client.messages.create(model="nobody", max_tokens=4, messages=TURN, stream=True),
        lambda: client.messages.count_tokens(model="nobody", messages=TURN),
    ]
    for ask in asks:
        with pytest.raises(anthropic.NotFoundError, match="nobody") as caught:
            await ask()
        body: Any = caught.value.body
        assert (body["type"], body["error"]["type"]) == ("error", "not_found_error")
        assert body["request_id"].startswith("req_")
    return str(body["error"])


async def a_wrong_request_is_a_bad_request(client: anthropic.AsyncAnthropic, model: str) -> str:
    wrong: list[dict[str, Any]] = [
        {"messages": []},
        {"messages": TURN, "max_tokens": 0},
        {"messages": TURN, "temperature": "warm"},
        {"messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "url", "url": "http://x"}}]}]},
        {"messages": TURN, "output_config": {"format": {"type": "json_schema", "schema": {"type": "strange"}}}},
    ]
    for body in wrong:
        with pytest.raises(anthropic.BadRequestError) as caught:
            await client.post("/v1/messages", cast_to=object, body={"model": model, "max_tokens": 4, **body})
        told: Any = caught.value.body
        assert told["error"]["type"] == "invalid_request_error", (body, told)
    return f"{len(wrong)} are 400; the last: {told['error']['message']!r}"


async def a_prompt_that_is_too_long_is_told_with_its_size(client: anthropic.AsyncAnthropic, model: str) -> str:
    for is_stream in (False, True):
        with pytest.raises(anthropic.BadRequestError, match=r"prompt is too long.* 2048") as caught:
            await client.messages.create(
                model=model, max_tokens=4, messages=[{"role": "user", "content": LONG}], stream=is_stream
            )
    return caught.value.message


FAILURES = scenarios(
    SDK,
    "errors",
    anthropic_client,
    {
        "plain": (
            an_unknown_model_is_not_found,
            a_wrong_request_is_a_bad_request,
            a_prompt_that_is_too_long_is_told_with_its_size,
        )
    },
)
