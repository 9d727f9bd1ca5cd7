"""Sends files to the server as blobs, those that it does not have."""

import hashlib
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

from arriero.cli.api import Api
from arriero.store.progress import Progress, ProgressCallback

_AT_ONCE = 4
_PIECE_BYTES = 1 << 20


class _Stopped(Exception):
    """The user does not want it any more."""


def upload_files(
    api: Api, files: Mapping[str, Mapping[str, Path]], progress: ProgressCallback
) -> dict[str, dict[str, str]]:
    """Have all files on the server, several at a time; their digests in place of their paths.

    Whatever breaks that off, Ctrl-C too, ends all transfers before it is raised.
    """
    stopped = Event()

    def bring(path: Path) -> str:
        digest = _digest(path, progress, stopped)
        if not api.has_blob(digest):
            api.upload(digest, _pieces(path, f"uploading {path.name}", progress, stopped))
        return digest

    progress(Progress("gathering model components"))
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        under_way = {
            text: {name: pool.submit(bring, path) for name, path in named.items()} for text, named in files.items()
        }
        try:
            return {text: {name: each.result() for name, each in named.items()} for text, named in under_way.items()}
        except BaseException:
            stopped.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _digest(path: Path, progress: ProgressCallback, stopped: Event) -> str:
    sha256 = hashlib.sha256()
    for piece in _pieces(path, f"hashing {path.name}", progress, stopped):
        sha256.update(piece)
    return f"sha256:{sha256.hexdigest()}"


def _pieces(path: Path, status: str, progress: ProgressCallback, stopped: Event) -> Iterator[bytes]:
    size_bytes, done_bytes = path.stat().st_size, 0
    with path.open("rb") as file:
        while piece := file.read(_PIECE_BYTES):
            if stopped.is_set():
                raise _Stopped
            done_bytes += len(piece)
            progress(Progress(status, size_bytes, done_bytes))
            yield piece
