"""Hashes of bare GGUF files, remembered on disk: a file of some gigabytes takes seconds to hash."""

import hashlib
import logging
import os
from pathlib import Path

import msgspec

from arriero.errors import LoadFailed
from arriero.store.blobs import hash_file, write_whole

logger = logging.getLogger(__name__)


class RememberedDigest(msgspec.Struct, frozen=True):
    """A file's hash and the marks by which it is known to be the same file still."""

    path: str
    """Absolute."""
    size_bytes: int
    """When it was hashed."""
    mtime_ns: int
    """When it was hashed."""
    digest: str
    """64 hex digits."""


def remembered_digest(directory: Path, path: Path) -> str | None:
    """Return the hash of a file (64 hex digits), or None where it is unknown or the file has changed.

    Raises LoadFailed where the file is gone.
    """
    now = _stat(path)
    try:
        known = msgspec.json.decode(_memory(directory, path).read_bytes(), type=RememberedDigest)
    except (OSError, msgspec.DecodeError):
        return None
    same = known.path == _absolute(path) and (known.size_bytes, known.mtime_ns) == (now.st_size, now.st_mtime_ns)
    return known.digest if same else None


def provisional_digest(path: Path) -> str:
    """Return 64 hex digits that stand for a file until it has been hashed. Raises LoadFailed where the file is gone."""
    now = _stat(path)
    return hashlib.sha256(f"{_absolute(path)}\n{now.st_size}\n{now.st_mtime_ns}".encode(errors="replace")).hexdigest()


def compute_digest(directory: Path, path: Path) -> str:
    """Hash a file, remember the hash below ``directory`` and return it (64 hex digits).

    Blocks for about a second a gigabyte. Raises LoadFailed where the file is gone.
    """
    before = _stat(path)
    digest = hash_file(path).digest.removeprefix("sha256:")
    known = RememberedDigest(_absolute(path), before.st_size, before.st_mtime_ns, digest)
    try:
        _remember(_memory(directory, path), known)
    except OSError as error:
        logger.warning("digest cannot be remembered", extra={"directory": str(directory), "error": str(error)})
    return digest


def _remember(memory: Path, known: RememberedDigest) -> None:
    memory.parent.mkdir(parents=True, exist_ok=True)
    write_whole(memory, msgspec.json.encode(known))


def _stat(path: Path) -> os.stat_result:
    try:
        return path.stat()
    except OSError as error:
        raise LoadFailed(f"{path} cannot be read: {error.strerror}") from error


def _memory(directory: Path, path: Path) -> Path:
    return directory / hashlib.sha256(os.fsencode(_absolute(path))).hexdigest()


def _absolute(path: Path) -> str:
    return str(path.absolute())
