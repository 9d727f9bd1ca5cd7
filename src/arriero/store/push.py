"""Pushes a stored model to a registry: the blobs that it lacks, and then the manifest, as it lies here.

Blobs go as Ollama's registry takes them, in parts whose places it names one after another. To any other registry this
is an upload in chunks.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from yarl import URL

from arriero.errors import ArrieroError, InvalidRequest, LoadFailed, ModelNotFound
from arriero.store.blobs import CHUNK_BYTES, Blob, Blobs
from arriero.store.download import blob_progress
from arriero.store.layout import Store
from arriero.store.manifest import Layer, Manifest, find_manifest, read_manifest
from arriero.store.parts import Part, plan_parts
from arriero.store.progress import Progress, ProgressCallback
from arriero.store.sources.registry import (
    Ask,
    Patience,
    Registry,
    RegistryFailed,
    TryAgain,
    repository_of,
    resolve,
)
from arriero.types.names import ModelName, parse_name, parse_target


@dataclass(frozen=True, slots=True)
class Pusher:
    """Pushes out of stores: the first one that has the name."""

    stores: Sequence[Store]
    patience: Patience

    async def push(self, text: str, progress: ProgressCallback, *, insecure: bool = False) -> None:
        """Push a model to the registry that its name stands for. insecure: over plain http.

        Raises ModelNotFound, LoadFailed where a blob is missing here, Unauthorized, and RegistryFailed.
        """
        # Ollama's command expects a step that is about no blob before all others.
        progress(Progress("retrieving manifest"))
        try:
            name = parse_target(text)
            store, path = self._find(name)
            manifest = read_manifest(path).manifest
            content = path.read_bytes()
        except (ArrieroError, OSError):
            progress(Progress("couldn't retrieve manifest"))
            raise
        async with Registry(repository_of(name, insecure=insecure), self.patience) as registry:
            try:
                for layer in _distinct(manifest):
                    await _Upload(registry, Blobs(store.blobs).path(layer.digest), layer, progress).run()
                progress(Progress("pushing manifest"))
                await _put_manifest(registry, manifest, content)
            except (aiohttp.ClientError, TimeoutError, TryAgain) as error:
                raise RegistryFailed(f"{registry.lost(error)}, then push again") from error

    def _find(self, name: ModelName) -> tuple[Store, Path]:
        for store in self.stores:
            if path := find_manifest(store, name):
                return store, path
        raise ModelNotFound(f"model '{name.short}' not found; copy a model to that name before it is pushed")


class _Upload:
    """One blob on its way out."""

    def __init__(self, registry: Registry, path: Path, layer: Layer, progress: ProgressCallback) -> None:
        self._registry = registry
        self._path = path
        self._layer = layer
        self._blob = Blob(layer.digest, layer.size)
        self._progress = progress

    async def run(self) -> None:
        if not self._path.is_file() or self._path.stat().st_size != self._blob.size_bytes:
            raise LoadFailed(f"{self._path} is missing or damaged; pull or create the model again")
        if not await self._is_there():
            await self._send_with_tries()
        self._tell(self._blob.size_bytes)

    async def _is_there(self) -> bool:
        url = self._registry.repository.blob(self._blob.digest)
        async with self._registry.send(Ask("HEAD", url)) as response:
            return response.status == 200

    async def _send_with_tries(self) -> None:
        """Send the blob, from its beginning again where the connection breaks: half an upload is worth nothing."""
        patience = self._registry.patience
        for failures in range(1, patience.tries + 1):
            try:
                await self._send()
            except (aiohttp.ClientError, TimeoutError, TryAgain) as error:
                if failures == patience.tries:
                    raise RegistryFailed(f"{self._registry.lost(error)}, then push again") from error
                await asyncio.sleep(patience.backoff_s * 2 ** (failures - 1))
            else:
                return

    async def _send(self) -> None:
        url = await self._begin()
        if url is None:
            return
        self._tell(0)
        sums = []
        for part in plan_parts(self._blob.size_bytes):
            url, part_sum = await self._send_watched(url, part)
            sums.append(part_sum)
        # By this, Ollama's registry knows the parts that were sent elsewhere; others pass over it.
        etag = f"{_md5(b''.join(sums)).hexdigest()}-{len(sums)}"
        ask = Ask("PUT", url.extend_query({"digest": self._blob.digest, "etag": etag}))
        async with self._registry.send(ask) as response:
            await self._registry.check(response)

    async def _begin(self) -> URL | None:
        """Ask for a place to upload to; None where the registry has taken the blob over from another model."""
        url = self._registry.repository.uploads
        if self._layer.origin and (source := _repository_path(self._layer.origin)):
            url = url.with_query({"mount": self._blob.digest, "from": source})
        async with self._registry.send(Ask("POST", url)) as response:
            await self._registry.check(response)
            return None if response.status == 201 else _place(response, url)

    async def _send_watched(self, url: URL, part: Part) -> tuple[URL, bytes]:
        """Send a part; return where the next one goes, and this one's MD5. Raises TimeoutError where bytes get stuck.

        aiohttp's own time limits are for bytes that come: where nobody takes those that go, it would wait for ever.
        """
        patience = self._registry.patience
        longest_s = patience.connect_s + patience.stall_s
        clock_s = asyncio.get_running_loop().time
        async with asyncio.timeout(longest_s) as limit:

            def sent(completed: int) -> None:
                with suppress(RuntimeError):  # the answer has come before the body's end
                    limit.reschedule(clock_s() + longest_s)
                self._tell(completed)

            body = _Body(self._path, part, sent)
            return await self._send_part(url, part, body), body.md5

    async def _send_part(self, url: URL, part: Part, body: "_Body") -> URL:
        """Send a part, elsewhere where the registry says so; return where the next one goes."""
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(part.size)}
        asked = {"Content-Range": f"{part.offset}-{part.offset + part.size - 1}", "X-Redirect-Uploads": "1"}
        ask = Ask("PATCH", url, {**headers, **asked}, body.read, follows=False)
        async with self._registry.send(ask) as response:
            if response.status != 307:
                await self._registry.check(response)
                return _place(response, url)
            elsewhere = resolve(url, response.headers.get("Location", ""))
            following = _place(response, url, "Docker-Upload-Location")
        async with self._registry.send(Ask("PUT", elsewhere, headers, body.read, follows=False)) as response:
            await self._registry.check(response)
        return following

    def _tell(self, completed: int) -> None:
        self._progress(blob_progress("pushing", self._blob, completed))


class _Body:
    """The bytes of a part, as often as they are sent. md5: of what was read the last time."""

    def __init__(self, path: Path, part: Part, tell: Callable[[int], None]) -> None:
        self._path, self._part, self._tell = path, part, tell
        self.md5 = b""

    async def read(self) -> AsyncIterator[bytes]:
        """Yield them; the progress is told as they leave."""
        md5, at, end = _md5(), self._part.offset, self._part.offset + self._part.size
        while at < end and (chunk := await asyncio.to_thread(_read_at, self._path, at, min(CHUNK_BYTES, end - at))):
            await asyncio.to_thread(md5.update, chunk)
            yield chunk
            at += len(chunk)
            self._tell(at)
        self.md5 = md5.digest()


async def _put_manifest(registry: Registry, manifest: Manifest, content: bytes) -> None:
    headers = {"Content-Type": manifest.media_type}
    async with registry.send(Ask("PUT", registry.repository.manifest, headers, lambda: content)) as response:
        await registry.check(response)


def _distinct(manifest: Manifest) -> list[Layer]:
    """Return the layers in their order, and then the config, each content once."""
    return list({layer.digest: layer for layer in (*manifest.layers, manifest.config)}.values())


def _repository_path(text: str) -> str:
    """Return where a registry may have a layer already, or ``""`` where the text names no model."""
    try:
        name = parse_name(text)
    except InvalidRequest:
        return ""
    return f"{name.namespace}/{name.model}"


def _place(response: aiohttp.ClientResponse, url: URL, *names: str) -> URL:
    """Return the address in the first of these headers that is there, else the one that was asked."""
    for name in names or ("Docker-Upload-Location", "Location"):
        if place := response.headers.get(name):
            return resolve(url, place)
    return url


def _read_at(path: Path, offset: int, size_bytes: int) -> bytes:
    # The file is opened for each piece: what sends a body that is given up does not always close it.
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(size_bytes)


def _md5(content: bytes = b"") -> "hashlib._Hash":
    return hashlib.md5(content, usedforsecurity=False)
