"""What ``/api/embed`` and ``/api/embeddings`` ask of engines, and tell of them."""

import logging
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

# Bodies are JSON.
from typing import Any

import pytest

from arriero.engines.fake import FakeEngine, Script
from arriero.errors import EngineFailed, EngineUnreachable
from arriero.types.embeddings import Embeddings
from tests.contract.models import store_golden_models
from tests.server.test_disconnect import asked
from tests.serving import FakeLoader, Running, running_server, until

LONG = " ".join(["word"] * 20)
BOTH = [("/api/embed", {"model": "emb", "input": "a"}), ("/api/embeddings", {"model": "emb", "prompt": "a"})]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return store_golden_models(tmp_path_factory.mktemp("embed"))


def loader_of(engine: FakeEngine) -> FakeLoader:
    return FakeLoader({"emb:latest": engine})


async def post(server: Running, path: str, body: dict[str, Any]) -> tuple[int, Mapping[str, str], Any]:
    async with server.client.post(path, json=body) as response:
        return response.status, response.headers, await response.json()


async def embed(server: Running, **body: Any) -> tuple[int, Mapping[str, str], Any]:
    return await post(server, "/api/embed", {"model": "emb", **body})


@pytest.mark.parametrize(("path", "body"), [*BOTH, ("/v1/embeddings", {"model": "emb", "input": "a"})])
async def test_an_engine_that_was_not_reached_is_asked_again(root: Path, path: str, body: dict[str, Any]) -> None:
    class Dead(FakeEngine):
        async def embed(self, inputs: Sequence[str | Sequence[int]]) -> Embeddings:  # noqa: ARG002
            engines["emb:latest"] = FakeEngine()
            loader.loaded[0].die()
            raise EngineUnreachable("refused")

    engines: dict[str, FakeEngine] = {"emb:latest": Dead()}
    loader = FakeLoader(engines)
    async with running_server(root, loader) as server:
        status, _, _ = await post(server, path, body)
    assert (status, loader.attempts) == (200, 2)


async def test_texts_that_fit_are_one_call_of_the_engine(root: Path) -> None:
    engine = FakeEngine()
    async with running_server(root, loader_of(engine)) as server:
        await embed(server, input=["one", "two", LONG])
    assert engine.embedded == [["one", "two", LONG]]


async def test_what_is_cut_is_told_in_the_answer_a_header_and_the_log(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    engine = FakeEngine(input_limit=10)
    async with running_server(root, loader_of(engine)) as server:
        with caplog.at_level(logging.WARNING):
            _, headers, answer = await embed(server, input=["a", LONG, "b", LONG])
    assert answer["truncated"] == {"inputs": [1, 3], "num_ctx": 10}
    assert headers["x-arriero-truncated"] == "inputs=2, num_ctx=10"
    assert "inputs truncated" in caplog.messages
    assert LONG not in caplog.text
    [[_, cut, _, _]] = engine.embedded
    assert len(cut) == 10


async def test_a_long_text_that_fits_by_its_tokens_is_not_cut(root: Path) -> None:
    engine = FakeEngine(input_limit=22)
    async with running_server(root, loader_of(engine)) as server:
        _, headers, answer = await embed(server, input=LONG)
    assert "truncated" not in answer
    assert "x-arriero-truncated" not in headers
    assert answer["prompt_eval_count"] == 22


async def test_a_small_context_gives_the_vector_of_the_first_words(root: Path) -> None:
    async with running_server(root) as server:
        _, _, cut = await embed(server, input="why is the sky blue?", options={"num_ctx": 3})
        _, _, why = await embed(server, input="why")
        assert cut["embeddings"] == why["embeddings"]
        assert server.loader.attempts == 1


async def test_a_large_context_is_asked_for_when_loading(root: Path) -> None:
    async with running_server(root) as server:
        await embed(server, input="a", options={"num_ctx": 8192})
        assert server.loader.plans[0].options.context == 8192


@pytest.mark.parametrize(("path", "body"), BOTH)
async def test_options_of_the_wrong_type_are_refused(root: Path, path: str, body: dict[str, Any]) -> None:
    async with running_server(root) as server:
        status, _, answer = await post(server, path, {**body, "options": {"num_ctx": "many"}})
    assert (status, answer) == (400, {"error": 'option "num_ctx" must be of type integer'})


@pytest.mark.parametrize(("path", "body"), BOTH)
@pytest.mark.parametrize("text", [{}, {"input": "", "prompt": ""}])
async def test_the_model_is_unloaded_when_it_is_told_not_to_stay(
    root: Path, path: str, body: dict[str, Any], text: dict[str, Any]
) -> None:
    async with running_server(root) as server:
        status, _, _ = await post(server, path, {**body, **text, "keep_alive": 0})
        assert status == 200
        await server.loader.loaded[0].stopped.wait()


async def test_a_keep_alive_without_unit_is_refused_before_the_model_is_looked_for(root: Path) -> None:
    async with running_server(root) as server:
        status, _, answer = await embed(server, model="nope", keep_alive="10")
    assert (status, answer) == (400, {"error": 'time: missing unit in duration "10"'})


@pytest.mark.parametrize(("path", "body"), BOTH)
async def test_an_unknown_model_is_told_as_it_was_asked_for(root: Path, path: str, body: dict[str, Any]) -> None:
    async with running_server(root) as server:
        status, _, answer = await post(server, path, {**body, "model": "Nope:1b"})
    assert (status, answer) == (404, {"error": 'model "Nope:1b" not found, try pulling it first'})


@pytest.mark.parametrize(("path", "told"), [("/api/embed", 429), ("/api/embeddings", 500)])
async def test_the_engines_error_is_told(root: Path, path: str, told: int) -> None:
    engine = FakeEngine(embed_error=EngineFailed("too many", 429))
    async with running_server(root, loader_of(engine)) as server:
        status, _, answer = await post(server, path, {"model": "emb", "input": "a", "prompt": "a"})
    assert (status, answer) == (told, {"error": "too many"})


async def test_the_older_route_cuts_nothing(root: Path) -> None:
    async with running_server(root, loader_of(FakeEngine(input_limit=10))) as server:
        status, _, answer = await post(server, "/api/embeddings", {"model": "emb", "prompt": LONG})
    assert (status, answer) == (500, {"error": "the input length exceeds the context length"})


async def test_the_older_route_gives_what_the_engine_gives(root: Path) -> None:
    async with running_server(root) as server:
        _, _, old = await post(server, "/api/embeddings", {"model": "emb", "prompt": "a"})
        _, _, new = await embed(server, input="a")
    length = math.hypot(*old["embedding"])
    assert length > 1.0
    assert [number / length for number in old["embedding"]] == pytest.approx(new["embeddings"][0])


async def test_any_model_may_embed(root: Path) -> None:
    async with running_server(root) as server:
        status, _, answer = await embed(server, model="gen", input="a")
    assert (status, len(answer["embeddings"])) == (200, 1)


class NeverEmbeds:
    """An engine that only answers."""

    def __init__(self) -> None:
        self._engine = FakeEngine()
        self.generate = self._engine.generate
        self.health = self._engine.health
        self.aclose = self._engine.aclose


@pytest.mark.parametrize(("path", "body"), BOTH)
async def test_an_engine_that_cannot_embed_is_told_to_be_one(root: Path, path: str, body: dict[str, Any]) -> None:
    loader = FakeLoader({"emb:latest": NeverEmbeds()})  # type: ignore[dict-item]  # an engine that can do less
    async with running_server(root, loader) as server:
        status, _, answer = await post(server, path, body)
    assert status == 501
    assert "does not support embeddings" in answer["error"]


@pytest.mark.parametrize(("path", "body"), BOTH)
async def test_a_client_that_goes_away_stops_the_work(root: Path, path: str, body: dict[str, Any]) -> None:
    engine = FakeEngine(Script(hang=True))
    async with running_server(root, loader_of(engine)) as server:
        async with asked(server, path, body):
            await until(engine, lambda: engine.running == 1)
        await until(engine, lambda: engine.running == 0)
    assert engine.cancelled == 1
