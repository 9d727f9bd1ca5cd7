"""A model that is being made: its layers, until they are written down as a manifest."""

import hashlib
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from arriero.errors import InvalidRequest
from arriero.store.blobs import MAX_READ_BYTES, Blob, Blobs
from arriero.store.holds import Holds
from arriero.store.manifest import CONFIG_TYPE, LAYER_PREFIX, ConfigBlob, Layer, Manifest
from arriero.store.progress import Progress, ProgressCallback

# As Ollama writes them; only the weights' place, the first, means anything.
_ORDER = ("model", "projector", "adapter", "template", "system", "license", "params", "messages")


class Assembly:
    """Gathers layers whose blobs lie in one store. What they need is not removed while the context lasts.

    made: the digests of blobs that nobody needs if no model comes of it.
    """

    def __init__(self, blobs: Blobs, holds: Holds, progress: ProgressCallback) -> None:
        self._blobs, self._holds, self._progress = blobs, holds, progress
        self.made: set[str] = set()
        self._layers: list[Layer] = []
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        """Begin with no layers."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go of the blobs."""
        self._stack.close()

    def of_kind(self, kind: str) -> list[Layer]:
        """Return the layers of a kind so far."""
        return [layer for layer in self._layers if layer.kind == kind]

    def reuse(self, layer: Layer, source: Blobs, origin: str) -> None:
        """Take over another model's layer. origin: that model's short name.

        Raises InvalidRequest where the blob is gone.
        """
        self._keep(layer.digest)
        self._bring(Blob(layer.digest, layer.size), source)
        self._layers.append(msgspec.structs.replace(layer, origin=origin))

    def add_blob(self, kind: str, blob: Blob) -> None:
        """Add a layer whose blob is in the store and is held by the caller or by this (see ``keep``)."""
        self._layers.append(Layer(media_type=f"{LAYER_PREFIX}{kind}", digest=blob.digest, size=blob.size_bytes))

    def add_link(self, kind: str, blob: Blob, file: Path, origin: str) -> None:
        """Add a layer whose content is a file outside of the store, which stays where it is. origin: see ``reuse``."""
        self._keep(blob.digest)
        self.made.add(blob.digest)
        self._blobs.link(file, blob)
        self._layers.append(
            Layer(
                media_type=f"{LAYER_PREFIX}{kind}",
                digest=blob.digest,
                size=blob.size_bytes,
                origin=origin or msgspec.UNSET,
            )
        )

    def add_content(self, kind: str, content: bytes) -> None:
        """Add a layer with a small content; one that is there already is not added again.

        Raises InvalidRequest for what could not be read back.
        """
        if len(content) > MAX_READ_BYTES:
            raise InvalidRequest(f"{kind} is larger than {MAX_READ_BYTES >> 20} MiB: make it shorter")
        blob, status = self._write(content)
        if blob.digest not in {layer.digest for layer in self.of_kind(kind)}:
            self.add_blob(kind, blob)
            self._progress(Progress(status))

    def replace_content(self, kind: str, content: bytes) -> None:
        """Make this the only layer of its kind."""
        self._layers = [layer for layer in self._layers if layer.kind != kind]
        self.add_content(kind, content)

    def keep(self, digest: str) -> Blob:
        """Hold a blob that must be in the store, and return it. Raises InvalidRequest where it is not."""
        self._keep(digest)
        try:
            return Blob(digest, self._blobs.path(digest).stat().st_size)
        except OSError as error:
            raise InvalidRequest(f"blob {digest} is not here: send it to POST /api/blobs/{digest} first") from error

    def finish(self, config: ConfigBlob) -> tuple[Manifest, bytes]:
        """Write the config and return the manifest, and its bytes."""
        blob, status = self._write(msgspec.json.encode(config))
        for layer in self._layers:
            if isinstance(layer.origin, str):
                self._progress(Progress(f"using existing layer {layer.digest}"))
        self._progress(Progress(status))
        manifest = Manifest(
            config=Layer(media_type=CONFIG_TYPE, digest=blob.digest, size=blob.size_bytes),
            layers=tuple(sorted(self._layers, key=_place)),
        )
        return manifest, msgspec.json.encode(manifest)

    def _write(self, content: bytes) -> tuple[Blob, str]:
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        self._keep(digest)
        self.made.add(digest)
        if self._blobs.path(digest).exists():
            return Blob(digest, len(content)), f"using existing layer {digest}"
        return self._blobs.add_bytes(content), f"creating new layer {digest}"

    def _bring(self, blob: Blob, source: Blobs) -> None:
        file = source.path(blob.digest)
        if not file.exists():
            raise InvalidRequest(f"a part of the base is missing ({file}): pull the base again")
        if source != self._blobs:
            self.made.add(blob.digest)
            self._blobs.link(file, blob)

    def _keep(self, digest: str) -> None:
        self._stack.enter_context(self._holds.hold([digest]))


def _place(layer: Layer) -> int:
    return _ORDER.index(layer.kind) if layer.kind in _ORDER else len(_ORDER)
