"""Contents under their own hash: ``blobs/sha256-<hex>``, as Ollama keeps them.

Nothing half-written is ever visible under a blob's name: bytes go to a ``…-partial`` file, are hashed on the way, reach
the disk, and only then get the name.
"""

import errno
import hashlib
import os
import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from arriero.errors import LoadFailed, SourceFailed

CHUNK_BYTES = 1 << 20
MAX_READ_BYTES = 1 << 24  # licences, templates and options are far smaller; weights are never read whole

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Blob:
    """One content. digest: ``sha256:`` and 64 hex digits."""

    digest: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Blobs:
    """The blobs of one store; the directory is made when the first one is written."""

    directory: Path

    def path(self, digest: str) -> Path:
        """Return where a blob lies or would lie. Raises LoadFailed for a text that is no digest."""
        if not is_digest(digest):
            raise LoadFailed(f"{digest!r} is not a SHA-256 digest")
        return self.directory / digest.replace(":", "-")

    def read(self, digest: str) -> bytes:
        """Return a small blob's bytes. Raises LoadFailed where it is missing or larger than ``MAX_READ_BYTES``."""
        path = self.path(digest)
        try:
            with path.open("rb") as file:
                content = file.read(MAX_READ_BYTES + 1)
        except OSError as error:
            raise LoadFailed(f"{path} cannot be read: {error.strerror}; pull the model again") from error
        if len(content) > MAX_READ_BYTES:
            raise LoadFailed(f"{path} is larger than {MAX_READ_BYTES} bytes")
        return content

    def add_bytes(self, content: bytes) -> Blob:
        """Write a small content and return it as a blob."""
        with self.writer() as writer:
            writer.write(content)
            return writer.finish()

    def add_stream(
        self, source: IO[bytes], expected: str = "", written: Callable[[int], None] = lambda _size_bytes: None
    ) -> Blob:
        """Copy a stream into a blob, hashing on the way.

        expected: the digest that it must have, ``""`` for any. written: is told the bytes copied so far.
        Raises SourceFailed, and leaves nothing behind, where the digest is another.
        """
        with self.writer() as writer:
            while chunk := source.read(CHUNK_BYTES):
                writer.write(chunk)
                written(writer.size_bytes)
            return writer.finish(expected)

    @contextmanager
    def writer(self) -> Iterator["BlobWriter"]:
        """Write a blob piece by piece; unless it is finished in the context, nothing is left of it."""
        self.directory.mkdir(parents=True, exist_ok=True)
        # Two processes may write the same content, so the name is not made from the digest.
        partial = self.directory / f"sha256-{uuid.uuid4().hex}-partial"
        try:
            with partial.open("xb") as file:
                yield BlobWriter(self, partial, file)
        finally:
            partial.unlink(missing_ok=True)

    def link(self, file: Path, blob: Blob) -> None:
        """Have a file that stays where it is as a blob too: without a copy, where both lie on one disk.

        Its digest is believed.
        """
        target = self.path(blob.digest)
        if target.exists():
            return
        self.directory.mkdir(parents=True, exist_ok=True)
        try:
            os.link(file.resolve(), target)
        except FileExistsError:
            return
        except OSError:  # another disk, one without links, or somebody else's file
            with file.open("rb") as source:
                self.add_stream(source, blob.digest)

    def adopt(self, file: Path, expected: str = "") -> Blob:
        """Move a complete file in. Raises SourceFailed, and deletes the file, where its digest is not ``expected``."""
        blob = hash_file(file)
        try:
            verify(blob, expected)
        except SourceFailed:
            file.unlink()
            raise
        self.directory.mkdir(parents=True, exist_ok=True)
        with file.open("r+b") as content:
            reach_disk(content)
        try:
            file.replace(self.path(blob.digest))
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            self._adopt_from_other_disk(file, blob)
        return blob

    def _adopt_from_other_disk(self, file: Path, blob: Blob) -> None:
        with file.open("rb") as source:
            self.add_stream(source, blob.digest)
        file.unlink()


class BlobWriter:
    """A blob that is being written. Each call blocks for as long as the disk takes.

    size_bytes: what has been written so far.
    """

    def __init__(self, blobs: Blobs, partial: Path, file: IO[bytes]) -> None:
        self._blobs, self._partial, self._file = blobs, partial, file
        self._sha256, self.size_bytes = hashlib.sha256(), 0

    def write(self, chunk: bytes) -> None:
        """Add bytes."""
        self._sha256.update(chunk)
        self._file.write(chunk)
        self.size_bytes += len(chunk)

    def finish(self, expected: str = "") -> Blob:
        """Give what was written its name, and return it. Raises SourceFailed where it has not the expected digest."""
        reach_disk(self._file)
        blob = Blob(f"sha256:{self._sha256.hexdigest()}", self.size_bytes)
        verify(blob, expected)
        self._file.close()  # Windows renames no open file
        self._partial.replace(self._blobs.path(blob.digest))
        return blob


def is_digest(text: str) -> bool:
    """Whether a text is the digest of a blob: ``sha256:`` and 64 lower-case hex digits."""
    return _DIGEST.fullmatch(text) is not None


def hash_file(path: Path) -> Blob:
    """Return a file's digest and size: about a second for each gigabyte or two."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return Blob(f"sha256:{digest}", file.tell())


def verify(blob: Blob, expected: str) -> None:
    """Raise SourceFailed where a digest was expected and the blob has another."""
    if expected and blob.digest != expected:
        raise SourceFailed(f"digest mismatch, file must be downloaded again: want {expected}, got {blob.digest}")


def write_whole(path: Path, content: bytes) -> None:
    """Write a file, or replace it: readers see what was there before or all of the new content.

    Nothing is left of it where the disk is full.
    """
    # A leading dot makes the name one that no manifest can have, so a listing never shows it.
    partial = path.with_name(f".{path.name}-{uuid.uuid4().hex}-partial")
    try:
        with partial.open("xb") as file:
            file.write(content)
            reach_disk(file)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def reach_disk(file: IO[bytes]) -> None:
    """Wait until what was written is on the disk, where a power cut leaves it."""
    file.flush()
    os.fsync(file.fileno())
