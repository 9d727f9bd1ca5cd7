"""GGUF files from the Hugging Face Hub.

The hub's own library speaks to it, so ``HF_ENDPOINT``, ``HF_TOKEN``, ``HF_HUB_OFFLINE`` and proxies mean what its users
expect. It takes a third of a second to import, and so this module is imported where it is needed.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Self, cast

from huggingface_hub import HfApi, ModelInfo, hf_hub_url
from huggingface_hub.errors import (  # type: ignore[attr-defined]  # HTTPError: httpx's at first, httpx2's now
    GatedRepoError,
    HfHubHTTPError,
    HTTPError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
)
from huggingface_hub.file_download import http_get
from huggingface_hub.utils import (  # type: ignore[attr-defined]  # documented, though not in an __all__
    WeakFileLock,
    build_hf_headers,
)

from arriero.errors import SourceFailed
from arriero.store.blobs import Blob, Blobs
from arriero.store.disk_space import require_space
from arriero.store.progress import Progress, ProgressCallback
from arriero.store.sources.hub_reference import HubReference
from arriero.store.sources.quants import Choice, RepoFile, choose_file, is_model

LIST_TIMEOUT_S = 20.0


@dataclass(frozen=True, slots=True)
class HubFile:
    """One chosen file of one state of a repository. commit: its Git hash."""

    repo: str
    commit: str
    choice: Choice

    @property
    def digest(self) -> str:
        """Return what the hub says the file's digest is, or "" where it does not tell."""
        return f"sha256:{self.choice.file.sha256}" if self.choice.file.sha256 else ""


def choose_hub_file(reference: HubReference, memory_bytes: int, endpoint: str | None = None) -> HubFile:
    """List a repository, or else its ``-GGUF`` sibling, and choose a file by ``choose_file``.

    endpoint: the hub's address; None stands for the library's own. Raises SourceFailed.
    """
    found = ""
    for repo in reference.repos:
        info = _model_info(repo, endpoint)
        if info and any(is_model(sibling.rfilename) for sibling in info.siblings or ()):
            # By the name that was asked for, whatever the hub calls it now: so it will be asked for again.
            choice = choose_file(repo, _files(info), reference.quant, memory_bytes)
            return HubFile(repo, info.sha or "main", choice)
        found = found or (repo if info else "")
    if not found:
        raise SourceFailed(
            f"the hub has no {' and no '.join(reference.repos)}, or they are private; "
            "check the name, or set HF_TOKEN if access to it needs one"
        )
    raise SourceFailed(f"{found} has no GGUF file, and there is no {reference.repos[-1]} that has one")


def download_hub_file(
    file: HubFile, blobs: Blobs, downloads: Path, progress: ProgressCallback, endpoint: str | None = None
) -> Blob:
    """Bring a chosen file into ``blobs``. Blocks.

    The bytes grow in a file below ``downloads`` that outlives an interruption: the next call fetches only the rest.
    Raises SourceFailed, and forgets the bytes, where they are not those that the hub has announced.
    """
    wanted = file.choice.file
    downloads.mkdir(parents=True, exist_ok=True)
    growing = downloads / f"{_key(file)}.gguf-partial"
    # Two servers started at once must not append to one file.
    with WeakFileLock(growing.with_suffix(".lock")):
        if file.digest and blobs.path(file.digest).is_file():
            return Blob(file.digest, wanted.size_bytes)
        missing = wanted.size_bytes - (growing.stat().st_size if growing.exists() else 0)
        for directory in (downloads, blobs.directory):
            require_space(directory, missing)
        with _hub_errors(file.repo):
            _grow(growing, file, progress, endpoint)
        progress(Progress("verifying sha256 digest"))
        return blobs.adopt(growing, file.digest)


def _key(file: HubFile) -> str:
    """Return what tells a content from all others, fit for a file's name whatever the hub sent."""
    wanted = file.choice.file
    identity = wanted.sha256 or f"{file.repo}\n{file.commit}\n{wanted.name}"
    return hashlib.sha256(identity.encode()).hexdigest()


def _model_info(repo: str, endpoint: str | None) -> ModelInfo | None:
    """Ask the hub for a repository with its files' sizes and hashes; None where there is no such repository."""
    with _hub_errors(repo):
        try:
            return HfApi(endpoint=endpoint).model_info(repo, files_metadata=True, timeout=LIST_TIMEOUT_S)
        except GatedRepoError:  # a RepositoryNotFoundError to the library, but the repository is there
            raise
        except RepositoryNotFoundError:
            return None


def _files(info: ModelInfo) -> list[RepoFile]:
    return [
        RepoFile(sibling.rfilename, sibling.size or 0, sibling.lfs.sha256 if sibling.lfs else "")
        for sibling in info.siblings or ()
    ]


def _grow(growing: Path, file: HubFile, progress: ProgressCallback, endpoint: str | None) -> None:
    # hf_hub_download throws away what it has when the process ends, however much that was; its inner http_get does not.
    wanted = file.choice.file
    step = Progress(f"downloading {file.repo} {file.choice.quant or wanted.name}", digest=file.digest)
    report = partial(_Report, progress, step)
    with growing.open("ab") as target:
        if target.tell() > wanted.size_bytes:
            target.truncate(0)
        http_get(
            hf_hub_url(file.repo, wanted.name, revision=file.commit, endpoint=endpoint),
            target,
            resume_size=target.seek(0, 2),
            headers=build_hf_headers(),
            expected_size=wanted.size_bytes or None,
            displayed_filename=wanted.name,
            tqdm_class=cast(Any, report),  # the library calls it and uses no more than _Report has
        )


class _Report:
    """What the library takes for its progress bar: passes the counts on."""

    def __init__(
        self, progress: ProgressCallback, step: Progress, *, total: int | None = None, initial: int = 0, **_: object
    ) -> None:
        self._progress, self._step = progress, replace(step, total=total, completed=initial)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is drawn, so nothing is cleaned up."""

    def update(self, size_bytes: float | None = 1) -> None:
        """Count bytes that have come, or with a negative number, that have been thrown away."""
        self._step = replace(self._step, completed=self._step.completed + int(size_bytes or 0))
        self._progress(self._step)


@contextmanager
def _hub_errors(repo: str) -> Iterator[None]:
    """Turn what the library raises into one line for the user."""
    try:
        yield
    except OfflineModeIsEnabled as error:
        raise SourceFailed(f"{repo} is not here yet and HF_HUB_OFFLINE is set; unset it to fetch the model") from error
    except GatedRepoError as error:
        raise SourceFailed(f"{repo} is gated: accept its terms on the hub's page, then set HF_TOKEN") from error
    except HfHubHTTPError as error:
        status, reason = error.response.status_code, error.server_message or "no reason given"
        raise SourceFailed(f"the hub answered {status} for {repo}: {reason}; try again later") from error
    except HTTPError as error:
        raise SourceFailed(f"the hub cannot be reached ({_line(error)}); check the network") from error
    except (OSError, ValueError) as error:
        raise SourceFailed(f"{repo} could not be downloaded: {_line(error)}") from error


def _line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
