import base64
import json
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from arriero.engines.base import Plan
from arriero.engines.llama_cpp.embedding import EmbeddingSettings, embedding_settings
from arriero.engines.llama_cpp.engine import LlamaCppEngine, worker_wire
from arriero.engines.llama_cpp.launch import LlamaCppSettings, launch
from arriero.errors import EngineFailed
from arriero.types.loading import LoadOptions
from arriero.types.models import Architecture
from tests.factories_store import record
from tests.serving import listening

MEAN, CLS, LAST = 1, 2, 3


def architecture(pooling_type: int | None) -> Architecture:
    return Architecture("llama", 1024, pooling_type=pooling_type)


@pytest.mark.parametrize(
    ("context", "batch", "settings"),
    [
        (8192, None, EmbeddingSettings(MEAN, 2048, 2048)),
        (1024, None, EmbeddingSettings(MEAN, 2048, 1024)),
        (8192, 512, EmbeddingSettings(MEAN, 512, 512)),
        (8192, 4096, EmbeddingSettings(MEAN, 4096, 4096)),
    ],
)
def test_a_model_for_text_embeds_as_much_as_a_batch(
    context: int, batch: int | None, settings: EmbeddingSettings
) -> None:
    plan = Plan(context, 4, LoadOptions(batch=batch))
    assert embedding_settings(architecture(None), plan) == settings


@pytest.mark.parametrize("pooling_type", [MEAN, CLS])
def test_an_encoder_takes_its_whole_context_at_once(pooling_type: int) -> None:
    plan = Plan(8192, 1, LoadOptions(batch=512))
    assert embedding_settings(architecture(pooling_type), plan) == EmbeddingSettings(None, 8192, 8192)


def test_an_encoder_s_slots_share_its_batch_evenly() -> None:
    assert embedding_settings(architecture(MEAN), Plan(512, 3)) == EmbeddingSettings(None, 513, 512)


def test_a_model_that_embeds_with_its_last_token_takes_one_batch_after_another() -> None:
    assert embedding_settings(architecture(LAST), Plan(32768, 1)) == EmbeddingSettings(None, 2048, 32768)


@pytest.mark.parametrize(("asked", "slots", "given"), [(1, 1, 2), (1, 16, 16), (8, 4, 8), (2048, 3, 2049)])
def test_a_batch_holds_what_llama_cpp_cannot_do_without(asked: int, slots: int, given: int) -> None:
    plan = Plan(1024, slots, LoadOptions(batch=asked))
    assert embedding_settings(architecture(None), plan).batch == given


def test_the_wheel_is_told() -> None:
    spec = launch(record(), Plan(1024, 2), LlamaCppSettings(), 4711, "key").spec
    params = json.loads(spec.stdin)["params"]
    assert (params["embedding"], params["pooling_type"], params["n_ubatch"]) == (True, MEAN, 2048)


def test_a_binary_is_told() -> None:
    embedder = record(weights=Path("/models/e.gguf"), architecture=architecture(CLS))
    spec = launch(embedder, Plan(8192, 1), LlamaCppSettings(llama_server="llama-server"), 4711, "key").spec
    argv = json.loads(spec.stdin)["argv"]
    assert argv[-4:] == ["--batch-size", "8192", "--ubatch-size", "8192"]
    assert "--pooling" not in argv
    assert spec.environment["LLAMA_ARG_EMBEDDINGS"] == "1"


# What the stand-in was asked is JSON.
class StandIn:
    """Answers as llama.cpp does, the last input first; as many vectors too few as it is told."""

    def __init__(self, missing: int = 0, status: int = 200) -> None:
        self.calls: list[int] = []
        self._missing = missing
        self._status = status

    async def answer(self, request: Request) -> Response:
        body = await request.json()
        assert body["encoding_format"] == "base64"
        if self._status != 200:
            return JSONResponse({"error": {"code": self._status, "message": "empty"}}, self._status)
        inputs = body["input"][self._missing :]
        self.calls.append(len(inputs))
        data = [{"index": index, "embedding": vector(len(each))} for index, each in enumerate(inputs)]
        return JSONResponse({"data": data[::-1], "usage": {"prompt_tokens": sum(map(len, inputs))}})


def vector(number: float) -> str:
    return base64.b64encode(struct.pack("=2f", number, -0.5)).decode()


@asynccontextmanager
async def engine_for(stand_in: StandIn) -> AsyncIterator[LlamaCppEngine]:
    async with listening(Starlette(routes=[Route("/v1/embeddings", stand_in.answer, methods=["POST"])])) as url:
        engine = LlamaCppEngine(worker_wire(int(url.rpartition(":")[2]), "key"), Plan(512, 1))
        try:
            yield engine
        finally:
            await engine.aclose()


async def test_vectors_come_in_the_order_of_the_inputs() -> None:
    async with engine_for(StandIn()) as engine:
        embeddings = await engine.embed(["abc", [7, 8]])
    assert embeddings.vectors == [[3.0, -0.5], [2.0, -0.5]]
    assert embeddings.tokens == 5


async def test_a_large_batch_is_sent_in_few_calls() -> None:
    stand_in = StandIn()
    async with engine_for(stand_in) as engine:
        embeddings = await engine.embed(["a" * length for length in range(1, 101)])
    assert stand_in.calls == [64, 36]
    assert [first for first, _ in embeddings.vectors] == [float(length) for length in range(1, 101)]
    assert embeddings.tokens == 5050


async def test_too_few_vectors_are_a_failure() -> None:
    async with engine_for(StandIn(missing=1)) as engine:
        with pytest.raises(EngineFailed, match="1 embeddings of 2 inputs"):
            await engine.embed(["a", "b"])


async def test_a_refusal_keeps_its_status() -> None:
    async with engine_for(StandIn(status=400)) as engine:
        with pytest.raises(EngineFailed) as caught:
            await engine.embed([""])
    assert (caught.value.message, caught.value.status) == ("empty", 400)
