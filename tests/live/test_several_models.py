"""SmolLM2, Qwen and Gemma in one server; and what Gemma 3 270M, which was never taught to chat, can do."""

import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import ollama
import pytest

from arriero.store.blobs import Blobs, hash_file
from arriero.store.holds import Holds
from arriero.store.install import Parts, install
from arriero.store.layout import Store
from arriero.types.names import parse_name
from tests.live.homes import copy_home
from tests.live.launching import MODEL, PARIS, Server, launched
from tests.live.models import gemma, qwen

pytestmark = [pytest.mark.live, pytest.mark.models]

GEMMA, QWEN = "gemma3:270m", "qwen2.5-coder:0.5b"
OPTIONS = {"temperature": 0, "num_predict": 12, "num_ctx": 2048}


@pytest.fixture(scope="module")
def server(model_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with all three in its store."""
    home = copy_home(model_home, tmp_path_factory.mktemp("several"))
    store = Store(home / "models")
    for name, path in ((GEMMA, gemma()), (QWEN, qwen())):
        blob = hash_file(path)
        Blobs(store.blobs).path(blob.digest).symlink_to(path)
        install(store, parse_name(name), Parts(blob), Holds())
    with launched(home, "serve", module=("arriero",)) as running:
        yield running


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[ollama.Client]:
    with ollama.Client(server.url, timeout=300) as client:
        yield client


def likeness(one: Sequence[float], other: Sequence[float]) -> float:
    """The cosine of the angle between two vectors of length one."""
    return sum(first * second for first, second in zip(one, other, strict=True))


def test_gemma_is_shown(client: ollama.Client) -> None:
    shown = client.show(GEMMA)
    assert shown.details
    assert shown.modelinfo
    assert (shown.details.family, shown.details.quantization_level) == ("gemma3", "Q4_K_M")
    assert shown.details.parameter_size == "268.10M"
    assert shown.modelinfo["gemma3.embedding_length"] == 640
    assert shown.capabilities
    assert "completion" in shown.capabilities


def test_gemma_goes_on_with_a_text(client: ollama.Client) -> None:
    days = "Monday, Tuesday, Wednesday,"
    answer = client.generate(GEMMA, days, raw=True, options=OPTIONS)
    assert (answer.response or "").startswith(" Thursday, Friday")
    assert answer.prompt_eval_count == 7  # with the one that begins every text
    parts = client.generate(GEMMA, days, raw=True, stream=True, options=OPTIONS)
    assert "".join(part.response or "" for part in parts) == answer.response
    # There is no template: what is not raw is the same, and can be gone on with.
    plain = client.generate(GEMMA, days, options=OPTIONS)
    assert plain.response == answer.response
    again = client.generate(GEMMA, " and so on,", context=plain.context, options=OPTIONS)
    assert again.prompt_eval_count == len(plain.context or ()) + 4


def test_gemma_embeds_by_the_mean_of_its_tokens(client: ollama.Client) -> None:
    texts = ["a cat sleeps on the sofa", "a kitten naps on the couch", "the central bank raised its interest rates"]
    answer = client.embed(GEMMA, texts, options={"num_ctx": 2048})
    cat, kitten, bank = answer.embeddings
    assert all(len(vector) == 640 and math.isclose(math.hypot(*vector), 1, abs_tol=1e-5) for vector in (cat, bank))
    assert likeness(cat, kitten) > likeness(cat, bank)
    [short] = client.embed(GEMMA, texts[0], dimensions=64).embeddings
    assert len(short) == 64
    assert math.isclose(math.hypot(*short), 1, abs_tol=1e-5)


def test_all_are_loaded_together_and_told(client: ollama.Client, server: Server) -> None:
    def ask(name: str) -> str:
        return client.generate(name, PARIS, keep_alive="10m", options=OPTIONS).response or ""

    with ThreadPoolExecutor(6) as clients:
        answers = list(clients.map(ask, [MODEL, QWEN, GEMMA] * 2))
    assert all(answers)
    assert "Paris" in answers[0]
    assert "Paris" in answers[1]
    models = {model.name: model for model in client.ps().models}
    assert models.keys() == {MODEL, QWEN, GEMMA}
    assert len(server.workers()) == 3
    listed = {model.model: model for model in client.list().models}
    for name, model in models.items():
        assert model.digest == listed[name].digest
        assert model.details == listed[name].details
        assert model.context_length
        assert model.context_length >= OPTIONS["num_ctx"]
        # Weights are mapped, and all of them have been read.
        assert (model.size or 0) > 0.8 * (listed[name].size or 0)
        assert model.size_vram == 0
        assert model.expires_at
    minutes = [(model.expires_at - datetime.now(UTC)).total_seconds() / 60 for model in models.values()]  # type: ignore[operator]  # asserted above
    assert all(9 < each <= 10 for each in minutes)


def test_each_can_be_unloaded_alone(client: ollama.Client, server: Server) -> None:
    for name in (MODEL, QWEN, GEMMA):
        client.generate(name, "", keep_alive="10m")
    assert client.generate(QWEN, "", keep_alive=0).done_reason == "unload"
    assert {model.name for model in client.ps().models} == {MODEL, GEMMA}
    assert "Paris" in (client.generate(QWEN, PARIS, options=OPTIONS).response or "")
    assert len(server.workers()) == 3
