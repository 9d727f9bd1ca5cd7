"""What goes wrong, as Anthropic's own client is told of it."""

from collections.abc import AsyncIterator
from pathlib import Path

import anthropic
import pytest

from arriero.engines.fake import FakeEngine, Script
from arriero.errors import EngineDied, EngineFailed
from arriero.server.app import Access
from arriero.store.layout import Store
from tests.factories_store import stored
from tests.serving import FakeLoader, Running, running_server

KEY = "secret"
TURN: list[anthropic.types.MessageParam] = [{"role": "user", "content": "hi"}]


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine(context=64)


@pytest.fixture
async def server(tmp_path: Path, engine: FakeEngine) -> AsyncIterator[Running]:
    stored(Store(tmp_path / "models"), "gen")
    async with running_server(tmp_path, FakeLoader({"gen:latest": engine}), access=Access(api_key=KEY)) as server:
        yield server


@pytest.fixture
async def client(server: Running) -> AsyncIterator[anthropic.AsyncAnthropic]:
    async with anthropic.AsyncAnthropic(base_url=server.url, api_key=KEY, max_retries=0) as client:
        yield client


async def test_a_message_that_breaks_off_raises(client: anthropic.AsyncAnthropic, engine: FakeEngine) -> None:
    engine.script = Script((("Hel",), ("lo",)), error=EngineDied("the engine went away"), fail_after=1)
    stream = await client.messages.create(model="gen", max_tokens=50, messages=TURN, stream=True)
    with pytest.raises(anthropic.APIStatusError, match="the engine went away") as caught:
        assert [event async for event in stream]
    assert caught.value.type == "api_error"
    assert isinstance(caught.value.body, dict)
    assert caught.value.body["request_id"] == stream.response.headers["request-id"]


@pytest.mark.parametrize(
    ("status", "raised"),
    [
        (400, anthropic.BadRequestError),
        (413, anthropic.RequestTooLargeError),
        (429, anthropic.RateLimitError),
        (503, anthropic.InternalServerError),
        (504, anthropic.DeadlineExceededError),
        (529, anthropic.OverloadedError),
    ],
)
async def test_a_refusal_of_the_engine_is_passed_on(
    client: anthropic.AsyncAnthropic, engine: FakeEngine, status: int, raised: type[anthropic.APIStatusError]
) -> None:
    engine.script = Script(error=EngineFailed("not now", status))
    with pytest.raises(raised, match="not now"):
        await client.messages.create(model="gen", max_tokens=50, messages=TURN)


async def test_a_wrong_key_is_told_in_this_dialect(client: anthropic.AsyncAnthropic) -> None:
    with pytest.raises(anthropic.AuthenticationError) as caught:
        await client.with_options(api_key="wrong").messages.create(model="gen", max_tokens=5, messages=TURN)
    assert caught.value.type == "authentication_error"


async def test_a_refusal_has_the_same_id_in_its_header_and_its_body(client: anthropic.AsyncAnthropic) -> None:
    with pytest.raises(anthropic.NotFoundError) as caught:
        await client.messages.create(model="nope", max_tokens=5, messages=TURN)
    assert caught.value.type == "not_found_error"
    assert isinstance(caught.value.body, dict)
    assert caught.value.body["request_id"] == caught.value.request_id


async def test_a_prompt_that_is_too_long_is_told_in_anthropics_words(client: anthropic.AsyncAnthropic) -> None:
    with pytest.raises(anthropic.BadRequestError, match="prompt is too long: 100 tokens > 64 maximum"):
        await client.messages.create(model="gen", max_tokens=5, messages=[{"role": "user", "content": "word " * 100}])


async def test_a_prompt_is_shortened_only_where_that_is_asked_for(
    client: anthropic.AsyncAnthropic, engine: FakeEngine
) -> None:
    turns: list[anthropic.types.MessageParam] = [
        {"role": "user", "content": "word " * 62},
        {"role": "assistant", "content": "yes"},
        {"role": "user", "content": "and now?"},
    ]
    with pytest.raises(anthropic.BadRequestError, match=r"prompt is too long: \d+ tokens > 64 maximum"):
        await client.messages.create(model="gen", max_tokens=5, messages=turns)
    assert engine.requests == []
    raw = await client.messages.with_raw_response.create(
        model="gen", max_tokens=5, messages=turns, extra_body={"truncate": True}
    )
    assert "dropped_messages=" in raw.headers["x-arriero-truncated"]
