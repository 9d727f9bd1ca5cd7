"""Manifests: which blobs a name stands for. Files below ``manifests/<host>/<namespace>/<model>/<tag>``.

The structs are the JSON of Ollama's registry and store, in its own order of keys.
"""

import hashlib
import logging
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import UNSET, UnsetType

from arriero.errors import InvalidRequest, LoadFailed
from arriero.store.foreign_json import UnusableJson, decode_foreign
from arriero.store.layout import Store
from arriero.types.names import ModelName, parse_name

MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG_TYPE = "application/vnd.docker.container.image.v1+json"
LAYER_PREFIX = "application/vnd.ollama.image."

OnError = Callable[[OSError], None]

logger = logging.getLogger(__name__)


class Layer(msgspec.Struct, frozen=True, kw_only=True, rename={"media_type": "mediaType", "origin": "from"}):
    """One blob and what it is for."""

    media_type: str
    """``LAYER_PREFIX`` and model, template, system, params, messages, license …"""
    digest: str
    """``sha256:`` and 64 hex digits."""
    size: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
    """Bytes."""
    origin: str | UnsetType = UNSET
    """The model that this layer was taken from."""
    name: str | UnsetType = UNSET
    """The path of a file that the layer stands for, in models that are not GGUF."""

    @property
    def kind(self) -> str:
        """The media type without its prefix: ``model``, ``template`` …"""
        return self.media_type.removeprefix(LAYER_PREFIX)


class Manifest(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a name stands for."""

    schema_version: int = 2
    """Always 2."""
    media_type: str = MANIFEST_TYPE
    """Always ``MANIFEST_TYPE``."""
    config: Layer
    """The blob with the ConfigBlob."""
    layers: tuple[Layer, ...] = ()
    """The parts, the weights first."""


class ConfigBlob(msgspec.Struct, frozen=True, kw_only=True):
    """What the model is, told once so that its files need not be opened."""

    model_format: str = ""
    """``gguf`` or ``safetensors``."""
    model_family: str = ""
    """The architecture's name."""
    model_families: tuple[str, ...] | None = None
    """All architectures in it."""
    model_type: str = ""
    """The count of parameters in words: ``134.52M``."""
    file_type: str = ""
    """The quantisation: ``Q4_K_M``."""
    renderer: str | UnsetType = UNSET
    """What Ollama writes prompts with, in place of a template."""
    parser: str | UnsetType = UNSET
    """What Ollama reads answers with."""
    requires: str | UnsetType = UNSET
    """The version of Ollama that it asks for."""
    remote_host: str | UnsetType = UNSET
    """Where a cloud model runs."""
    remote_model: str | UnsetType = UNSET
    """What a cloud model is called there."""
    capabilities: tuple[str, ...] | UnsetType | None = UNSET
    """What the model can do beyond what its files tell."""
    context_length: int | UnsetType = UNSET
    """Tokens, where somebody has stated them."""
    embedding_length: int | UnsetType = UNSET
    """Numbers of a vector, where somebody has stated them."""
    base_name: str | UnsetType = UNSET
    """What the model is called among people."""
    architecture: str = "amd64"
    """Always ``amd64``: Ollama's, without meaning."""
    os: str = "linux"
    """Always ``linux``: Ollama's, without meaning."""


@dataclass(frozen=True, slots=True)
class StoredManifest:
    """A manifest as it lies in a store. digest: 64 hex digits of the SHA-256 of the file's bytes."""

    name: ModelName
    manifest: Manifest
    digest: str
    modified_at: datetime


def manifest_path(store: Store, name: ModelName) -> Path:
    """Return where the manifest of a name lies or would lie, in exactly this case of letters."""
    return store.manifests.joinpath(*name.parts)


def find_manifest(store: Store, name: ModelName) -> Path | None:
    """Return the manifest of a name in any case of letters, or None. The name's own case is looked for first."""
    exact = manifest_path(store, name)
    try:
        if exact.is_file():
            return exact
    except OSError:  # a host may be longer than a file's name
        return None
    return next((path for path in _walk(store, name.key) if _is_file(path, _log_unreadable)), None)


def find_tags(store: Store, name: ModelName) -> list[Path]:
    """Return the manifests of all tags of a model, the newest first; the name's own tag does not count."""
    tags = [path for directory in _walk(store, name.key[:-1]) for path in _entries(directory) if name_of(path)]
    tags = [path for path in tags if _is_file(path, _log_unreadable)]
    return sorted(tags, key=lambda path: path.stat().st_mtime_ns, reverse=True)


def list_manifests(store: Store) -> Iterator[Path]:
    """Yield the manifest files of a store by name; files that are not where a manifest can be are passed over."""
    for path in manifest_files(store, _log_unreadable):
        if name_of(path) is not None:
            yield path


def manifest_files(store: Store, on_error: OnError) -> list[Path]:
    """Return the files that lie as deep as a manifest does, whatever they are called.

    on_error: is told what cannot be looked at, while what is not there is no error.
    """
    # Not by globbing, which fails where a directory is removed just then, and is silent where one cannot be read.
    found = [store.manifests]
    for _ in range(4):  # host, namespace, model, tag
        found = [entry for directory in found for entry in list_directory(directory, on_error)]
    return sorted(path for path in found if _is_file(path, on_error))


def list_directory(directory: Path, on_error: OnError) -> list[Path]:
    """Return what lies in a directory, nothing where there is none. on_error: see ``manifest_files``."""
    try:
        return list(directory.iterdir())
    except NotADirectoryError:
        return []
    except OSError as error:
        _judge(directory, error, on_error)
        return []


def name_of(path: Path) -> ModelName | None:
    """Return the name that a manifest's path stands for, or None where it stands for none."""
    host, namespace, model, tag = path.parts[-4:]
    try:
        return parse_name(f"{host}/{namespace}/{model}:{tag}")
    except InvalidRequest:
        return None


def read_manifest(path: Path) -> StoredManifest:
    """Read a manifest. Raises LoadFailed where the file is none."""
    name = name_of(path)
    if name is None:
        raise LoadFailed(f"{path} does not lie where a manifest can lie")
    try:
        content = path.read_bytes()
        manifest = decode_foreign(content, Manifest)
        modified_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except (OSError, UnusableJson) as error:
        raise LoadFailed(f"{path} is not a usable manifest ({error}); pull {name.short} again") from error
    return StoredManifest(name, manifest, hashlib.sha256(content).hexdigest(), modified_at)


def _walk(store: Store, parts: Sequence[str]) -> list[Path]:
    """Return what lies at these lower-case parts below ``manifests/``, in any case of letters."""
    found = [store.manifests]
    for part in parts:
        found = [entry for directory in found for entry in _entries(directory) if entry.name.lower() == part]
    return found


def _entries(directory: Path) -> list[Path]:
    return list_directory(directory, _log_unreadable)


def _is_file(path: Path, on_error: OnError) -> bool:
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except OSError as error:
        _judge(path, error, on_error)
        return False


def _judge(path: Path, error: OSError, on_error: OnError) -> None:
    # A link to a disk that is away is there, though nothing is behind it.
    if not isinstance(error, FileNotFoundError) or path.is_symlink():
        on_error(error)


def _log_unreadable(error: OSError) -> None:
    logger.warning("stored models left out", extra={"path": error.filename, "error": error.strerror})
