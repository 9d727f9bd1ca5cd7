"""Real servers, seen as upstreams. Their URLs come from the environment; what is not named there is not looked at."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from arriero.engines.base import Counts, Embeds, Renders
from arriero.engines.upstream.server import Upstream, connect
from arriero.types.chat import ChatPrompt, Message, TextRequest
from arriero.types.events import Finished, text_and_thinking
from arriero.types.sampling import SamplingParams
from arriero.types.upstreams import UpstreamKind, UpstreamSettings

pytestmark = pytest.mark.engines

URLS = {
    "vllm": "ARRIERO_TEST_VLLM",
    "sglang": "ARRIERO_TEST_SGLANG",
    "smg": "ARRIERO_TEST_SMG",
    "llama-server": "ARRIERO_TEST_LLAMA_SERVER",
    "ollama": "ARRIERO_TEST_OLLAMA",
}
QUESTION = ChatPrompt((Message("user", "Name the capital of France."),))


@asynccontextmanager
async def named(kind: UpstreamKind) -> AsyncIterator[Upstream]:
    """The server of this kind that the environment names."""
    variable = URLS[kind]
    if variable not in os.environ:
        pytest.skip(f"name a running server in {variable}")
    upstream = connect(UpstreamSettings("test", os.environ[variable]))
    try:
        yield upstream
    finally:
        await upstream.aclose()


@pytest.mark.parametrize("kind", URLS)
async def test_a_real_server_is_known_for_what_it_is(kind: UpstreamKind) -> None:
    async with named(kind) as upstream:
        found = await upstream.look()
        assert upstream.kind == kind
        assert found
        for model in found:
            assert model.context
            assert "completion" in model.capabilities
            assert model.model_info["general.architecture"] == model.details.family != ""
            assert len(bytes.fromhex(model.digest)) == 32
        assert await upstream.look() == found


@pytest.mark.parametrize("kind", ["vllm", "sglang"])
async def test_a_model_whose_template_shows_no_tools_has_none_whatever_parser_there_is(kind: UpstreamKind) -> None:
    async with named(kind) as upstream:
        assert not any("tools" in model.capabilities for model in await upstream.look())


@pytest.mark.parametrize("kind", URLS)
async def test_its_models_answer(kind: UpstreamKind) -> None:
    async with named(kind) as upstream:
        model = (await upstream.look())[-1]
        request = TextRequest(QUESTION, SamplingParams(temperature=0.0, max_tokens=40))
        events = [event async for batch in upstream.engine(model.name).generate(request) for event in batch]
        assert text_and_thinking(events)[0]
        assert isinstance(events[-1], Finished)


async def test_a_llama_server_elsewhere_does_what_one_of_ours_does() -> None:
    async with named("llama-server") as upstream:
        [model] = await upstream.look()
        engine = upstream.engine(model.name)
        assert isinstance(engine, Renders)
        assert isinstance(engine, Counts)
        assert isinstance(engine, Embeds)
        assert "capital of France" in await engine.render(QUESTION)
        assert await engine.count(QUESTION) > 5
        # It is to be started with --embeddings.
        assert len((await engine.embed(["a text"])).vectors) == 1
