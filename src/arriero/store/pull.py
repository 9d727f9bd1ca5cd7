"""Pulls one model out of a registry into a store: its blobs first, and when all of them are there, its manifest."""

from contextlib import suppress
from dataclasses import dataclass

from arriero.errors import ArrieroError, LoadFailed
from arriero.store.blobs import Blob, Blobs, is_digest
from arriero.store.collect import digests_of, prune
from arriero.store.disk_space import require_space
from arriero.store.download import blob_progress, download_blob
from arriero.store.foreign_json import UnusableJson, decode_foreign
from arriero.store.holds import Holds
from arriero.store.install import put_manifest
from arriero.store.layout import Store
from arriero.store.manifest import Manifest, find_manifest, read_manifest
from arriero.store.partial import drop_leftovers, is_present, missing_bytes
from arriero.store.progress import Progress, ProgressCallback
from arriero.store.sharing import Sharing
from arriero.store.sources.registry import Patience, Registry, RegistryFailed, Repository, repository_of
from arriero.store.threads import run_to_end
from arriero.types.names import ModelName


@dataclass(frozen=True, slots=True)
class RegistryPuller:
    """Pulls into one store. downloads: shared by all pulls, so that two models with the same blob fetch it once.

    prunes: what only a replaced manifest needed is removed.
    """

    store: Store
    downloads: Sharing
    holds: Holds
    patience: Patience
    prunes: bool = True

    async def pull(self, name: ModelName, progress: ProgressCallback, *, insecure: bool) -> None:
        """Pull a model. Until its last blob has come, the store has what it had before under the name.

        insecure: over plain http. Raises SourceFailed, Unauthorized, and RegistryUnreachable where there is no
        connection to begin with.
        """
        progress(Progress("pulling manifest"))
        repository = repository_of(name, insecure=insecure)
        async with Registry(repository, self.patience) as registry:
            content = await registry.manifest()
        manifest = parse_manifest(content)
        async with self.holds.hold_off_loop(digests_of(manifest)):
            missing = sum(missing_bytes(self._blobs, blob) for blob in blobs_of(manifest))
            require_space(self._blobs.directory, missing)
            for blob in blobs_of(manifest):
                await self._bring(repository, blob, progress)
            # Another process may have removed, with a model of its own, what was here before.
            for blob in blobs_of(manifest):
                if not is_present(self._blobs, blob):
                    await self._bring(repository, blob, progress)
            progress(Progress("verifying sha256 digest"))
            progress(Progress("writing manifest"))
            unused = await run_to_end(self._put, name, content, manifest)
        if unused and self.prunes:
            progress(Progress("removing unused layers"))
            await run_to_end(prune, self.store, unused, self.holds)

    async def _bring(self, repository: Repository, blob: Blob, progress: ProgressCallback) -> None:
        if is_present(self._blobs, blob):
            progress(blob_progress("pulling", blob, blob.size_bytes))
            return

        is_own = False

        async def download(tell: ProgressCallback) -> None:
            nonlocal is_own
            is_own = True
            async with Registry(repository, self.patience) as registry:
                await download_blob(registry, self._blobs, blob, tell)

        while not is_own:
            try:
                await self.downloads.run((repository.base, blob), download, progress)
            except ArrieroError:
                # What another model's repository refuses, this one's may give.
                if is_own:
                    raise
            else:
                return

    def _put(self, name: ModelName, content: bytes, manifest: Manifest) -> set[str]:
        """Write the manifest; return the digests that the one before had and this one has not."""
        before: set[str] = set()
        if path := find_manifest(self.store, name):
            with suppress(LoadFailed):  # a damaged manifest needs nothing
                before = digests_of(read_manifest(path).manifest)
        put_manifest(self.store, name, content)
        drop_leftovers(self._blobs, blobs_of(manifest))
        return before - digests_of(manifest)

    @property
    def _blobs(self) -> Blobs:
        return Blobs(self.store.blobs)


def parse_manifest(content: bytes) -> Manifest:
    """Read a manifest that a registry has sent. Raises RegistryFailed for one of which no model can be made."""
    try:
        manifest = decode_foreign(content, Manifest)
    except UnusableJson as error:
        raise RegistryFailed(f"pull model manifest: the registry sent none of a model ({error})") from error
    if not all(map(is_digest, digests_of(manifest))):
        raise RegistryFailed("pull model manifest: it has a digest that is none")
    if any(layer.kind == "tensor" for layer in manifest.layers):
        raise RegistryFailed(
            "this model requires MLX support, and arriero runs GGUF models; pull a variant of it that is GGUF"
        )
    return manifest


def blobs_of(manifest: Manifest) -> list[Blob]:
    """Return what a manifest is made of, each once: the layers in their order, and then the config."""
    found = {layer.digest: Blob(layer.digest, layer.size) for layer in (*manifest.layers, manifest.config)}
    return list(found.values())
