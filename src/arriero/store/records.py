"""Records of what can be served: from a manifest with its layers, or from a bare GGUF file."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar, get_args

import msgspec

from arriero.errors import CloudDisabled, LoadFailed
from arriero.store.blobs import Blobs
from arriero.store.describe import (
    can_see,
    chat_template,
    describe_architecture,
    describe_capabilities,
    describe_details,
    template_capabilities,
)
from arriero.store.foreign_json import UnusableJson, decode_foreign
from arriero.store.gguf import GgufFile, read_gguf
from arriero.store.layout import Store
from arriero.store.manifest import ConfigBlob, Layer, StoredManifest
from arriero.types.chat import Message
from arriero.types.models import Capability, ModelDetails, ModelRecord

_T = TypeVar("_T")


class StoredMessage(msgspec.Struct, frozen=True):
    """One turn of the history that a model begins with, in a messages layer."""

    role: str
    """system, user or assistant."""
    content: str = ""
    """What was said."""


def record_of_file(path: Path, name: str) -> ModelRecord:
    """Describe a bare GGUF file that is to be served under a name. Raises InvalidGguf."""
    gguf = read_gguf(path)
    return ModelRecord(
        name=name,
        weights=path,
        digest="",
        size_bytes=gguf.size_bytes,
        modified_at=datetime.fromtimestamp(path.stat().st_mtime, UTC),
        details=describe_details(gguf),
        architecture=describe_architecture(gguf),
        capabilities=describe_capabilities(gguf),
        template=chat_template(gguf),
    )


def with_chat_template(record: ModelRecord, template: str) -> ModelRecord:
    """Return the model with another chat template, and with the abilities that come of it."""
    kept = [ability for ability in record.capabilities if ability not in {"tools", "thinking"}]
    abilities = (*template_capabilities(template), *kept)
    return replace(record, template=template, chat_template=template, capabilities=abilities)


def record_of_manifest(store: Store, stored: StoredManifest) -> ModelRecord:
    """Describe a stored model, listed under its short name with the tag.

    Raises LoadFailed where it has no GGUF weights or a part is missing, CloudDisabled where it lives in the cloud.
    """
    layers = _Layers(Blobs(store.blobs), stored)
    config = layers.config()
    weights = layers.weights()
    path = layers.blobs.path(weights.digest)
    gguf = read_gguf(path)
    projector = next(iter(layers.paths("projector")), None)
    return ModelRecord(
        name=stored.name.short,
        weights=path,
        digest=stored.digest,
        size_bytes=stored.manifest.config.size + sum(layer.size for layer in stored.manifest.layers),
        modified_at=stored.modified_at,
        details=_details(config, gguf, weights),
        architecture=describe_architecture(gguf),
        capabilities=_capabilities(config, gguf, read_gguf(projector) if projector else None),
        # The engine renders the GGUF's own Jinja template; a Go template beside it is shown, as Ollama shows it.
        template=layers.text("template") or layers.text("prompt") or chat_template(gguf),
        system=layers.text("system"),
        parameters=layers.parameters(),
        messages=layers.messages(),
        licenses=layers.texts("license"),
        projector=projector,
        adapters=layers.paths("adapter"),
        renderer=config.renderer or "",
        parser=config.parser or "",
        requires=config.requires or "",
    )


class _Layers:
    """The small layers of one manifest, read and decoded."""

    def __init__(self, blobs: Blobs, stored: StoredManifest) -> None:
        self.blobs, self._stored = blobs, stored

    def config(self) -> ConfigBlob:
        config = self._decode(self._stored.manifest.config, ConfigBlob)
        if config.remote_host or config.remote_model:
            raise CloudDisabled("ollama cloud is disabled: remote model is unavailable")
        return config

    def weights(self) -> Layer:
        """Return the layer with the GGUF file."""
        weights = self._of_kind("model")
        if not weights:
            raise LoadFailed(f"model {self._name!r} has no GGUF weights, and arriero serves no others")
        return weights[0]

    def paths(self, kind: str) -> tuple[Path, ...]:
        """Return the files of a kind, without a look at them."""
        return tuple(self.blobs.path(layer.digest) for layer in self._of_kind(kind))

    def text(self, kind: str) -> str:
        """Return the first layer of a kind as text, or ``""``."""
        return next(iter(self.texts(kind)), "")

    def texts(self, kind: str) -> tuple[str, ...]:
        return tuple(self.blobs.read(layer.digest).decode(errors="replace") for layer in self._of_kind(kind))

    def parameters(self) -> dict[str, Any]:  # the model author's JSON; see ModelRecord
        layers = self._of_kind("params")
        return self._decode(layers[0], dict[str, Any]) if layers else {}

    def messages(self) -> tuple[Message, ...]:
        layers = self._of_kind("messages")
        turns = self._decode(layers[0], tuple[StoredMessage, ...]) if layers else ()
        return tuple(Message(turn.role, turn.content) for turn in turns)

    def _of_kind(self, kind: str) -> list[Layer]:
        return [layer for layer in self._stored.manifest.layers if layer.kind == kind]

    def _decode(self, layer: Layer, kind: type[_T]) -> _T:
        try:
            return decode_foreign(self.blobs.read(layer.digest), kind)
        except UnusableJson as error:
            raise LoadFailed(f"a part of model {self._name!r} is damaged ({error}); pull it again") from error

    @property
    def _name(self) -> str:
        return self._stored.name.short


def _details(config: ConfigBlob, gguf: GgufFile, weights: Layer) -> ModelDetails:
    found = describe_details(gguf)
    stated = config.file_type if config.file_type != "unknown" else ""
    return ModelDetails(
        format=config.model_format or found.format,
        family=config.model_family or found.family,
        families=config.model_families or found.families,
        parameter_size=config.model_type or found.parameter_size,
        quantization_level=stated or found.quantization_level,
        parent_model=weights.origin or "",
    )


def _capabilities(config: ConfigBlob, gguf: GgufFile, projector: GgufFile | None) -> tuple[Capability, ...]:
    stated = config.capabilities or ()
    known: tuple[Capability, ...] = tuple(word for word in get_args(Capability) if word in stated)
    seen = ("vision",) if projector and can_see(projector) else ()
    return tuple(dict.fromkeys((*known, *describe_capabilities(gguf), *seen)))
