"""A process that is killed while it makes and deletes models leaves each of them whole, or gone."""

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from arriero.store.blobs import hash_file
from arriero.store.collect import digests_of, sweep
from arriero.store.holds import Holds
from arriero.store.layout import Layout, Store
from arriero.store.library import Library
from arriero.store.manifest import list_manifests, read_manifest
from tests.factories_store import stored

ROUNDS = 10
MOST_STEPS = 40
CHANGES = """
import sys
from itertools import count
from pathlib import Path
from arriero.store.editor import Editor
from arriero.store.holds import Holds
from arriero.store.layout import Layout, Store
from arriero.store.library import Library
from arriero.store.recipe import Recipe
from arriero.types.names import parse_name

root = Path(sys.argv[1])
editor = Editor(Library(Layout(root, Store(root / "models"))), Holds())
tell = lambda *_: print(flush=True)
for number in count():
    editor.create(Recipe(parse_name("new"), base="keep", system=f"{number}" * 10000), tell)
    tell()
    editor.copy("new", parse_name("other/copy:1"))
    tell()
    editor.create(Recipe(parse_name("new"), base="keep", template=f"{number}"), tell)
    editor.delete("other/copy:1")
    tell()
    editor.delete("new")
    tell()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_every_model_is_whole_or_gone(tmp_path: Path) -> None:
    store = Store(tmp_path / "models")
    stored(store, "keep")
    chance = random.Random(1)
    for _ in range(ROUNDS):
        kill_at(chance.randrange(MOST_STEPS), tmp_path)
        assert_whole(tmp_path, store)
    for blob in store.blobs.iterdir():
        assert "partial" in blob.name or hash_file(blob).digest == blob.name.replace("-", ":")
    sweep(store, Holds(), lambda: time.time() + 8 * 24 * 3600)
    assert_whole(tmp_path, store)
    needed = {digest for path in list_manifests(store) for digest in digests_of(read_manifest(path).manifest)}
    assert {blob.name.replace("-", ":") for blob in store.blobs.iterdir()} == needed


def kill_at(step: int, root: Path) -> None:
    """Change models in a process of its own, and kill it some time after a step."""
    process = subprocess.Popen([sys.executable, "-c", CHANGES, str(root)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    with process, process.stdout:
        for _ in range(step):
            assert process.stdout.readline(), "the process ended by itself"
        process.kill()


def assert_whole(root: Path, store: Store) -> None:
    names = {record.name for record in Library(Layout(root, store)).records()}
    assert "keep:latest" in names
    # What is listed can be shown, and nothing that lies there is left out of the list.
    assert names == {read_manifest(path).name.short for path in list_manifests(store)}
    for path in list_manifests(store):
        blobs = {digest.replace(":", "-") for digest in digests_of(read_manifest(path).manifest)}
        assert blobs <= {blob.name for blob in store.blobs.iterdir()}
