"""What a request says of its way; and what must stay does, shown on the wire."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

# Bodies and answers are JSON.
from typing import Any

import aiohttp
import pytest

from arriero.engines.fake import FakeEngine, Script
from arriero.engines.upstream.server import connect
from arriero.errors import LoadFailed
from arriero.router.fallback import FallbackScorer
from arriero.router.judge import JudgeScorer, JudgeSettings
from arriero.router.router import Router
from arriero.router.rules import Rule
from arriero.router.settings import RouterSettings
from arriero.runners.carrier import Carriers
from arriero.runners.judging import ask_judge, tokenize_judge
from arriero.runners.route_record import Recorder
from arriero.runners.routing import Routing
from arriero.runners.scheduler import Scheduler
from arriero.runners.upstreams import Upstreams
from arriero.server.app import Access, build_app
from arriero.store.layout import Layout, Store
from arriero.store.library import Library
from arriero.types.upstreams import UpstreamSettings
from tests.router.factories_routing import LOCAL, ScriptedScorer
from tests.runners.routers import LOCAL_SAYS
from tests.server.routers import Served, Tap, running_router, store_models
from tests.serving import ROOMY, FakeLoader, listening, services_of

PRIVATE = Rule("keep", "private", ("secret",))
OURS = Rule("ours", "remote", metadata={"team": "research"})
MARKED = Rule("marked", "remote", metadata={"Is-Hard": "true"})
THEIRS = Rule("theirs", "remote", keys=("key-1",))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return store_models(tmp_path_factory.mktemp("wish"))


@pytest.fixture
async def served(root: Path) -> AsyncIterator[Served]:
    async with running_router(root, rules=(OURS, MARKED, THEIRS)) as server:
        yield server


@pytest.mark.parametrize(
    ("model", "header", "option", "side"),
    [
        ("smart", None, None, "remote"),
        ("smart", "local", None, "local"),
        ("smart", "LOCAL ", None, "local"),
        ("smart", None, "local", "local"),
        ("smart", None, "Local", "local"),
        ("smart:local", "remote", "remote", "local"),
        ("smart:remote", "local", "remote", "local"),
        ("smart:remote", "remote", "local", "local"),
        ("smart:remote", "local", None, "local"),
        ("smart", "remote", "local", "local"),
        ("smart", "local", "remote", "local"),
        ("smart", "", None, "remote"),
        ("smart", "", "", "remote"),
    ],
)
async def test_the_most_private_of_name_header_and_option_wins(
    served: Served, model: str, header: str | None, option: str | None, side: str
) -> None:
    headers = {} if header is None else {"X-Arriero-Force": header}
    options = {} if option is None else {"route": option}
    got = await served.ask("hard", model, headers=headers, options=options)

    assert (got.status, got.side) == (200, side)


@pytest.mark.parametrize("force", ["local", "remote"])
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/chat", {"messages": [{"role": "user", "content": "x"}]}),
        ("/api/generate", {"prompt": "x"}),
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": "x"}]}),
        ("/v1/completions", {"prompt": "x"}),
        ("/v1/responses", {"input": "x"}),
        ("/v1/messages", {"messages": [{"role": "user", "content": "x"}], "max_tokens": 9}),
    ],
)
async def test_the_header_and_the_option_count_in_every_dialect(
    served: Served, path: str, body: dict[str, Any], force: str
) -> None:
    asked = {"model": "smart", "stream": False, **body}
    assert (await served.post(path, asked, **{"x-arriero-force": force})).side == force

    if path != "/v1/responses":
        assert (await served.post(path, {**asked, "options": {"route": force}})).side == force


@pytest.mark.parametrize("value", ["here", 1, True, ["local"], {"side": "local"}, 0])
async def test_a_side_that_there_is_not_is_a_wrong_request(served: Served, value: object) -> None:
    got = await served.ask("easy", options={"route": value})

    assert got.status == 400
    assert "local, remote" in got.json["error"]
    assert served.local.requests == served.remote.requests == []


async def test_a_header_that_names_no_side_is_a_wrong_request(served: Served) -> None:
    got = await served.ask("easy", headers={"x-arriero-force": "local, remote"})

    assert got.status == 400
    assert "x-arriero-force" in got.json["error"]


async def test_other_models_have_no_use_for_it(served: Served) -> None:
    got = await served.ask("easy", "other", headers={"x-arriero-force": "nowhere"}, options={"route": ["x"]})

    assert got.status == 200


async def test_a_session_that_has_a_name_stays_where_it_is(served: Served) -> None:
    headers = {"x-arriero-session": "mine"}
    assert (await served.ask("hard", headers=headers)).side == "remote"
    got = await served.ask("easy", headers=headers)
    assert (got.side, got.json["route"]["reason"]) == ("remote", "session")

    assert (await served.ask("easy", headers={"x-arriero-session": "another"})).side == "local"
    # The same name with another key is somebody else's.
    other = {**headers, "Authorization": "Bearer other"}
    assert (await served.ask("easy", headers=other)).side == "local"


@pytest.mark.parametrize(
    ("headers", "side"),
    [
        ({"x-arriero-meta-team": "research"}, "remote"),
        ({"X-Arriero-Meta-Team": "research"}, "remote"),
        ({"x-arriero-meta-team": "other"}, "local"),
        ({"Authorization": "Bearer key-1"}, "remote"),
        ({"Authorization": "bearer key-1"}, "remote"),
        ({"x-api-key": "key-1"}, "remote"),
        ({"x-api-key": "key-2"}, "local"),
        ({"Authorization": "Basic key-1"}, "local"),
    ],
)
async def test_rules_are_held_against_headers(served: Served, headers: dict[str, str], side: str) -> None:
    assert (await served.ask("easy", headers=headers)).side == side


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": "x"}]}),
        ("/v1/completions", {"prompt": "x"}),
        ("/v1/responses", {"input": "x"}),
        ("/v1/messages", {"messages": [{"role": "user", "content": "x"}], "max_tokens": 9}),
    ],
)
async def test_rules_are_held_against_metadata_of_the_body(served: Served, path: str, body: dict[str, Any]) -> None:
    asked = {"model": "smart", **body}

    assert (await served.post(path, {**asked, "metadata": {"team": "research", "n": 1}})).side == "remote"
    assert (await served.post(path, {**asked, "metadata": {"team": "other"}})).side == "local"
    assert (await served.post(path, {**asked, "metadata": {"is-hard": True, "of": {"a": "b"}}})).side == "remote"
    assert (await served.post(path, asked, **{"X-Arriero-Meta-Is-Hard": "true"})).side == "remote"


@dataclass(frozen=True, slots=True)
class Wired:
    """A router whose remote side, and judge, is a server elsewhere behind a tap."""

    client: aiohttp.ClientSession
    loader: FakeLoader
    tap: Tap

    async def ask(self, path: str, body: dict[str, Any], headers: dict[str, str] | None = None) -> tuple[int, str]:
        async with self.client.post(path, json=body, headers=headers) as response:
            return response.status, await response.text()


@asynccontextmanager
async def wired(root: Path, rules: Sequence[Rule] = (PRIVATE,)) -> AsyncIterator[Wired]:
    tap, loader = Tap(), FakeLoader({f"{LOCAL}:latest": FakeEngine(LOCAL_SAYS)})
    library = Library(Layout(root, Store(root / "models")))
    async with tap.listening() as far:
        upstreams = Upstreams(connect, library.offer)
        await upstreams.set_servers([UpstreamSettings("far", far)], 5.0)
        scheduler = Scheduler(loader, ROOMY)
        own = Carriers({"process": scheduler, "upstream": upstreams})
        judge = JudgeScorer(
            ask_judge(lambda: library.find("far"), own),
            tokenize_judge(lambda: library.find("far"), own),
            settings=JudgeSettings("far", 5.0),
        )
        settings = RouterSettings(LOCAL, "far", "far", rules=tuple(rules), keeps_log=False)
        router = Router(settings, FallbackScorer(judge, ScriptedScorer()))
        routing = Routing([router], library.find, own, Recorder())
        library.add_virtual(routing)
        carrier = Carriers({"process": scheduler, "upstream": upstreams, "router": routing})
        services = replace(services_of(library, carrier), upstreams=upstreams, routing=routing)
        async with listening(build_app(services, Access())) as url, aiohttp.ClientSession(url) as client:
            yield Wired(client, loader, tap)
        await carrier.aclose()


CHAT = {"messages": [{"role": "user", "content": "a hard question, xyzzy"}]}
SECRET = {"messages": [{"role": "user", "content": "a hard secret, xyzzy"}]}
THEN = {
    "messages": [
        {"role": "user", "content": "a secret, xyzzy"},
        {"role": "assistant", "content": "I see."},
        {"role": "user", "content": "a hard question"},
    ]
}
IN_TOOL = {
    "messages": CHAT["messages"],
    "tools": [{"type": "function", "function": {"name": "look", "description": "Finds the\nsecret xyzzy."}}],
}
LOCAL_HEADER = {"x-arriero-force": "local"}
PRIVATELY: list[tuple[str, dict[str, Any], dict[str, str]]] = [
    ("/api/chat", {"model": "smart:local", **CHAT}, {}),
    ("/api/chat", {"model": "SMART:Local", **CHAT}, {}),
    ("/api/chat", {"model": "smart:latest:local", **CHAT}, {}),
    ("/api/chat", {"model": "library/smart:local", **CHAT}, {}),
    ("/api/chat", {"model": "smart:remote:local", **CHAT}, {}),
    ("/api/chat", {"model": "smart", **CHAT}, LOCAL_HEADER),
    ("/api/chat", {"model": "smart:remote", **CHAT}, LOCAL_HEADER),
    ("/api/chat", {"model": "smart", "options": {"route": "local"}, **CHAT}, {}),
    ("/api/chat", {"model": "smart:remote", "options": {"route": "local"}, **CHAT}, {"x-arriero-force": "remote"}),
    ("/api/chat", {"model": "smart", **SECRET}, {}),
    ("/api/chat", {"model": "smart:remote", **SECRET}, {}),
    ("/api/chat", {"model": "smart", **THEN}, {}),
    ("/api/chat", {"model": "smart", **IN_TOOL}, {}),
    ("/api/generate", {"model": "smart:local", "prompt": "hard xyzzy"}, {}),
    ("/api/generate", {"model": "smart", "system": "a secret", "prompt": "hard xyzzy"}, {}),
    ("/api/generate", {"model": "smart", "prompt": "hard xyzzy", "_debug_render_only": True}, LOCAL_HEADER),
    ("/api/generate", {"model": "smart:local"}, {}),
    ("/v1/chat/completions", {"model": "smart:local", **CHAT}, {}),
    ("/v1/chat/completions", {"model": "smart:local", "n": 2, **CHAT}, {}),
    ("/v1/chat/completions", {"model": "smart", "stream": True, **SECRET}, {}),
    ("/v1/completions", {"model": "smart:local", "prompt": "hard xyzzy"}, {}),
    ("/v1/responses", {"model": "smart:local", "input": "hard xyzzy"}, {}),
    ("/v1/messages", {"model": "smart:local", "max_tokens": 9, **CHAT}, {}),
    ("/v1/messages", {"model": "smart", "max_tokens": 9, **SECRET}, {}),
    ("/v1/messages/count_tokens", {"model": "smart", **SECRET}, {}),
    ("/v1/messages/count_tokens", {"model": "smart", **CHAT}, LOCAL_HEADER),
    ("/v1/messages/count_tokens", {"model": "smart:local", **CHAT}, {}),
]
# Nobody answers these, but a judge might be asked.
EXPLAINED: list[tuple[str, dict[str, Any], dict[str, str]]] = [
    ("/api/router/explain", {"model": "smart:local", **CHAT}, {}),
    ("/api/router/explain", {"model": "smart", **SECRET}, {}),
    ("/api/router/explain", {"model": "smart", **CHAT}, LOCAL_HEADER),
    ("/api/router/explain", {"model": "smart", "options": {"route": "local"}, **CHAT}, {}),
]


async def test_of_a_private_request_not_one_byte_goes_out_while_the_local_side_is_down(root: Path) -> None:
    async with wired(root) as made:
        made.loader.error = LoadFailed("no memory")
        made.tap.forget()
        for path, body, headers in PRIVATELY:
            for is_stream in (False, True):
                asked = {"stream": is_stream, **body}
                status, text = await made.ask(path, asked, headers)
                assert "from afar" not in text
                assert status == 500, (path, body, text)
                assert "no memory" in text
                assert made.tap.sent == b"", (path, body, headers)


async def test_nor_while_it_is_well(root: Path) -> None:
    async with wired(root) as made:
        made.tap.forget()
        for path, body, headers in PRIVATELY:
            await made.ask(path, {"stream": False, **body}, headers)
        for path, body, headers in EXPLAINED:
            status, text = await made.ask(path, body, headers)
            assert (status, "local" in text) == (200, True)

        assert made.tap.sent == b""


async def test_nor_where_the_local_engine_cannot_count_or_show_a_prompt(tmp_path: Path) -> None:
    """Its model is not there at all."""
    async with wired(tmp_path) as made:
        made.tap.forget()
        for path, body, headers in PRIVATELY:
            status, _ = await made.ask(path, {"stream": False, **body}, headers)
            assert status >= 400

        assert made.tap.sent == b""


async def test_an_open_request_does_go_out_and_so_does_what_the_judge_is_asked(root: Path) -> None:
    async with wired(root) as made:
        made.tap.forget()
        status, text = await made.ask("/api/chat", {"model": "smart", "stream": False, **CHAT})
        assert (status, b"xyzzy" in made.tap.sent) == (200, True)
        assert "from afar" in text

        made.tap.forget()
        status, text = await made.ask("/api/chat", {"model": "smart:remote", "stream": False, **CHAT})
        assert "from afar" in text
        assert made.tap.sent.count(b"xyzzy") == 1


async def test_everything_is_given_back_where_a_client_goes_away(root: Path) -> None:
    async with running_router(root) as served:
        served.local.script = served.remote.script = Script((("x",),), hang=True)
        for text, engine in (("easy", served.local), ("hard", served.remote)):
            asking = asyncio.create_task(served.ask(text, stream=True))
            async with asyncio.timeout(2):
                while not engine.running:
                    await engine.changed.wait()
                asking.cancel()
                await asyncio.wait({asking})
                while engine.running:
                    await engine.changed.wait()
            assert engine.cancelled == 1
