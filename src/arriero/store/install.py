"""Puts a fetched GGUF file into a store under a name: config, layers, and at last the manifest."""

import uuid
from dataclasses import dataclass
from pathlib import Path

import msgspec

from arriero.store.blobs import Blob, Blobs, reach_disk
from arriero.store.describe import describe_details
from arriero.store.gguf import read_gguf
from arriero.store.layout import Store
from arriero.store.manifest import (
    CONFIG_TYPE,
    LAYER_PREFIX,
    ConfigBlob,
    Layer,
    Manifest,
    find_manifest,
    manifest_path,
)
from arriero.types.models import ModelDetails
from arriero.types.names import ModelName


@dataclass(frozen=True, slots=True)
class Parts:
    """What a model is made of. weights: a blob that lies in the store already."""

    weights: Blob
    licenses: tuple[str, ...] = ()


def install(store: Store, name: ModelName, parts: Parts) -> Path:
    """Make a name stand for these parts, and return its manifest's path.

    A name that exists in another case of letters is replaced under its own case. Readers see the old manifest or the
    whole new one. Raises InvalidGguf where the weights are not a GGUF file.
    """
    blobs = Blobs(store.blobs)
    details = describe_details(read_gguf(blobs.path(parts.weights.digest)))
    licenses = (blobs.add_bytes(text.encode()) for text in parts.licenses)
    manifest = Manifest(
        config=_layer(CONFIG_TYPE, blobs.add_bytes(msgspec.json.encode(_config(details)))),
        layers=(
            _layer(f"{LAYER_PREFIX}model", parts.weights),
            *(_layer(f"{LAYER_PREFIX}license", blob) for blob in licenses),
        ),
    )
    return put_manifest(store, name, msgspec.json.encode(manifest))


def put_manifest(store: Store, name: ModelName, content: bytes) -> Path:
    """Make a name stand for a manifest, byte for byte, and return where it lies. Its blobs must be there already.

    A name that exists in another case of letters is replaced under its own case. Readers see the old manifest or the
    whole new one.
    """
    path = find_manifest(store, name) or manifest_path(store, name)
    for is_last in (False, False, True):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            _replace(path, content)
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


def _layer(media_type: str, blob: Blob) -> Layer:
    return Layer(media_type=media_type, digest=blob.digest, size=blob.size_bytes)


def _replace(path: Path, content: bytes) -> None:
    # A leading dot makes the name one that no manifest can have, so a listing never shows it.
    partial = path.with_name(f".{path.name}-{uuid.uuid4().hex}-partial")
    with partial.open("xb") as file:
        file.write(content)
        reach_disk(file)
    partial.replace(path)
