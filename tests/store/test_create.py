from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from arriero.errors import CloudDisabled, InvalidRequest, LoadFailed, ModelNotFound
from arriero.store.blobs import MAX_READ_BYTES, Blobs
from arriero.store.editor import Editor
from arriero.store.holds import Holds
from arriero.store.layout import Layout, Store
from arriero.store.library import Library, Pinned
from arriero.store.manifest import Manifest, find_manifest, read_manifest
from arriero.store.progress import Progress
from arriero.store.recipe import Overrides, Recipe
from arriero.store.records import StoredMessage, record_of_file
from arriero.types.chat import Message
from arriero.types.models import ModelRecord
from arriero.types.names import parse_name
from tests.factories_store import Value, stored, tiny_gguf, tiny_layout

NEW = parse_name("new")


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return tiny_layout(tmp_path)


def make(layout: Layout, **parts: Any) -> ModelRecord:  # fields of Recipe
    Editor(Library(layout), Holds()).create(Recipe(NEW, **parts))
    return Library(layout).find("new")


def manifest(layout: Layout, name: str) -> Manifest:
    path = find_manifest(layout.own, parse_name(name))
    assert path is not None
    return read_manifest(path).manifest


def sent(layout: Layout, content: bytes) -> str:
    """Send a content to the store, and return its digest."""
    return Blobs(layout.own.blobs).add_bytes(content).digest


def sent_gguf(layout: Layout, path: Path, architecture: str = "llama", **metadata: Value) -> str:
    values = {key.replace("_", "."): value for key, value in metadata.items()}
    return sent(layout, tiny_gguf(path, values, architecture=architecture).read_bytes())


def test_the_bases_layers_are_reused_and_say_where_they_come_from(layout: Layout) -> None:
    stored(layout.own, "base")
    record = make(layout, base="base", system="S", template="T", messages=(StoredMessage("user", "hi"),))
    assert (record.system, record.template, record.messages) == ("S", "T", (Message("user", "hi"),))
    assert record.details.parent_model == "base:latest"
    assert record.path == Library(layout).find("base").path
    assert [layer.kind for layer in manifest(layout, "new").layers] == ["model", "template", "system", "messages"]


def test_parameters_are_merged_and_texts_replaced_and_licences_added(layout: Layout) -> None:
    stored(layout.own, "base")
    make(layout, base="base", parameters={"temperature": 0.5, "top_k": 1}, system="old", licenses=("MIT",))
    record = make(layout, base="new", parameters={"top_k": 2, "stop": ["a"]}, system="S", licenses=("MIT", "and more"))
    assert record.parameters == {"stop": ["a"], "temperature": 0.5, "top_k": 2}
    assert (record.system, record.licenses) == ("S", ("MIT", "and more"))


def test_the_config_is_the_bases_but_for_what_is_stated(layout: Layout) -> None:
    stored(layout.own, "base")
    make(layout, base="base", renderer="r", requires="0.14.0", info=Overrides(capabilities=("thinking",)))
    record = make(layout, base="new", parser="p", info=Overrides(parameter_size="7B", quantization_level="Q4_0"))
    assert (record.renderer, record.parser, record.requires) == ("r", "p", "0.14.0")
    assert (record.details.parameter_size, record.details.quantization_level) == ("7B", "Q4_0")
    assert record.capabilities == ("thinking", "completion")


def test_what_only_the_model_before_needed_is_removed(layout: Layout) -> None:
    stored(layout.own, "base")
    make(layout, base="base", system="old")
    old = {layer.digest for layer in manifest(layout, "new").layers if layer.kind == "system"}.pop()
    make(layout, base="base", system="new")
    assert not Blobs(layout.own.blobs).path(old).exists()
    assert Library(layout).find("base").path.exists()


def test_what_happens_is_told(layout: Layout, tmp_path: Path) -> None:
    digest = sent_gguf(layout, tmp_path / "m")
    told: list[Progress] = []
    Editor(Library(layout), Holds()).create(Recipe(NEW, files={"m.gguf": digest}, system="S"), told.append)
    statuses = [step.status.partition(" sha256:")[0] for step in told]
    assert statuses == ["parsing GGUF", "creating new layer", "creating new layer", "writing manifest"]


def test_a_model_of_files_has_its_projector_and_its_adapter(layout: Layout, tmp_path: Path) -> None:
    record = make(
        layout,
        files={"m.gguf": sent_gguf(layout, tmp_path / "m"), "p.gguf": sent_gguf(layout, tmp_path / "p", "clip")},
        adapters={"a.gguf": sent_gguf(layout, tmp_path / "a", general_type="adapter")},
        quantize="F32",
    )
    assert record.projector is not None
    assert len(record.adapters) == 1
    assert record.details.families == ("llama", "clip")
    assert record.details.parent_model == ""
    assert record.capabilities == ("completion", "vision")


def test_a_projector_can_be_added_to_a_model(layout: Layout, tmp_path: Path) -> None:
    stored(layout.own, "base")
    assert make(layout, base="base", files={"p": sent_gguf(layout, tmp_path / "p", "clip")}).projector is not None


def test_a_base_may_lie_in_a_store_that_is_only_read(layout: Layout, tmp_path: Path) -> None:
    other = Store(tmp_path / "other")
    stored(other, "base")
    make(replace(layout, borrowed=(other,)), base="base", system="S")
    record = Library(layout).find("new")
    assert record.path.is_relative_to(layout.own.root)
    assert record.details.parent_model == "base:latest"


def test_a_base_may_be_a_bare_file(layout: Layout, tmp_path: Path) -> None:
    bare = Pinned(record_of_file(tiny_gguf(tmp_path / "my.gguf"), "my"), ("my", "My Model"))
    Editor(Library(layout, [bare]), Holds()).create(Recipe(NEW, base="my", system="S"))
    assert Library(layout).find("new").details.parent_model == "my:latest"
    Editor(Library(layout, [bare]), Holds()).create(Recipe(NEW, base="My Model", system="S"))
    assert Library(layout).find("new").details.parent_model == ""


def refused(layout: Layout, **parts: Any) -> str:  # fields of Recipe
    with pytest.raises(InvalidRequest) as raised:
        make(layout, **parts)
    assert find_manifest(layout.own, NEW) is None
    return raised.value.message


def test_what_makes_no_model_is_refused(layout: Layout, tmp_path: Path) -> None:
    stored(layout.own, "base")
    gguf, clip = sent_gguf(layout, tmp_path / "m"), sent_gguf(layout, tmp_path / "p", "clip")
    assert refused(layout, files={"a": gguf, "b": sent_gguf(layout, tmp_path / "n", general_name="n")}).endswith(
        "(a, b)"
    )
    assert "name a model in from" in refused(layout, files={"p": clip})
    assert "choose one" in refused(layout, base="base", files={"m": gguf})
    assert "llama-quantize in.gguf out.gguf Q8_0" in refused(layout, base="base", quantize="Q8_0")
    assert refused(layout, files={"m.gguf": sent(layout, b"text")}) == "supplied file was not in GGUF format"
    assert "send it to POST /api/blobs/sha256:0" in refused(layout, files={"m": f"sha256:{'0' * 64}"})


def test_a_text_that_could_not_be_read_back_is_refused(layout: Layout) -> None:
    stored(layout.own, "base")
    reason = refused(layout, base="base", system="x" * (MAX_READ_BYTES + 1))
    assert reason == "system is larger than 16 MiB: make it shorter"


def test_of_what_is_refused_nothing_stays(layout: Layout, tmp_path: Path) -> None:
    bare = Pinned(record_of_file(tiny_gguf(tmp_path / "my.gguf"), "my"), ("my",))
    with pytest.raises(InvalidRequest):
        Editor(Library(layout, [bare]), Holds()).create(Recipe(NEW, base="my", quantize="Q8_0", system="S"))
    assert list(layout.own.blobs.iterdir()) == []


def test_an_adapter_for_another_kind_of_model_is_refused(layout: Layout, tmp_path: Path) -> None:
    stored(layout.own, "base")
    adapter = sent_gguf(layout, tmp_path / "a", "qwen2", general_type="adapter")
    assert "architecture qwen2, and this is one of llama" in refused(layout, base="base", adapters={"a": adapter})


def test_a_base_must_be_whole(layout: Layout) -> None:
    with pytest.raises(ModelNotFound):
        make(layout, base="base")
    path = stored(layout.own, "base")
    Blobs(layout.own.blobs).path(manifest(layout, "base").layers[0].digest).unlink()
    assert "pull the base again" in refused(layout, base="base")
    path.write_bytes(b"{")
    with pytest.raises(LoadFailed):
        make(layout, base="base")


def test_a_base_in_the_cloud_is_refused(layout: Layout) -> None:
    path = stored(layout.own, "base")
    config = sent(layout, b'{"remote_host":"ollama.com","remote_model":"x"}')
    path.write_bytes(path.read_bytes().replace(manifest(layout, "base").config.digest.encode(), config.encode()))
    with pytest.raises(CloudDisabled):
        make(layout, base="base")
