import json
from pathlib import Path

import pytest

from arriero.store.blobs import Blob, Blobs
from arriero.store.gguf import InvalidGguf
from arriero.store.holds import Holds
from arriero.store.install import Parts, install
from arriero.store.layout import Store
from arriero.store.manifest import read_manifest
from arriero.types.names import parse_name
from tests.factories_store import stored, tiny_gguf


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "models")


def add(store: Store, path: Path) -> Blob:
    return Blobs(store.blobs).adopt(tiny_gguf(path, {"general.file_type": 15}))


def test_writes_what_ollama_would_write(store: Store, tmp_path: Path) -> None:
    weights = add(store, tmp_path / "m.gguf")
    path = install(store, parse_name("mike/foo:v1"), Parts(weights, ("MIT", "and more")), Holds())
    assert path == store.manifests / "registry.ollama.ai" / "mike" / "foo" / "v1"
    manifest = json.loads(path.read_bytes())
    assert list(manifest) == ["schemaVersion", "mediaType", "config", "layers"]
    assert [layer["mediaType"].rpartition(".")[2] for layer in manifest["layers"]] == ["model", "license", "license"]
    assert manifest["layers"][0] == {
        "mediaType": "application/vnd.ollama.image.model",
        "digest": weights.digest,
        "size": weights.size_bytes,
    }
    config = Blobs(store.blobs).read(manifest["config"]["digest"])
    assert json.loads(config) == {
        "model_format": "gguf",
        "model_family": "llama",
        "model_families": ["llama"],
        "model_type": "256",
        "file_type": "Q4_K_M",
        "architecture": "amd64",
        "os": "linux",
    }
    assert manifest["config"]["size"] == len(config)


def test_a_name_in_another_case_is_replaced_under_its_own(store: Store) -> None:
    first = stored(store, "Foo:V1")
    before = read_manifest(first).digest
    assert stored(store, "foo:v1", {"general.file_type": 2}) == first
    assert read_manifest(first).digest != before
    assert [path.name for path in first.parent.iterdir()] == ["V1"]


def test_weights_that_are_no_model_get_no_manifest(store: Store) -> None:
    weights = Blobs(store.blobs).add_bytes(b"no weights at all, only some text")
    with pytest.raises(InvalidGguf):
        install(store, parse_name("foo"), Parts(weights), Holds())
    assert not store.manifests.exists()
