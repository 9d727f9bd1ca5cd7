from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from arriero.errors import ArrieroError, InvalidRequest, LoadFailed, ModelNotFound, StoreReadOnly
from arriero.store.blobs import Blobs
from arriero.store.editor import Editor
from arriero.store.holds import Holds
from arriero.store.layout import Layout, Store
from arriero.store.library import Library, Pinned
from arriero.store.manifest import find_manifest, manifest_path, read_manifest
from arriero.store.records import record_of_file, record_of_manifest
from arriero.types.names import ModelName, parse_name
from tests.factories_store import stored, tiny_gguf, tiny_layout


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return tiny_layout(tmp_path)


def editor(layout: Layout, **settings: Any) -> Editor:  # as the constructor takes them
    return Editor(Library(layout), Holds(), **settings)


def name(text: str) -> ModelName:
    return parse_name(text)


def names(library: Library) -> list[str]:
    return sorted(record.name for record in library.records())


def blob_names(layout: Layout) -> set[str]:
    return {path.name for path in layout.own.blobs.iterdir()}


def with_bare_file(layout: Layout, tmp_path: Path) -> Library:
    return Library(layout, [Pinned(record_of_file(tiny_gguf(tmp_path / "my.gguf"), "my"), ("my", "My Model"))])


def with_pinned(layout: Layout, stored_name: str, *pinned: str) -> Library:
    record = record_of_manifest(layout.own, read_manifest(stored(layout.own, stored_name)))
    return Library(layout, [Pinned(record, pinned)])


def test_a_copy_is_the_same_manifest(layout: Layout) -> None:
    path = stored(layout.own, "foo")
    editor(layout).copy("FOO", name("bar"))
    copied = find_manifest(layout.own, name("bar"))
    assert copied is not None
    assert copied.read_bytes() == path.read_bytes()


def test_a_copy_takes_the_place_of_what_it_finds_there_in_any_case(layout: Layout) -> None:
    stored(layout.own, "foo")
    needed = blob_names(layout)
    stored(layout.own, "Bar", {"general.file_type": 2})
    editor(layout).copy("foo", name("bar"))
    library = Library(layout)
    assert names(library) == ["Bar:latest", "foo:latest"]
    assert library.find("bar").path == library.find("foo").path
    assert blob_names(layout) == needed


def test_a_copy_onto_itself_is_nothing(layout: Layout) -> None:
    editor(layout).copy("foo", name("FOO:latest"))
    assert not layout.own.root.exists()


def test_what_is_copied_must_be_there(layout: Layout) -> None:
    with pytest.raises(ModelNotFound, match=r'^model "foo" not found$'):
        editor(layout).copy("foo", name("bar"))
    stored(layout.own, "foo").write_bytes(b"{")
    with pytest.raises(LoadFailed):
        editor(layout).copy("foo", name("bar"))


def test_a_model_that_is_deleted_before_its_blobs_are_held_is_not_copied(layout: Layout) -> None:
    stored(layout.own, "foo")

    class Late(Holds):
        """Somebody deletes the model just before its blobs are held."""

        @contextmanager
        def hold(self, digests: Iterable[str]) -> Iterator[None]:
            editor(layout).delete("foo")
            with super().hold(digests):
                yield

    with pytest.raises(ModelNotFound, match=r'^model "foo" not found$'):
        Editor(Library(layout), Late()).copy("foo", name("bar"))
    assert names(Library(layout)) == []


def test_no_model_comes_of_blobs_that_another_process_has_removed(layout: Layout) -> None:
    layer = read_manifest(stored(layout.own, "foo")).manifest.layers[0]
    Blobs(layout.own.blobs).path(layer.digest).unlink()
    with pytest.raises(LoadFailed, match="a part of bar:latest is missing"):
        editor(layout).copy("foo", name("bar"))
    assert find_manifest(layout.own, name("bar")) is None
    before = stored(layout.own, "bar", {"general.file_type": 2}).read_bytes()
    with pytest.raises(LoadFailed, match="a part of bar:latest is missing"):
        editor(layout).copy("foo", name("bar"))
    assert before == manifest_path(layout.own, name("bar")).read_bytes()


def test_a_copy_out_of_a_store_that_is_only_read_brings_its_blobs(layout: Layout, tmp_path: Path) -> None:
    other = Store(tmp_path / "other")
    stored(other, "foo")
    editor(replace(layout, borrowed=(other,))).copy("foo", name("bar"))
    assert Library(layout).find("bar").path.is_relative_to(layout.own.root)


def test_a_bare_file_becomes_a_model_and_stays(layout: Layout, tmp_path: Path) -> None:
    library = with_bare_file(layout, tmp_path)
    Editor(library, Holds()).copy("My Model", name("bar"))
    record = Library(layout).find("bar")
    assert record.path.read_bytes() == (tmp_path / "my.gguf").read_bytes()
    assert (record.details.family, record.details.parent_model) == ("llama", "")


def test_nothing_gets_the_name_of_a_bare_file(layout: Layout, tmp_path: Path) -> None:
    stored(layout.own, "foo")
    with pytest.raises(InvalidRequest, match="choose another name"):
        Editor(with_bare_file(layout, tmp_path), Holds()).copy("foo", name("my"))


def test_a_deleted_model_leaves_what_others_need(layout: Layout) -> None:
    stored(layout.own, "foo")
    needed = blob_names(layout)
    stored(layout.own, "mike/Bar:v1", {"general.file_type": 2})
    editor(layout).delete("mike/bar:V1")
    assert names(Library(layout)) == ["foo:latest"]
    assert blob_names(layout) == needed
    assert [path.name for path in layout.own.manifests.glob("*/*")] == ["library"]


def test_what_is_said_to_be_in_the_cloud_is_not_what_lies_here(layout: Layout) -> None:
    stored(layout.own, "foo")
    with pytest.raises(ModelNotFound, match="foo:cloud"):
        editor(layout).delete("foo:cloud")
    with pytest.raises(ModelNotFound, match="foo:cloud"):
        editor(layout).copy("foo:cloud", name("bar"))
    assert names(Library(layout)) == ["foo:latest"]


def test_blobs_stay_where_the_user_says_so(layout: Layout) -> None:
    stored(layout.own, "foo")
    before = blob_names(layout)
    editor(layout, prunes=False).delete("foo")
    assert blob_names(layout) == before


def test_what_somebody_is_at_work_with_stays(layout: Layout) -> None:
    layer = read_manifest(stored(layout.own, "foo")).manifest.layers[0]
    holds = Holds()
    with holds.hold([layer.digest]):
        Editor(Library(layout), holds).delete("foo")
    assert Blobs(layout.own.blobs).path(layer.digest).exists()


def test_a_damaged_model_can_be_deleted(layout: Layout) -> None:
    stored(layout.own, "foo").write_bytes(b"{")
    editor(layout).delete("foo")
    assert find_manifest(layout.own, name("foo")) is None


def test_a_model_given_at_start_goes_from_the_list_too(layout: Layout) -> None:
    library = with_pinned(layout, "foo", "foo", "alias")
    Editor(library, Holds()).delete("foo")
    assert names(library) == []


def test_a_model_given_at_start_that_is_replaced_is_the_stores(layout: Layout) -> None:
    library = with_pinned(layout, "foo", "foo")
    stored(layout.own, "bar")
    Editor(library, Holds()).copy("bar", name("foo"))
    assert library.find("foo").path == library.find("bar").path


def test_what_is_not_ours_is_not_deleted(layout: Layout, tmp_path: Path) -> None:
    other = Store(tmp_path / "other")
    stored(other, "foo")
    library = with_bare_file(replace(layout, borrowed=(other,)), tmp_path)
    changing = Editor(library, Holds())
    for raw, error, reason in (
        ("foo", StoreReadOnly, "only read: delete it there"),
        ("my", InvalidRequest, "deletes no files of yours"),
        ("nope", ModelNotFound, "^model 'nope' not found$"),
    ):
        with pytest.raises(error, match=reason):
            changing.delete(raw)
    assert (tmp_path / "my.gguf").exists()
    alias = Editor(with_pinned(layout, "bar", "alias"), Holds())
    with pytest.raises(InvalidRequest, match="another name for bar:latest"):
        alias.delete("alias")


def test_a_server_of_given_models_only_changes_nothing(layout: Layout) -> None:
    stored(layout.own, "foo")
    changing = Editor(Library.only(layout, []), Holds())
    for change in (lambda: changing.delete("foo"), lambda: changing.blobs):
        with pytest.raises(StoreReadOnly, match="use arriero serve"):
            change()


def test_names_are_checked_but_for_those_given_at_start(layout: Layout, tmp_path: Path) -> None:
    changing = Editor(with_bare_file(layout, tmp_path), Holds())
    changing.check_name("my model")
    changing.check_name("foo:1")
    with pytest.raises(ArrieroError, match=r"^invalid model name$"):
        changing.check_name("their model")
