"""Models made over the API, loaded by the real engine."""

import hashlib
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from gguf import GGUFWriter

from arriero.store.layout import layout_from
from arriero.store.library import Library
from tests.live.launching import MODEL, PARIS, launched

pytestmark = pytest.mark.live

ANSWER = "The capital of France is Paris."
EMBEDDING_LENGTH = 576


def noisy_adapter(path: Path) -> Path:
    """Write a LoRA adapter for SmolLM2-135M that makes it talk nonsense."""
    numbers = np.random.default_rng(1)
    writer = GGUFWriter(path, "llama")
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", 8.0)
    for block in range(30):
        for half, shape in (("a", (4, EMBEDDING_LENGTH)), ("b", (EMBEDDING_LENGTH, 4))):
            writer.add_tensor(f"blk.{block}.attn_q.weight.lora_{half}", numbers.normal(size=shape).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_an_adapter_is_applied_to_the_model_that_has_it_and_to_no_other(model_home: Path, tmp_path: Path) -> None:
    weights = Library(layout_from({"ARRIERO_HOME": str(model_home)})).find(MODEL).path
    content = noisy_adapter(tmp_path / "a.gguf").read_bytes()
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    with launched(tmp_path, "serve", "--model", str(weights), module=("arriero",)) as server:
        with urllib.request.urlopen(f"{server.url}/api/blobs/{digest}", content) as response:
            assert response.status == 201
        plain = {"model": "plain", "from": weights.name, "parameters": {"temperature": 0}, "stream": False}
        noisy = {"model": "noisy", "from": "plain", "adapters": {"a.gguf": digest}, "stream": False}
        for body in (plain, noisy):
            assert server.post("/api/create", body) == {"status": "success"}
        answers = {
            name: server.post(
                "/api/generate", {"model": name, "prompt": PARIS, "stream": False, "options": {"num_predict": 12}}
            )["response"]
            for name in ("plain", "noisy")
        }
    assert answers["plain"] == ANSWER
    assert answers["noisy"] != ANSWER
