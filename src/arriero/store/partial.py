"""Blobs that are not complete yet, as Ollama keeps them, so that either can go on where the other has stopped.

``sha256-<hex>-partial`` has the blob's full length and holes where nothing has come yet; beside it,
``sha256-<hex>-partial-<n>`` tells how much of part ``n`` is there. What a part is said to have is on the disk first.
"""

import asyncio
import os
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Self

import msgspec

from arriero.store.blobs import Blob, Blobs, reach_disk
from arriero.store.parts import Part, is_whole, plan_parts

if sys.platform != "win32":
    import fcntl

# Two processes, or two servers of one store, must not finish the same file.
_LOCK_POLL_S = 0.25
# Between two marks of how far a part is. What comes after the last one is lost when the process is killed.
_MARK_EVERY_BYTES = 32 << 20
_MARK_EVERY_S = 3.0
_STALE_S = 7 * 24 * 3600.0


class Partial:
    """One blob that is being downloaded, kept from other processes from ``open`` to ``close``."""

    def __init__(self, blobs: Blobs, blob: Blob, lock: "_Lock") -> None:
        self.blob = blob
        self._blobs = blobs
        self._path = _partial_path(blobs, blob.digest)
        self._lock = lock
        self._marked: dict[int, int] = {}
        self._marked_at: dict[int, float] = {}
        self.parts = self._load_parts()

    @classmethod
    async def open(cls, blobs: Blobs, blob: Blob) -> Self | None:
        """Take up a download, or begin one. None: meanwhile somebody else has completed it."""
        path = _partial_path(blobs, blob.digest)
        blobs.directory.mkdir(parents=True, exist_ok=True)
        while not is_present(blobs, blob):
            if lock := _Lock.take(path):
                try:
                    if is_present(blobs, blob):
                        # Completed since we looked: what is locked is a file of our own, made too late.
                        path.unlink(missing_ok=True)
                        lock.release()
                        return None
                    return cls(blobs, blob, lock)
                except OSError:
                    lock.release()
                    raise
            await asyncio.sleep(_LOCK_POLL_S)
        return None

    @property
    def completed(self) -> int:
        """Bytes that are here."""
        return sum(part.completed for part in self.parts)

    def restart(self) -> None:
        """Forget what is here: the blob comes in one part."""
        self._forget_parts()
        self.parts = [Part(0, 0, self.blob.size_bytes)]

    def write(self, part: Part, content: bytes) -> None:
        """Add bytes to a part. Where a mark is due, blocks until they have reached the disk."""
        with self._path.open("r+b") as file:
            file.seek(part.offset + part.completed)
            file.write(content)
        part.completed += len(content)
        is_much = part.completed - self._marked.get(part.n, 0) >= _MARK_EVERY_BYTES
        if is_much or time.monotonic() - self._marked_at.get(part.n, 0.0) >= _MARK_EVERY_S:
            self.mark(part)

    def mark(self, part: Part) -> None:
        """Write down how far a part is, after its bytes have reached the disk."""
        if self._marked.get(part.n) == part.completed:
            return
        with self._path.open("r+b") as file:
            reach_disk(file)
        self._write_mark(part)

    def finish(self) -> None:
        """Give the complete bytes their blob's name. Blocks while they are hashed.

        Raises SourceFailed, and forgets them, where they are not what they should be.
        """
        try:
            self._blobs.adopt(self._path, self.blob.digest)
        finally:
            # Whether they became the blob or were thrown away: there is nothing to go on with.
            if not self._path.exists():
                self._forget_parts()

    def close(self) -> None:
        """Let others have it. What is here stays, for the next time."""
        self._lock.release()

    def _load_parts(self) -> list[Part]:
        """Read what an earlier download has left, if it fits together, or else begin."""
        size_bytes = self.blob.size_bytes
        parts = sorted(self._marked_parts(), key=lambda part: part.offset)
        if parts and is_whole(parts, size_bytes) and self._path.stat().st_size == size_bytes:
            self._marked = {part.n: part.completed for part in parts}
            self._marked_at = dict.fromkeys(self._marked, time.monotonic())
            return parts
        self._forget_parts()
        with self._path.open("wb") as file:
            file.truncate(size_bytes)
        parts = plan_parts(size_bytes)
        for part in parts:
            self._write_mark(part)
        return parts

    def _write_mark(self, part: Part) -> None:
        target = self._path.with_name(f"{self._path.name}-{part.n}")
        fresh = target.with_name(f".{target.name}")
        fresh.write_bytes(msgspec.json.encode(part))
        fresh.replace(target)
        self._marked[part.n] = part.completed
        self._marked_at[part.n] = time.monotonic()

    def _marked_parts(self) -> Iterator[Part]:
        for path in self._part_files():
            with suppress(OSError, msgspec.DecodeError):
                yield msgspec.json.decode(path.read_bytes(), type=Part)

    def _forget_parts(self) -> None:
        self._marked = {}
        for path in self._part_files():
            path.unlink(missing_ok=True)

    def _part_files(self) -> list[Path]:
        return list(self._path.parent.glob(f"{self._path.name}-*"))


def is_present(blobs: Blobs, blob: Blob) -> bool:
    """Tell whether a blob is here. One of another size is damaged, and as good as missing."""
    try:
        return blobs.path(blob.digest).stat().st_size == blob.size_bytes
    except OSError:
        return False


def drop_leftovers(blobs: Blobs, complete: Iterable[Blob]) -> None:
    """Remove what downloads that were killed have left beside blobs that are complete by now."""
    names = {blobs.path(blob.digest).name for blob in complete}
    for name, path in _unfinished(blobs):
        if name in names:
            path.unlink(missing_ok=True)


def missing_bytes(blobs: Blobs, blob: Blob) -> int:
    """Return how many bytes of a blob the disk does not have yet. Holes in an unfinished file count as missing."""
    if is_present(blobs, blob):
        return 0
    try:
        found = _partial_path(blobs, blob.digest).stat()
    except OSError:
        return blob.size_bytes
    # Windows does not tell of holes: what has been begun there counts as complete.
    used_bytes = found.st_size if sys.platform == "win32" else found.st_blocks * 512
    return max(0, blob.size_bytes - used_bytes)


def sweep_partials(blobs: Blobs, now_s: float) -> None:
    """Remove unfinished files to which nothing has been added for a week: nobody will go on with them.

    now_s: the time, in seconds since 1970. A file goes with its parts, or not at all.
    """
    groups: dict[str, list[Path]] = {}
    for name, path in _unfinished(blobs):
        groups.setdefault(name, []).append(path)
    for paths in groups.values():
        with suppress(OSError):  # somebody else has removed one just now
            if now_s - max(path.stat().st_mtime for path in paths) > _STALE_S:
                for path in paths:
                    path.unlink(missing_ok=True)


def _unfinished(blobs: Blobs) -> Iterator[tuple[str, Path]]:
    """Yield every file of every download that is not complete, with the name of the blob that it is for."""
    for pattern in ("sha256-*-partial*", ".sha256-*-partial*"):
        for path in blobs.directory.glob(pattern):
            yield path.name.lstrip(".").partition("-partial")[0], path


def _partial_path(blobs: Blobs, digest: str) -> Path:
    path = blobs.path(digest)
    return path.with_name(f"{path.name}-partial")


class _Lock:
    """The right to write a file, gone with the process that has it.

    Windows has no such locks, and renames no file that is open: there, nothing is kept open.
    """

    def __init__(self, descriptor: int | None) -> None:
        self._descriptor = descriptor

    @classmethod
    def take(cls, path: Path) -> Self | None:
        """Lock a file, which is made if need be, unless somebody else has it or has just given it its final name."""
        if sys.platform == "win32":
            path.touch()
            return cls(None)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        lock = cls(descriptor)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                return lock
        except OSError:  # it is locked, or gone
            pass
        lock.release()
        return None

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
