"""Removes what was begun outside of the blobs, and what nobody will go on with."""

import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from arriero.store.layout import Layout

_STALE_S = 7 * 24 * 3600.0


def sweep_leftovers(layout: Layout, now_s: float) -> None:
    """Remove downloads, and half-written manifests and digests, that have not changed for a week.

    now_s: the time, in seconds since 1970. A download goes with its lock, or not at all.
    """
    groups: dict[Path, list[Path]] = {}
    for path in _unfinished(layout):
        is_hidden = path.name.startswith(".")
        groups.setdefault(path if is_hidden else path.with_suffix(""), []).append(path)
    for paths in groups.values():
        with suppress(OSError):  # somebody else has removed one just now
            if now_s - max(path.stat().st_mtime for path in paths) > _STALE_S:
                for path in paths:
                    _remove(path)


def _unfinished(layout: Layout) -> Iterator[Path]:
    with suppress(OSError):  # nothing has been downloaded yet
        yield from layout.downloads.iterdir()
    yield from layout.own.manifests.rglob(".*-partial")
    yield from (layout.data / "digests").glob(".*-partial")


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
