from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from arriero.errors import CloudDisabled, LoadFailed
from arriero.store.blobs import Blobs
from arriero.store.describe import can_see
from arriero.store.gguf import read_gguf
from arriero.store.layout import Store
from arriero.store.manifest import LAYER_PREFIX, Layer, Manifest, read_manifest
from arriero.store.records import record_of_file, record_of_manifest, with_chat_template
from arriero.types.chat import Message
from arriero.types.models import ModelRecord
from tests.factories_store import JINJA, stored, tiny_gguf


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "models")


def edited(store: Store, path: Path, *layers: tuple[str, bytes], config: bytes | None = None) -> ModelRecord:
    """Add layers to a stored model, or give it another config, and read it."""
    blobs = Blobs(store.blobs)
    manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
    for kind, content in layers:
        blob = blobs.add_bytes(content)
        layer = Layer(media_type=f"{LAYER_PREFIX}{kind}", digest=blob.digest, size=blob.size_bytes)
        manifest = msgspec.structs.replace(manifest, layers=(*manifest.layers, layer))
    if config is not None:
        blob = blobs.add_bytes(config)
        described = msgspec.structs.replace(manifest.config, digest=blob.digest, size=blob.size_bytes)
        manifest = msgspec.structs.replace(manifest, config=described)
    path.write_bytes(msgspec.json.encode(manifest))
    return record_of_manifest(store, read_manifest(path))


def test_a_bare_file(tmp_path: Path) -> None:
    path = tiny_gguf(tmp_path / "m.gguf")
    record = record_of_file(path, "my name")
    assert (record.name, record.path, record.digest) == ("my name", path, "")
    assert record.size_bytes == path.stat().st_size
    assert record.modified_at == datetime.fromtimestamp(path.stat().st_mtime, UTC)
    assert record.details.family == "llama"
    assert record.architecture.trained_context == 128
    assert record.capabilities == ("completion",)
    assert record.template == JINJA


def test_a_stored_model(store: Store) -> None:
    path = stored(store, "foo")
    manifest = read_manifest(path)
    record = record_of_manifest(store, manifest)
    assert record.name == "foo:latest"
    assert record.path == Blobs(store.blobs).path(manifest.manifest.layers[0].digest)
    assert record.digest == manifest.digest
    assert record.size_bytes == manifest.manifest.config.size + record.path.stat().st_size
    assert record.details.quantization_level == "F32"
    assert record.template == JINJA


def test_layers_say_how_to_use_the_model(store: Store) -> None:
    record = edited(
        store,
        stored(store, "foo"),
        ("template", b"{{ .Prompt }}"),
        ("system", b"Be brief."),
        ("params", b'{"stop":["<|end|>"],"temperature":0.5}'),
        ("messages", b'[{"role":"user","content":"hi"},{"role":"assistant","content":"hello"}]'),
        ("license", b"MIT"),
        ("license", b"and more"),
    )
    assert record.template == "{{ .Prompt }}"
    assert record.system == "Be brief."
    assert record.parameters == {"stop": ["<|end|>"], "temperature": 0.5}
    assert record.messages == (Message("user", "hi"), Message("assistant", "hello"))
    assert record.licenses == ("MIT", "and more")


def test_the_config_says_more_than_the_file(store: Store) -> None:
    config = b'{"model_format":"gguf","model_type":"7B","file_type":"unknown","capabilities":["thinking","magic"]}'
    record = edited(store, stored(store, "foo"), config=config)
    assert (record.details.parameter_size, record.details.quantization_level) == ("7B", "F32")
    assert record.details.families == ("llama",)
    assert record.capabilities == ("thinking", "completion")


def test_a_model_made_from_another_names_it(store: Store) -> None:
    path = stored(store, "foo")
    path.write_bytes(path.read_bytes().replace(b'"size"', b'"from":"base:1","size"'))
    assert record_of_manifest(store, read_manifest(path)).details.parent_model == "base:1"


def test_a_cloud_model_is_refused(store: Store) -> None:
    with pytest.raises(CloudDisabled):
        edited(store, stored(store, "foo"), config=b'{"remote_host":"ollama.com","remote_model":"x"}')


def test_a_damaged_part_is_named(store: Store) -> None:
    with pytest.raises(LoadFailed, match="is damaged"):
        edited(store, stored(store, "deep"), ("params", b'{"stop":' + b"[" * 5000 + b"]" * 5000 + b"}"))
    with pytest.raises(LoadFailed, match="is damaged"):
        edited(store, stored(store, "foo"), ("params", b"{"))


def test_projector_and_adapters_are_told(store: Store, tmp_path: Path) -> None:
    projector = tiny_gguf(tmp_path / "p.gguf", {"clip.has_vision_encoder": True}, architecture="clip").read_bytes()
    record = edited(store, stored(store, "foo"), ("projector", projector), ("adapter", b"one"), ("adapter", b"two"))
    assert record.projector is not None
    assert record.projector.read_bytes() == projector
    assert [path.read_bytes() for path in record.adapters] == [b"one", b"two"]
    assert record.capabilities == ("completion", "vision")


@pytest.mark.parametrize(
    ("metadata", "sees"),
    [({"clip.has_vision_encoder": True}, True), ({"clip.has_vision_encoder": False}, False), ({}, True)],
)
def test_a_projector_may_be_for_sound_only(tmp_path: Path, metadata: dict[str, bool], sees: bool) -> None:
    assert can_see(read_gguf(tiny_gguf(tmp_path / "p.gguf", {**metadata}, architecture="clip"))) is sees


def test_what_ollama_needs_is_told(store: Store) -> None:
    record = edited(store, stored(store, "foo"), config=b'{"renderer":"qwen3","parser":"p","requires":"0.14.0"}')
    assert (record.renderer, record.parser, record.requires) == ("qwen3", "p", "0.14.0")


def test_a_model_without_gguf_weights_is_refused(store: Store) -> None:
    path = stored(store, "foo")
    path.write_bytes(path.read_bytes().replace(b"image.model", b"image.tensor"))
    with pytest.raises(LoadFailed, match="no GGUF weights"):
        record_of_manifest(store, read_manifest(path))


def test_a_model_whose_weights_are_gone_is_refused(store: Store) -> None:
    path = stored(store, "foo")
    record_of_manifest(store, read_manifest(path)).path.unlink()
    with pytest.raises(LoadFailed, match="cannot be read"):
        record_of_manifest(store, read_manifest(path))


def test_another_chat_template_has_abilities_of_its_own(tmp_path: Path) -> None:
    plain = record_of_file(tiny_gguf(tmp_path / "m.gguf", {"tokenizer.chat_template": "<think></think>"}), "m")
    assert plain.capabilities == ("thinking", "completion")
    other = with_chat_template(plain, "{{ tools }}{{ messages }}")
    assert (other.capabilities, other.template) == (("tools", "completion"), "{{ tools }}{{ messages }}")
    assert other.chat_template == other.template
