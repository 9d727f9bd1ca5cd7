"""Removes from a store what no name stands for any more."""

import logging
import os
import re
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from arriero.errors import LoadFailed
from arriero.store.blobs import Blobs
from arriero.store.holds import Holds
from arriero.store.layout import Store
from arriero.store.manifest import Manifest, list_directory, manifest_files, name_of, read_manifest
from arriero.store.partial import sweep_partials

logger = logging.getLogger(__name__)

# Who makes a model writes its blobs first and its manifest last, and may be another process.
LEAST_AGE_S = 3600.0

_BLOB_NAME = re.compile(r"sha256-[0-9a-f]{64}")
_PARTIAL_NAME = re.compile(r"\.?sha256-.*-partial.*")
# Ollama of long ago; the present one gives these the name of today when it starts.
_OLD_NAME = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class BlobFile:
    """A file among the blobs. age_s: how long it has neither been written to nor linked."""

    name: str
    age_s: float


def choose_garbage(files: Iterable[BlobFile], needed: frozenset[str]) -> list[str]:
    """Return the names of files to remove: what nobody needs, and what is no blob, once it is an hour old.

    needed: digests. While somebody, Ollama perhaps, is at a download here, nothing goes: his blobs have no manifest
    until the last one has come, and that may take him days. Unfinished files are not decided on here.
    """
    files = list(files)
    if any(_PARTIAL_NAME.fullmatch(file.name) and file.age_s < LEAST_AGE_S for file in files):
        return []
    names = {digest.replace(":", "-") for digest in needed}
    return [
        file.name
        for file in files
        if file.age_s >= LEAST_AGE_S
        and file.name not in names
        and not _PARTIAL_NAME.fullmatch(file.name)
        and not _OLD_NAME.fullmatch(file.name)
    ]


def sweep(store: Store, holds: Holds, clock_s: Callable[[], float] = time.time) -> None:
    """Clean up a store when a server starts: garbage, unfinished files that are stale, directories without a manifest.

    Nothing but stale files goes where a manifest cannot be read: it may need any blob. ``clock_s``: seconds since 1970.
    """
    sweep_partials(Blobs(store.blobs), clock_s())
    _remove_empty(store.manifests)
    with holds.watched() as held:
        needed = needed_digests(store)
        if needed is None:
            return
        for name in choose_garbage(_files(store.blobs, clock_s()), needed):
            with holds.frozen():
                if name.replace("-", ":") not in held:
                    _remove(store.blobs / name)


def prune(store: Store, digests: Iterable[str], holds: Holds) -> None:
    """Remove those of some blobs that no manifest names and nobody is at work with.

    None go where a manifest cannot be read. Blocks for as long as it takes to read all manifests.
    """
    with holds.watched() as held:
        needed = needed_digests(store)
        if needed is None:
            return
        for digest in set(digests) - needed:
            # A manifest may hold any text for a digest.
            with holds.frozen(), suppress(LoadFailed):
                if digest not in held:
                    _remove(Blobs(store.blobs).path(digest))


def needed_digests(store: Store) -> frozenset[str] | None:
    """Return what the manifests of a store name, or None where that cannot be told."""
    try:
        entries = list_directory(store.root, _fail)
        files = manifest_files(store, _fail)
    except OSError as error:
        logger.warning("blobs kept: the manifests cannot be read", extra={"error": str(error)})
        return None
    others = [path.name for path in entries if path.name.startswith("manifests") and path != store.manifests]
    # No model's name begins with a dot; the rest may be a model by rules that are not known here.
    others += [str(path) for path in files if name_of(path) is None and not path.name.startswith(".")]
    if others:
        logger.warning("blobs kept: the store has manifests of an unknown form", extra={"paths": others})
        return None
    needed: set[str] = set()
    for path in files:
        try:
            needed |= digests_of(read_manifest(path).manifest) if name_of(path) else set()
        except LoadFailed as error:
            if not isinstance(error.__cause__, FileNotFoundError):  # else somebody has deleted it just now
                logger.warning("blobs kept: a manifest is damaged", extra={"error": error.message})
                return None
    return frozenset(needed)


def digests_of(manifest: Manifest) -> set[str]:
    """Return the blobs that a manifest names."""
    return {layer.digest for layer in (manifest.config, *manifest.layers)}


def remove_empty_parents(manifests: Path, path: Path) -> None:
    """Remove the directories above a manifest that has gone, up to ``manifests``, as far as they are empty."""
    for directory in path.parents:
        if not directory.is_relative_to(manifests) or directory == manifests:
            return
        try:
            directory.rmdir()
        except OSError:  # another model lies there
            return


def _files(directory: Path, now_s: float) -> list[BlobFile]:
    found = []
    with suppress(OSError):  # no model has been stored yet
        for path in directory.iterdir():
            with suppress(OSError):  # somebody else has removed it just now
                if path.is_file():
                    found.append(BlobFile(path.name, now_s - _changed_s(path)))
    return found


def _changed_s(path: Path) -> float:
    # A link to an old file has its mtime, and a ctime of its own making.
    found = path.stat()
    return max(found.st_mtime, found.st_ctime)


def _fail(error: OSError) -> None:
    raise error


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
        logger.info("unused blob removed", extra={"blob": path.name})
    except OSError as error:
        logger.warning("unused blob cannot be removed", extra={"path": str(path), "error": str(error)})


def _remove_empty(manifests: Path) -> None:
    for directory, _, _ in os.walk(manifests, topdown=False):
        if Path(directory) != manifests:
            with suppress(OSError):  # it is not empty
                Path(directory).rmdir()
