"""Where a model for SGLang or vLLM lies: a directory, or a repository of the Hugging Face Hub and its cache."""

import logging
from contextlib import suppress
from pathlib import Path

from arriero.errors import ConfigError, InvalidRequest
from arriero.store.checkpoint import CONFIG, LICENSE_FILES, SMALL_FILES
from arriero.store.layout import Layout
from arriero.store.manifest import find_manifest
from arriero.store.sources.hub_reference import parse_hub_reference
from arriero.store.sources.local import is_file_reference
from arriero.types.names import parse_name

logger = logging.getLogger(__name__)

_TIMEOUT_S = 5.0


def is_gguf_reference(reference: str, layout: Layout) -> bool:
    """Whether a reference means a GGUF file: one that lies somewhere, in a store, in the catalogue or in a repository.

    A directory of something else is none, nor a repository of which neither its name nor a quantisation says so.
    """
    directory = Path(reference).expanduser()
    if directory.is_dir():
        return any(directory.glob("*.gguf")) and not (directory / CONFIG).exists()
    if is_file_reference(reference) or is_in_store(reference, layout):
        return True
    hub = parse_hub_reference(reference)
    return hub is None or bool(hub.quant) or hub.repo.lower().endswith("gguf")


def is_in_store(reference: str, layout: Layout) -> bool:
    """Whether a store has a model of just this name."""
    with suppress(InvalidRequest):
        name = parse_name(reference)
        return any(find_manifest(store, name) for store in layout.stores)
    return False


def engine_reference(reference: str) -> str:
    """What an engine is started with: an absolute path, or ``user/repo``. Raises ConfigError for what is neither."""
    path = Path(reference).expanduser()
    if path.exists():
        return str(path.absolute())
    hub = None if is_file_reference(reference) else parse_hub_reference(reference)
    if hub is None or hub.quant:
        raise ConfigError(
            f"--model {reference}: SGLang and vLLM take a directory with {CONFIG}, or a repository as user/repo"
        )
    return hub.repo


def find_checkpoint(reference: str, revision: str = "") -> Path | None:
    """The directory that has what is known of a model now; None where nothing is.

    Of a repository the small files are fetched, if the hub can be reached; its weights are the engine's to fetch.
    """
    path = Path(reference)
    if path.is_absolute():
        return path if path.is_dir() else None
    if (cached := _cached(reference, revision)) is not None:
        return cached
    fetch_small_files(reference, revision)
    return _cached(reference, revision)


def fetch_small_files(repo: str, revision: str = "") -> None:
    """Bring what tells of a repository's model into the hub's own cache. Does without where that cannot be."""
    from huggingface_hub import HfApi, hf_hub_download
    from huggingface_hub.errors import (  # type: ignore[attr-defined]  # see sources/huggingface.py
        HfHubHTTPError,
        HTTPError,
        OfflineModeIsEnabled,
    )
    from huggingface_hub.utils.tqdm import disable_progress_bars

    disable_progress_bars()
    try:
        # Where the hub cannot be reached this says so at once; a download would try again and again.
        info = HfApi().model_info(repo, revision=revision or None, timeout=_TIMEOUT_S)
        for name in {file.rfilename for file in info.siblings or ()} & {*SMALL_FILES, *LICENSE_FILES}:
            hf_hub_download(repo, name, revision=revision or None, etag_timeout=_TIMEOUT_S)
    except (HfHubHTTPError, HTTPError, OfflineModeIsEnabled, OSError, ValueError) as error:
        logger.info("nothing known of the model before it runs", extra={"model": repo, "reason": type(error).__name__})


def _cached(repo: str, revision: str) -> Path | None:
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(repo, CONFIG, revision=revision or None)
    return Path(found).parent if isinstance(found, str) else None
