import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pytest

from arriero.store.blobs import Blobs, hash_file
from arriero.store.collect import BlobFile, choose_garbage, needed_digests, prune, sweep
from arriero.store.holds import Holds
from arriero.store.install import put_manifest
from arriero.store.layout import Store
from arriero.store.manifest import list_manifests, read_manifest
from arriero.types.names import parse_name
from tests.factories_store import stored

A, B = ("a" * 64, "b" * 64)
OLD_S = 4000.0


def file(name: str, age_s: float = OLD_S) -> BlobFile:
    return BlobFile(name, age_s)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "models")


def names(store: Store) -> set[str]:
    return {path.name for path in store.blobs.iterdir()}


def in_an_hour() -> float:
    return time.time() + OLD_S


def test_what_nobody_needs_goes_after_an_hour() -> None:
    files = [file(f"sha256-{A}"), file(f"sha256-{B}"), file(f"sha256-{'c' * 64}", age_s=60)]
    assert choose_garbage(files, frozenset({f"sha256:{A}"})) == [f"sha256-{B}"]


def test_what_is_no_blob_goes_too() -> None:
    assert choose_garbage([file("notes.txt"), file("sha256-abc"), file("new", 60)], frozenset()) == [
        "notes.txt",
        "sha256-abc",
    ]


def test_old_names_and_unfinished_files_stay() -> None:
    assert (
        choose_garbage([file(f"sha256:{A}"), file(f"sha256-{A}-partial"), file(f"sha256-{A}-partial-3")], frozenset())
        == []
    )


def test_nothing_goes_while_somebody_is_at_a_download() -> None:
    assert choose_garbage([file(f"sha256-{A}"), file(f"sha256-{B}-partial", age_s=5)], frozenset()) == []


def test_a_sweep_leaves_the_models_whole(store: Store) -> None:
    stored(store, "foo")
    needed = names(store)
    Blobs(store.blobs).add_bytes(b"nobody's")
    (store.manifests / "registry.ollama.ai" / "library" / "gone").mkdir()
    sweep(store, Holds(), in_an_hour)
    assert names(store) == needed
    assert sorted(path.name for path in store.manifests.glob("*/*/*")) == ["foo"]


def test_a_sweep_spares_what_is_new_or_held(store: Store) -> None:
    blob = Blobs(store.blobs).add_bytes(b"nobody's")
    holds = Holds()
    sweep(store, holds, time.time)
    with holds.hold([blob.digest]):
        sweep(store, holds, in_an_hour)
    assert len(names(store)) == 1
    sweep(store, holds, in_an_hour)
    assert names(store) == set()


@pytest.mark.parametrize("content", [b"{", b"", b'{"layers":1}'])
def test_nothing_goes_where_a_manifest_is_damaged(store: Store, content: bytes) -> None:
    stored(store, "foo").write_bytes(content)
    before = names(store)
    sweep(store, Holds(), in_an_hour)
    prune(store, {f"sha256:{name.removeprefix('sha256-')}" for name in before}, Holds())
    assert names(store) == before


def test_nothing_goes_where_manifests_have_a_form_of_another_time(store: Store) -> None:
    Blobs(store.blobs).add_bytes(b"theirs")
    (store.root / "manifests-v2").mkdir()
    sweep(store, Holds(), in_an_hour)
    assert len(names(store)) == 1


def test_nothing_goes_where_some_manifests_cannot_be_looked_at(store: Store) -> None:
    needed = read_manifest(stored(store, "foo")).manifest
    # A link to itself: it is there, and looking into it fails, for whoever looks.
    (store.manifests / "hf.co").symlink_to("hf.co")
    nobodys = Blobs(store.blobs).add_bytes(b"nobody's")
    prune(store, [nobodys.digest, needed.config.digest], Holds())
    assert len(names(store)) == 3
    assert [path.parent.name for path in list_manifests(store)] == ["foo"]


def test_nothing_goes_while_the_disk_with_some_manifests_is_away(store: Store) -> None:
    stored(store, "foo")
    (store.manifests / "hf.co").symlink_to(store.root / "away")
    assert needed_digests(store) is None
    assert len(list(list_manifests(store))) == 1


@pytest.mark.parametrize(("name", "is_told"), [("a tag", False), (".latest-0-partial", True)])
def test_nothing_goes_where_a_file_may_be_a_manifest_by_unknown_rules(
    store: Store, name: str, *, is_told: bool
) -> None:
    stored(store, "foo").with_name(name).write_bytes(b"{}")
    assert (needed_digests(store) is not None) == is_told


def test_what_is_made_while_the_manifests_are_read_stays(store: Store) -> None:
    content = stored(store, "foo").read_bytes()
    needed = needed_digests(store) or frozenset()
    (path,) = list_manifests(store)
    path.unlink()

    class Busy(Holds):
        """Somebody makes a model of the same blobs when the manifests have been read."""

        @contextmanager
        def frozen(self) -> Iterator[frozenset[str]]:
            with self.hold(needed):
                put_manifest(store, parse_name("bar"), content)
            with super().frozen() as held:
                yield held

    prune(store, needed, Busy())
    assert {name.replace("-", ":") for name in names(store)} == needed
    next(list_manifests(store)).unlink()
    sweep(store, Busy(), in_an_hour)
    assert {name.replace("-", ":") for name in names(store)} == needed


def test_nobody_waits_while_the_manifests_are_read(store: Store) -> None:
    class NeverFrozen(Holds):
        """Nothing is to be removed here."""

        def frozen(self) -> NoReturn:
            raise AssertionError

    digest = read_manifest(stored(store, "foo")).manifest.config.digest
    prune(store, [digest], NeverFrozen())
    sweep(store, NeverFrozen(), in_an_hour)
    assert Blobs(store.blobs).path(digest).exists()


def test_a_blob_that_has_just_been_linked_is_new(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "my.gguf"
    file.write_bytes(b"weights")
    os.utime(file, (0, 0))
    blobs = Blobs(store.blobs)
    blobs.link(file, hash_file(file))
    sweep(store, Holds())
    assert len(names(store)) == 1


def test_a_store_that_is_not_there_is_clean(store: Store) -> None:
    sweep(store, Holds())
    assert not store.root.exists()


def test_stale_unfinished_files_go(store: Store) -> None:
    store.blobs.mkdir(parents=True)
    partial = store.blobs / f"sha256-{A}-partial"
    partial.touch()
    os.utime(partial, (0, 0))
    sweep(store, Holds())
    assert names(store) == set()


def test_pruning_removes_only_what_it_was_asked_about_and_nobody_needs(store: Store) -> None:
    layer = read_manifest(stored(store, "foo")).manifest.layers[0]
    blobs = Blobs(store.blobs)
    asked, held, other = (blobs.add_bytes(text) for text in (b"asked", b"held", b"other"))
    holds = Holds()
    with holds.hold([held.digest]):
        prune(store, {asked.digest, held.digest, layer.digest, "sha256:../../etc"}, holds)
    assert not blobs.path(asked.digest).exists()
    assert all(blobs.path(digest).exists() for digest in (held.digest, other.digest, layer.digest))


def test_needed_is_what_manifests_name(store: Store) -> None:
    manifest = read_manifest(stored(store, "foo")).manifest
    assert needed_digests(store) == frozenset({manifest.config.digest, manifest.layers[0].digest})
