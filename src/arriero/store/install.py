"""Puts a fetched GGUF file into a store under a name: config, layers, and at last the manifest."""

from dataclasses import dataclass
from pathlib import Path

from arriero.store.assembly import Assembly
from arriero.store.blobs import Blob, Blobs, write_whole
from arriero.store.describe import describe_details
from arriero.store.gguf import read_gguf
from arriero.store.holds import Holds
from arriero.store.layout import Store
from arriero.store.manifest import ConfigBlob, find_manifest, manifest_path
from arriero.store.progress import ignore_progress
from arriero.types.models import ModelDetails
from arriero.types.names import ModelName


@dataclass(frozen=True, slots=True)
class Parts:
    """What a model is made of. weights: a blob that lies in the store already."""

    weights: Blob
    licenses: tuple[str, ...] = ()


def install(store: Store, name: ModelName, parts: Parts, holds: Holds) -> Path:
    """Make a name stand for these parts, and return its manifest's path.

    A name that exists in another case of letters is replaced under its own case. Readers see the old manifest or the
    whole new one. Raises InvalidGguf where the weights are not a GGUF file.
    """
    blobs = Blobs(store.blobs)
    with Assembly(blobs, holds, ignore_progress) as assembly:
        assembly.add_blob("model", assembly.keep(parts.weights.digest))
        details = describe_details(read_gguf(blobs.path(parts.weights.digest)))
        for text in parts.licenses:
            assembly.add_content("license", text.encode())
        _, content = assembly.finish(_config(details))
        return put_manifest(store, name, content)


def put_manifest(store: Store, name: ModelName, content: bytes) -> Path:
    """Make a name stand for a manifest, byte for byte, and return where it lies. Its blobs must be there already.

    A name that exists in another case of letters is replaced under its own case. Readers see the old manifest or the
    whole new one.
    """
    path = find_manifest(store, name) or manifest_path(store, name)
    for is_last in (False, False, True):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            write_whole(path, content)
            break
        except FileNotFoundError:  # the last model beside it has been deleted just now, and the directory with it
            if is_last:
                raise
    return path


def _config(details: ModelDetails) -> ConfigBlob:
    return ConfigBlob(
        model_format=details.format,
        model_family=details.family,
        model_families=details.families,
        model_type=details.parameter_size,
        file_type=details.quantization_level,
    )
