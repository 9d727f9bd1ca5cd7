import os
from pathlib import Path

from arriero.store.layout import Layout
from arriero.store.leftovers import sweep_leftovers
from arriero.store.manifest import list_manifests
from tests.factories_store import stored, tiny_layout

NOW_S = 2_000_000_000.0
DAY_S = 24 * 3600.0


def left(path: Path, days: float) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".d":
        path.mkdir()
        (path / "a.whl").touch()
    else:
        path.touch()
    os.utime(path, (NOW_S - days * DAY_S,) * 2)
    return path


def remaining(layout: Layout, *paths: Path) -> list[str]:
    sweep_leftovers(layout, NOW_S)
    return [path.name for path in paths if path.exists()]


def test_downloads_that_nobody_goes_on_with_are_removed(tmp_path: Path) -> None:
    layout = tiny_layout(tmp_path)
    found = remaining(
        layout,
        left(layout.downloads / "aa.gguf-partial", 8),
        left(layout.downloads / "aa.lock", 8),
        left(layout.downloads / "bb.gguf-partial", 1),
        left(layout.downloads / "bb.lock", 8),
        left(layout.downloads / "tmpx.d", 8),
        left(layout.downloads / "tmpy.d", 1),
    )
    assert found == ["bb.gguf-partial", "bb.lock", "tmpy.d"]


def test_half_written_manifests_are_removed_and_whole_ones_stay(tmp_path: Path) -> None:
    layout = tiny_layout(tmp_path)
    manifest = stored(layout.own, "tiny")
    os.utime(manifest, (0, 0))
    found = remaining(
        layout,
        left(manifest.with_name(".latest-00-partial"), 8),
        left(manifest.with_name(".latest-01-partial"), 1),
        left(layout.data / "digests" / ".ab-00-partial", 8),
    )
    assert found == [".latest-01-partial"]
    assert list(list_manifests(layout.own)) == [manifest]


def test_where_nothing_has_been_stored_nothing_is_left(tmp_path: Path) -> None:
    assert remaining(tiny_layout(tmp_path)) == []
