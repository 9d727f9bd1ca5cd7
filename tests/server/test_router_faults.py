"""What a client sees of sides that fail, of requests that are wrong, and of many at once."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

# Bodies and answers are JSON.
import pytest

from arriero.engines.fake import Script
from arriero.errors import EngineDied, EngineFailed
from tests.router.factories_routing import LOCAL, REMOTE
from tests.server.routers import (
    DIALECTS,
    Served,
    asked,
    objects,
    routes,
    running_router,
    store_models,
    turns,
)

DOWN = EngineFailed("connection refused", 502)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return store_models(tmp_path_factory.mktemp("router"))


@pytest.fixture
async def served(root: Path) -> AsyncIterator[Served]:
    async with running_router(root) as server:
        yield server


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("is_stream", [True, False])
async def test_a_side_that_is_down_is_stood_in_for_in_streams_too(
    served: Served, dialect: str, *, is_stream: bool
) -> None:
    served.remote.script = Script((("x",),), error=DOWN)
    got = await asked(served, dialect, "hard", is_stream=is_stream)

    assert (got.status, got.side) == (200, "local")
    [route] = routes(objects(got))
    assert (route["reason"], route["chosen"], route["model"]) == ("failover", "remote", LOCAL)
    assert "connection" in route["detail"]


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("is_stream", [True, False])
async def test_where_both_are_down_one_clear_error_names_both(served: Served, dialect: str, *, is_stream: bool) -> None:
    served.local.script = served.remote.script = Script((("x",),), error=EngineFailed("overloaded", 503))
    got = await asked(served, dialect, "hard", is_stream=is_stream)

    assert got.status == 503
    assert got.side is None
    for word in ("smart", LOCAL, REMOTE, "overloaded"):
        assert word in got.text


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_an_answer_that_breaks_off_ends_with_an_error_and_nobody_else_is_asked(
    served: Served, dialect: str
) -> None:
    served.remote.script = Script((("big",), (" words",)), error=EngineDied("out of memory"), fail_after=1)
    got = await asked(served, dialect, "hard", is_stream=True)

    assert (got.status, got.side) == (200, "remote")
    assert "out of memory" in json.dumps(objects(got)[-1])
    assert "small" not in got.text
    assert served.local.requests == []


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(("text", "first"), [("hard", REMOTE), ("easy", LOCAL)])
async def test_a_wrong_request_is_sent_to_nobody_else(served: Served, dialect: str, text: str, first: str) -> None:
    chosen, other = (served.remote, served.local) if first == REMOTE else (served.local, served.remote)
    chosen.script = Script((("x",),), error=EngineFailed("no such thing", 400))
    got = await asked(served, dialect, text, is_stream=False)

    assert got.status == 400
    assert "no such thing" in got.text
    assert (len(chosen.requests), len(other.requests)) == (1, 0)


async def test_an_option_of_a_wrong_type_is_a_wrong_request(served: Served) -> None:
    assert (await served.ask("easy", options={"temperature": "hot"})).status == 400
    assert served.local.requests == served.remote.requests == []


async def test_what_was_left_out_of_a_prompt_is_told_beside_the_route(served: Served) -> None:
    many = [{"role": ("user", "assistant")[n % 2], "content": f"word {n} " * 20} for n in range(9)]
    got = await served.post(
        "/api/chat", {"model": "smart:local", "stream": False, "messages": many, "options": {"num_ctx": 64}}
    )

    assert (got.status, got.side) == (200, "local")
    assert "dropped_messages" in got.headers["x-arriero-truncated"]


async def test_tokens_of_a_router_are_counted(served: Served) -> None:
    got = await served.post("/v1/messages/count_tokens", {"model": "smart", "messages": turns("one two three")})

    assert (got.status, got.json["input_tokens"]) == (200, 3)


async def test_a_context_of_tokens_belongs_to_no_router(served: Served) -> None:
    got = await served.post("/api/generate", {"model": "smart", "prompt": "x", "context": [1, 2], "stream": False})

    assert got.status == 400
    assert "/api/chat" in got.json["error"]


async def test_a_router_whose_models_are_not_there_yet_is_listed_and_says_what_is_missing(tmp_path: Path) -> None:
    async with running_router(tmp_path) as served:
        async with served.client.get("/api/tags") as response:
            assert [each["name"] for each in (await response.json())["models"]] == ["smart"]
        assert (await served.post("/api/show", {"model": "smart"})).status == 200
        got = await served.ask("easy")
        assert got.status == 503
        assert f"'{LOCAL}' not found" in got.json["error"]
        assert f"'{REMOTE}' not found" in got.json["error"]

        store_models(tmp_path)
        assert (await served.ask("easy")).text


async def test_200_conversations_at_once_keep_their_side(root: Path) -> None:
    async with running_router(root) as served:

        async def converse(number: int) -> set[str | None]:
            messages = turns("hello, this is a " + ("hard" if number % 2 else "easy") + f" one: {number}")
            seen = set()
            for text in ("and then?", "thanks"):
                got = await served.post("/api/chat", {"model": "smart", "stream": False, "messages": messages})
                seen.add(got.side)
                messages += [got.json["message"], *turns(text)]
            return seen

        found = await asyncio.gather(*(converse(number) for number in range(200)))
        assert found == [{"remote"} if number % 2 else {"local"} for number in range(200)]
        assert served.local.running == served.remote.running == 0
