"""Downloads one blob out of a registry: in parts, a few at a time, going on where an earlier download has stopped."""

import asyncio
import re

import aiohttp

from arriero.store.blobs import Blob, Blobs
from arriero.store.partial import Partial
from arriero.store.parts import Part
from arriero.store.progress import Progress, ProgressCallback
from arriero.store.sources.registry import Ask, Registry, RegistryFailed, TryAgain
from arriero.store.threads import run_to_end

_PARTS_AT_ONCE = 4
# Small reads are collected, so that a fast download does not go through a thread for each of them.
_WRITE_BYTES = 1 << 20
_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


async def download_blob(registry: Registry, blobs: Blobs, blob: Blob, progress: ProgressCallback) -> None:
    """Bring a blob that is not here into ``blobs``.

    What has come survives cancellation, errors and crashes; the next download of the blob goes on from there. Raises
    RegistryFailed, and SourceFailed where the bytes that came are not the blob's: then they are deleted.
    """
    partial = await Partial.open(blobs, blob)
    if partial is None:
        progress(blob_progress("pulling", blob, blob.size_bytes))
        return
    try:
        await _Download(registry, partial, progress).run()
        await run_to_end(partial.finish)
    finally:
        partial.close()


def blob_progress(verb: str, blob: Blob, completed: int) -> Progress:
    """How far a blob is, in Ollama's words: ``pulling`` and the first 12 digits."""
    short = blob.digest.removeprefix("sha256:")[:12]
    return Progress(f"{verb} {short}", blob.size_bytes, completed, blob.digest)


class _OtherPart(Exception):
    """The server does not send the part that it is asked for: it sends the whole blob perhaps."""


class _Download:
    """One blob on its way."""

    def __init__(self, registry: Registry, partial: Partial, progress: ProgressCallback) -> None:
        self._registry = registry
        self._partial = partial
        self._progress = progress
        self._received = partial.completed
        self._ask_range = True

    async def run(self) -> None:
        self._tell()
        try:
            await self._fetch_parts()
        except _OtherPart:
            self._ask_range = False
            self._partial.restart()
            self._received = 0
            await self._fetch_parts()

    async def _fetch_parts(self) -> None:
        waiting = [part for part in self._partial.parts if part.missing]

        async def work() -> None:
            while waiting:
                await self._fetch_part(waiting.pop(0))

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(_PARTS_AT_ONCE, len(waiting))):
                    group.create_task(work())
        except BaseExceptionGroup as failures:
            # The first to fail has stopped the others.
            raise failures.exceptions[0] from failures

    async def _fetch_part(self, part: Part) -> None:
        patience = self._registry.patience
        failures = 0
        while part.missing:
            before = part.completed
            try:
                await self._read_part(part)
            except (aiohttp.ClientError, TimeoutError, TryAgain) as error:
                # A connection that breaks often is no reason to give up while it brings something each time.
                failures = 1 if self._ask_range and part.completed > before else failures + 1
                if failures >= patience.tries:
                    raise self._broken(error) from error
                await asyncio.sleep(patience.backoff_s * 2 ** (failures - 1))

    async def _read_part(self, part: Part) -> None:
        """Ask for what is missing of a part, and write down what comes."""
        if not self._ask_range:
            self._received -= part.completed
            part.completed = 0
        headers = {}
        if self._ask_range:
            headers["Range"] = f"bytes={part.offset + part.completed}-{part.offset + part.size - 1}"
        url = self._registry.repository.blob(self._partial.blob.digest)
        async with self._registry.send(Ask("GET", url, headers)) as response:
            await self._check(response, part)
            await self._write_down(response, part)

    async def _check(self, response: aiohttp.ClientResponse, part: Part) -> None:
        """Look at the answer's head: whether what follows are the bytes that were asked for."""
        blob = self._partial.blob
        if response.status == 206:
            found = _CONTENT_RANGE.match(response.headers.get("Content-Range", ""))
            if not found or int(found[1]) != part.offset + part.completed:
                raise self._other_part()
            size_bytes = blob.size_bytes if found[2] == "*" else int(found[2])
        elif response.status == 200:
            if part.offset + part.completed or part.size != blob.size_bytes:
                raise self._other_part()
            size_bytes = response.content_length if response.content_length is not None else blob.size_bytes
        else:
            await self._registry.check(response)
            raise RegistryFailed(f"the registry answers {response.status} in place of {blob.digest}")
        if size_bytes != blob.size_bytes:
            raise RegistryFailed(
                f"{blob.digest} has {size_bytes} bytes at the registry and {blob.size_bytes} in the manifest; "
                "whoever runs the registry must mend this"
            )

    async def _write_down(self, response: aiohttp.ClientResponse, part: Part) -> None:
        collected = bytearray()

        async def flush() -> None:
            content = bytes(collected)
            collected.clear()
            await run_to_end(self._partial.write, part, content)

        try:
            async for content in response.content.iter_any():
                fitting = content[: part.missing - len(collected)]
                collected += fitting
                self._received += len(fitting)
                self._tell()
                if len(collected) == part.missing:
                    break  # and not wait for the answer's end, which need not come
                if len(collected) >= _WRITE_BYTES:
                    await flush()
        finally:
            # Also when it broke off, or nobody wants it any more: the next download need not fetch this again.
            await flush()
            if self._ask_range:
                await run_to_end(self._partial.mark, part)
        if part.missing:
            raise TryAgain("the registry ended the answer too early")

    def _tell(self) -> None:
        self._progress(blob_progress("pulling", self._partial.blob, self._received))

    def _other_part(self) -> Exception:
        if self._ask_range:
            return _OtherPart()
        return RegistryFailed(
            f"the registry does not send {self._partial.blob.digest} as it is asked to; whoever runs it must mend this"
        )

    def _broken(self, error: Exception) -> RegistryFailed:
        return RegistryFailed(f"{self._registry.lost(error)}, then pull again to go on")
