"""A router as a model: its names, its headers, and its key in every dialect."""

from collections.abc import AsyncIterator
from pathlib import Path

# Bodies are JSON.
from typing import Any

# Bodies and answers are JSON.
import pytest

from arriero.engines.fake import Script
from arriero.types.chat import ToolCall
from arriero.types.events import ToolCallDelta
from tests.router.factories_routing import LOCAL, REMOTE
from tests.server.routers import DIALECTS, Served, asked, models, objects, routes, running_router, store_models

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return store_models(tmp_path_factory.mktemp("router"))


@pytest.fixture
async def served(root: Path) -> AsyncIterator[Served]:
    async with running_router(root) as server:
        yield server


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("is_stream", [True, False])
@pytest.mark.parametrize(("text", "side", "model"), [("easy", "local", LOCAL), ("hard", "remote", REMOTE)])
async def test_every_dialect_tells_who_has_answered_and_why(
    served: Served, dialect: str, text: str, side: str, model: str, *, is_stream: bool
) -> None:
    got = await asked(served, dialect, text, is_stream=is_stream)

    assert got.status == 200
    told = {name.lower(): value for name, value in got.headers.items() if name.lower().startswith("x-arriero-")}
    score = "0.9000" if text == "hard" else "0.1000"
    assert told == {
        "x-arriero-route": side,
        "x-arriero-reason": "score",
        "x-arriero-model": model,
        "x-arriero-score": score,
    }
    [route] = routes(objects(got))
    assert (route["side"], route["model"], route["reason"], route["score"]) == (side, model, "score", float(score))
    assert (route["threshold"], route["scorer"]) == (0.5, "scripted")
    assert route["took_ms"] >= 0
    assert ("small" if side == "local" else "big") in got.text


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("is_stream", [True, False])
@pytest.mark.parametrize("name", ["smart", "Smart:Latest", "SMART:Local"])
async def test_the_model_is_the_one_that_was_asked_for(
    served: Served, dialect: str, name: str, *, is_stream: bool
) -> None:
    got = await asked(served, dialect, "easy", is_stream=is_stream, model=name)

    assert models(objects(got)) == {name}


@pytest.mark.parametrize("dialect", ["chat", "generate", "openai chat", "anthropic"])
async def test_the_route_is_told_in_the_last_object_of_a_stream_alone(served: Served, dialect: str) -> None:
    found = objects(await asked(served, dialect, "hard", is_stream=True))
    told = [place for place, each in enumerate(found) if routes(each)]

    last = {"anthropic": len(found) - 2}.get(dialect, len(found) - 1)
    assert told == [last]


async def test_a_model_that_is_no_router_tells_no_route(served: Served) -> None:
    for dialect in DIALECTS:
        for is_stream in (True, False):
            got = await asked(served, dialect, "easy", is_stream=is_stream, model="other")
            assert routes(objects(got)) == []
            assert got.side is None


@pytest.mark.parametrize("is_stream", [True, False])
async def test_several_choices_are_all_answered(served: Served, *, is_stream: bool) -> None:
    got = await asked(served, "openai chat", "hard", is_stream=is_stream, n=3)

    assert (got.status, got.side) == (200, "remote")
    found = [choice for each in objects(got) for choice in each["choices"]]
    assert {choice["index"] for choice in found} == {0, 1, 2}
    assert len(served.remote.requests) == 3
    # In a stream, each of them ends by itself.
    told = routes(objects(got))
    assert [each["side"] for each in told] == ["remote"] * (3 if is_stream else 1)


NAMES = [
    "smart:local",
    "SMART:Local",
    "smart:latest:local",
    " smart:LOCAL ",
    "library/smart:local",
    "registry.ollama.ai/library/smart:latest:local",
    "smart:remote:local",
]


@pytest.mark.parametrize("name", NAMES)
async def test_a_name_that_ends_in_local_stays(served: Served, name: str) -> None:
    got = await served.ask("hard", name)

    assert (got.status, got.side) == (200, "local")
    assert served.remote.requests == []


@pytest.mark.parametrize("name", ["smart:remote", "Smart:Latest:REMOTE", "library/smart:remote"])
async def test_a_name_that_ends_in_remote_goes(served: Served, name: str) -> None:
    assert (await served.ask("easy", name)).side == "remote"


@pytest.mark.parametrize(
    "name", ["smart", "SMART", "smart:latest", "library/smart", "registry.ollama.ai/library/smart"]
)
async def test_other_ways_of_writing_the_name_are_routed(served: Served, name: str) -> None:
    assert (await served.ask("easy", name)).side == "local"
    assert (await served.ask("hard", name)).side == "remote"


@pytest.mark.parametrize("name", ["smart:v2", "smart:other", "smarter", "other/smart"])
async def test_another_name_is_another_model(served: Served, name: str) -> None:
    assert (await served.ask("easy", name)).status == 404


async def test_images_go_to_the_model_that_sees(served: Served) -> None:
    got = await served.post(
        "/api/chat",
        {"model": "smart", "stream": False, "messages": [{"role": "user", "content": "easy", "images": [PNG]}]},
    )
    assert (got.side, got.json["route"]["reason"]) == ("remote", "images")

    parts = [
        {"type": "text", "text": "easy"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
    ]
    got = await served.post(
        "/v1/chat/completions", {"model": "smart", "messages": [{"role": "user", "content": parts}]}
    )
    assert (got.side, got.json["route"]["reason"]) == ("remote", "images")


@pytest.mark.parametrize("dialect", ["openai chat", "anthropic"])
async def test_content_in_parts_is_read_as_its_text(served: Served, dialect: str) -> None:
    path, body = DIALECTS[dialect]
    parts = [{"type": "text", "text": "a hard"}, {"type": "text", "text": "question"}]
    got = await served.post(path, {"model": "smart", **body("x"), "messages": [{"role": "user", "content": parts}]})

    assert (got.status, got.side) == (200, "remote")


@pytest.mark.parametrize("content", ["", None, " "])
async def test_content_that_says_nothing_is_answered(served: Served, content: str | None) -> None:
    asked = [{"role": "user", "content": content}]
    got = await served.post("/api/chat", {"model": "smart", "stream": False, "messages": asked})

    assert (got.status, got.side) == (200, "local")


async def test_content_that_openai_does_not_allow_is_a_wrong_request(served: Served) -> None:
    got = await served.post("/v1/chat/completions", {"model": "smart", "messages": [{"role": "user", "content": None}]})

    assert got.status == 400
    assert served.local.requests == served.remote.requests == []


async def test_broken_letters_are_answered(served: Served) -> None:
    body = b'{"model": "smart", "stream": false, "messages": [{"role": "user", "content": "hard \\ud800 \\u0000"}]}'
    async with served.client.post("/api/chat", data=body) as response:
        assert response.status == 200
        assert response.headers["x-arriero-route"] == "remote"


async def test_tools_go_to_the_model_that_calls_them_and_their_answers_too(served: Served) -> None:
    served.local.script = Script(((ToolCallDelta(0, ToolCall("look", {"at": "x"}, "call_1")),),))
    got = await served.ask("hard", tools=[TOOL])
    assert (got.side, got.json["route"]["reason"]) == ("local", "tools")
    [call] = got.json["message"]["tool_calls"]
    messages = [
        {"role": "user", "content": "hard"},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "content": "found", "tool_name": "look"},
    ]
    got = await served.post("/api/chat", {"model": "smart", "stream": False, "messages": messages})
    assert (got.side, got.json["route"]["reason"]) == ("local", "tool_loop")


async def test_what_only_one_can_the_other_is_not_asked_for_though_forced(served: Served) -> None:
    got = await served.ask("easy", "smart:remote", tools=[TOOL])

    assert got.status == 400
    assert "does not support tools" in got.json["error"]


async def test_thinking_goes_to_the_model_that_thinks(served: Served) -> None:
    got = await served.ask("easy", think=True)
    assert (got.side, got.json["route"]["reason"]) == ("remote", "thinking")

    assert (await served.ask("easy", think=False)).side == "local"
    assert (await served.ask("easy")).side == "local"


@pytest.mark.parametrize(
    ("dialect", "more", "status"),
    [
        ("openai chat", {"reasoning_effort": "low"}, 400),
        ("anthropic", {"thinking": {"type": "enabled", "budget_tokens": 2000}}, 200),
        ("chat", {"think": True}, 400),
    ],
)
async def test_a_local_model_that_cannot_think_just_answers_where_dialects_have_that_so(
    served: Served, dialect: str, more: dict[str, Any], status: int
) -> None:
    got = await asked(served, dialect, "hard", is_stream=False, model="smart:local", **more)

    assert got.status == status
    assert served.remote.requests == []


async def test_a_format_is_kept_to_by_who_answers(served: Served) -> None:
    await served.ask("easy", format={"type": "object"})
    await served.ask("hard", format="json")

    for engine in (served.local, served.remote):
        assert engine.requests[0].json_format is not None
