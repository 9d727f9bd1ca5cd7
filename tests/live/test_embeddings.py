"""Embeddings of the real engine: of a model made for them, and of one that writes text."""

import json
import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest

from tests.live.launching import MODEL, PARIS, Server, launched
from tests.live.minilm import minilm

pytestmark = pytest.mark.live

MINILM = "all-minilm"
SKY = "why is the sky blue?"
# What Ollama answers with all-minilm, as its own tests have it.
SKY_OF_OLLAMA = [
    0.010071029,
    -0.0017594862,
    0.05007221,
    0.04692972,
    0.054916814,
    0.008599704,
    0.105441414,
    -0.025878139,
    0.12958129,
    0.031952348,
]
# By the same weights under PyTorch.
REFERENCES = json.loads((Path(__file__).parent / "minilm_vectors.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def embedder(model_home: Path) -> Iterator[Server]:
    """A server with all-MiniLM-L6-v2."""
    with launched(
        model_home, "--model", str(minilm(model_home / "embedders")), "--served-model-name", MINILM
    ) as running:
        yield running


# An answer is any JSON.
def embed(server: Server, model: str, texts: str | list[str], **fields: Any) -> dict[str, Any]:
    answer: dict[str, Any] = server.post("/api/embed", {"model": model, "input": texts, **fields})
    return answer


def refusal(server: Server, path: str, body: dict[str, Any]) -> tuple[int, str]:
    with pytest.raises(HTTPError) as error:
        server.post(path, body)
    with error.value as answer:
        return answer.code, json.load(answer)["error"]


def likeness(one: Sequence[float], other: Sequence[float]) -> float:
    """The cosine of the angle between two vectors."""
    product = sum(first * second for first, second in zip(one, other, strict=True))
    return product / math.hypot(*one) / math.hypot(*other)


def test_vectors_are_those_of_ollama(embedder: Server) -> None:
    answer = embed(embedder, MINILM, SKY)

    assert answer["embeddings"][0][:10] == pytest.approx(SKY_OF_OLLAMA, abs=1e-4)
    assert len(answer["embeddings"][0]) == 384
    assert answer["prompt_eval_count"] == 8


def test_a_batch_is_what_pytorch_makes_of_it(embedder: Server) -> None:
    answer = embed(embedder, MINILM, [reference["text"] for reference in REFERENCES])

    for reference, vector in zip(REFERENCES, answer["embeddings"], strict=True):
        assert likeness(vector, reference["vector"]) > 0.999, reference["text"]
        assert math.hypot(*vector) == pytest.approx(1.0, abs=1e-6)
    assert answer["prompt_eval_count"] == sum(reference["tokens"] for reference in REFERENCES)


def test_a_large_batch_keeps_its_order(embedder: Server) -> None:
    texts = [f"number {number}" for number in range(100)]

    answer = embed(embedder, MINILM, texts)

    for at in (0, 63, 64, 99):
        assert answer["embeddings"][at] == pytest.approx(embed(embedder, MINILM, texts[at])["embeddings"][0], abs=1e-3)


def test_the_older_route_gives_the_same_vector(embedder: Server) -> None:
    answer = embedder.post("/api/embeddings", {"model": MINILM, "prompt": SKY})

    assert answer.keys() == {"embedding"}
    assert answer["embedding"] == pytest.approx(embed(embedder, MINILM, SKY)["embeddings"][0], abs=1e-6)


def test_the_whole_context_of_an_encoder_can_be_used(embedder: Server) -> None:
    answer = embed(embedder, MINILM, "word " * 510)

    assert answer["prompt_eval_count"] == 512
    assert "truncated" not in answer


def test_a_longer_text_is_cut_and_that_is_told(embedder: Server) -> None:
    long = "word " * 2000
    with embedder.open("/api/embed", {"model": MINILM, "input": [SKY, long]}) as response:
        headers, answer = response.headers, json.load(response)

    assert answer["truncated"] == {"inputs": [1], "num_ctx": 512}
    assert headers["x-arriero-truncated"] == "inputs=1, num_ctx=512"
    assert answer["prompt_eval_count"] == 8 + 512
    assert answer["embeddings"][1] == pytest.approx(embed(embedder, MINILM, "word " * 510)["embeddings"][0], abs=1e-6)


def test_a_small_context_leaves_the_first_words(embedder: Server) -> None:
    cut = embed(embedder, MINILM, SKY, options={"num_ctx": 3})

    assert cut["embeddings"][0] == pytest.approx(embed(embedder, MINILM, "why")["embeddings"][0], abs=1e-6)


@pytest.mark.parametrize(
    ("num_ctx", "truncate", "told"),
    [
        (3, False, "the input length exceeds the context length"),
        (1, True, "input after truncation exceeds maximum context length"),
        (0, True, "input exceeds maximum context length and cannot be truncated further"),
    ],
)
def test_a_context_that_is_too_small_is_told(embedder: Server, num_ctx: int, told: str, *, truncate: bool) -> None:
    body = {"model": MINILM, "input": SKY, "truncate": truncate, "options": {"num_ctx": num_ctx}}

    assert refusal(embedder, "/api/embed", body) == (400, told)


def test_an_embedding_model_does_not_chat(embedder: Server) -> None:
    status, _ = refusal(embedder, "/api/chat", {"model": MINILM, "messages": [{"role": "user", "content": "hi"}]})

    assert status == 400


def test_a_text_model_embeds_while_it_chats(server: Server) -> None:
    def chat(_: int) -> str:
        body = {"model": MODEL, "messages": [{"role": "user", "content": PARIS}], "options": {"temperature": 0}}
        return str(server.post("/api/chat", {**body, "stream": False})["message"]["content"])

    texts = ["a cat sleeps on the sofa", "a kitten naps on the couch", "the central bank raised its interest rates"]
    alone = embed(server, MODEL, texts)["embeddings"]
    with ThreadPoolExecutor(6) as clients:
        chats = clients.map(chat, range(2))
        together = list(clients.map(lambda _: embed(server, MODEL, texts)["embeddings"], range(3)))

    assert set(chats) == {"The capital of France is Paris."}
    for vectors in together:
        assert all(likeness(*pair) > 0.9999 for pair in zip(vectors, alone, strict=True))
    assert all(math.hypot(*vector) == pytest.approx(1.0, abs=1e-6) for vector in alone)
    assert likeness(alone[0], alone[1]) > likeness(alone[0], alone[2])
    assert len(server.workers()) == 1


def test_a_text_model_embeds_as_much_as_a_batch(server: Server) -> None:
    answer = embed(server, MODEL, "one two three four five " * 120)

    assert 512 < answer["prompt_eval_count"] < 1024
    assert "truncated" not in answer


def test_a_text_without_tokens_is_refused(server: Server) -> None:
    status, _ = refusal(server, "/api/embed", {"model": MODEL, "input": ["hello", ""]})

    assert status == 400
