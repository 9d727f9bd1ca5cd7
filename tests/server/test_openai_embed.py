"""Embeddings and sound, with OpenAI's own client."""

import base64
import json
import math
from collections.abc import AsyncIterator
from pathlib import Path

import openai
import pytest

from arriero.engines.fake import FakeEngine
from tests.contract.models import store_golden_models
from tests.server.openai_clients import openai_client


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine(input_limit=128)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return store_golden_models(tmp_path_factory.mktemp("openai"))


@pytest.fixture
async def client(root: Path, engine: FakeEngine) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai_client(root, {"emb:latest": engine}) as client:
        yield client


async def test_texts_become_unit_vectors(client: openai.AsyncOpenAI, engine: FakeEngine) -> None:
    # The client asks for base64 where it is not told otherwise.
    answer = await client.embeddings.create(model="emb", input=["a", "b c"])
    assert [math.isclose(math.hypot(*each.embedding), 1.0, abs_tol=1e-6) for each in answer.data] == [True, True]
    assert [each.index for each in answer.data] == [0, 1]
    assert (answer.model, answer.usage.prompt_tokens, answer.usage.total_tokens) == ("emb", 7, 7)
    assert engine.embedded == [["a", "b c"]]


async def test_numbers_and_base64_are_the_same_vector(client: openai.AsyncOpenAI) -> None:
    plain = await client.embeddings.create(model="emb", input="a", encoding_format="float", dimensions=4)
    packed = await client.embeddings.with_raw_response.create(
        model="emb", input="a", encoding_format="base64", dimensions=4
    )
    assert len(base64.b64decode(json.loads(packed.text)["data"][0]["embedding"])) == 4 * 4
    unpacked = (await client.embeddings.create(model="emb", input="a", dimensions=4)).data[0].embedding
    assert unpacked == pytest.approx(plain.data[0].embedding)
    assert len(unpacked) == 4


async def test_an_empty_text_is_embedded(client: openai.AsyncOpenAI) -> None:
    assert len((await client.embeddings.create(model="emb", input="")).data) == 1


async def test_a_text_that_is_too_long_is_cut_and_told(client: openai.AsyncOpenAI) -> None:
    answer = await client.embeddings.with_raw_response.create(
        model="emb", input=["a", "word " * 50], extra_body={"num_ctx": 10}
    )
    assert answer.headers["x-arriero-truncated"] == "inputs=1, num_ctx=10"


async def test_tokens_are_refused(client: openai.AsyncOpenAI, engine: FakeEngine) -> None:
    with pytest.raises(openai.BadRequestError, match="invalid input type: send text, not tokens"):
        await client.embeddings.create(model="emb", input=[[1, 2], [3]])
    assert engine.embedded == []


@pytest.mark.parametrize(
    ("model", "message"), [("", "model '' not found"), ("nope", 'model "nope" not found, try pulling it first')]
)
async def test_an_unknown_model_is_not_found(client: openai.AsyncOpenAI, model: str, message: str) -> None:
    with pytest.raises(openai.NotFoundError, match=message):
        await client.embeddings.create(model=model, input="a")


@pytest.mark.parametrize(
    ("model", "sound", "message"),
    [
        ("gen", b"RIFF", '"gen" does not support transcription'),
        ("gen", b"", "audio file is empty"),
        (" ", b"RIFF", "model is required"),
    ],
)
async def test_sound_is_refused(client: openai.AsyncOpenAI, model: str, sound: bytes, message: str) -> None:
    with pytest.raises(openai.BadRequestError, match=message):
        await client.audio.transcriptions.create(model=model, file=("a.wav", sound))
