"""The models that this server can answer with, found by what a request calls them."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, Self

from arriero.errors import ArrieroError, CloudDisabled, InvalidRequest, LoadFailed, ModelNotFound, UpstreamsDown
from arriero.store.digests import compute_digest, provisional_digest, remembered_digest
from arriero.store.gguf import GgufFile, InvalidGguf, read_gguf
from arriero.store.layout import Layout, Store
from arriero.store.manifest import find_manifest, list_manifests, name_of, read_manifest
from arriero.store.progress import ignore_progress
from arriero.store.records import record_of_manifest
from arriero.store.threads import run_reporting
from arriero.types.models import ModelRecord
from arriero.types.names import ModelName, parse_name, split_source

logger = logging.getLogger(__name__)

NameKey = tuple[str, str, str, str]
# Where a model lies: a manifest and the store that has it, or a bare file.
Place = tuple[Store, Path] | Path


@dataclass(frozen=True, slots=True)
class Pinned:
    """A model given at start. names: what it answers to and is listed as, exactly as written; at least one."""

    record: ModelRecord
    names: tuple[str, ...]


class Virtual(Protocol):
    """Models that are made of others."""

    def find(self, text: str) -> ModelRecord | None:
        """The one that goes by this name, in any case of letters, as it stands."""

    def records(self) -> list[ModelRecord]:
        """All of them."""


class Library:
    """Pinned models and, behind them, every manifest of the stores.

    Stores are read from disk each time, so what another process adds or removes counts at once. The models of
    unchanged manifests are remembered. A stored model that was given at start, under names of its own, is listed
    under those alone. Models that others serve are ``offered``, and come between the two.
    """

    def __init__(self, layout: Layout, pinned: Sequence[Pinned] = (), stores: Sequence[Store] | None = None) -> None:
        """Serve the pinned models and those in ``stores``: None stands for all of the layout's."""
        self.layout = layout
        self._stores = layout.stores if stores is None else tuple(stores)
        self._digests = layout.data / "digests"
        self._offered: tuple[ModelRecord, ...] = ()
        self._missing = ""
        self._virtual: Virtual | None = None
        self._pin([replace(model.record, name=name) for model in pinned for name in model.names])
        self._stored: dict[Path, tuple[int, ModelRecord]] = {}
        self._skipped: set[tuple[Path, int]] = set()
        self._headers: dict[Path, tuple[int, GgufFile]] = {}
        self._hashing = asyncio.Lock()
        self._aliased = dict(self._find_aliased())

    def _pin(self, records: Sequence[ModelRecord]) -> None:
        self._given = tuple(records)
        given = {text for record in records for text in _spellings(record.name)}
        others = [record for record in self._offered if not given & _spellings(record.name)]
        self._pinned = (*self._given, *others)
        # Who bears a name exactly comes before who only answers to it, and of these the first.
        exact = {record.name.strip(): record for record in reversed(self._pinned)}
        self._pinned_by_text = {text: record for record in reversed(self._pinned) for text in _spellings(record.name)}
        self._pinned_by_text |= {name.lower(): record for name, record in exact.items()} | exact
        self._pinned_by_key = {key: record for record in reversed(self._pinned) for key in _keys(record.name)}

    def offer(self, records: Sequence[ModelRecord], missing: str = "") -> None:
        """Serve these models of others, in place of those offered before. A pinned model of the same name hides one.

        missing: words on where models may be that cannot be told now, for those who ask for one that is not here.
        """
        self._offered, self._missing = tuple(records), missing
        self._pin(self._given)

    def add_virtual(self, models: Virtual) -> None:
        """Serve these models as well. Their names come before all others, and before what a name's end may mean."""
        self._virtual = models

    @property
    def stores(self) -> tuple[Store, ...]:
        """The stores whose models are served."""
        return self._stores

    @classmethod
    def only(cls, layout: Layout, pinned: Sequence[Pinned]) -> Self:
        """Return a library of exactly the pinned models."""
        return cls(layout, pinned, stores=())

    def find(self, raw: str) -> ModelRecord:
        """Return the model that a request calls ``raw``.

        A pinned name counts in any case of letters, with and without ``:latest``; then Ollama's rules for names do.
        Raises CloudDisabled for a name that ends in ``:cloud``, InvalidRequest for one that is none, and
        ModelNotFound, or UpstreamsDown where servers that may have it cannot be asked. A stored model that cannot be
        served raises what ``record_of_manifest`` raises.
        """
        text = raw.strip()
        if record := self._pinned_as(text):
            return record
        text, source = split_source(text)
        if source == "cloud":
            raise CloudDisabled("ollama cloud is disabled: remote model is unavailable")
        if record := self._pinned_as(text):
            return _staying(record, source)
        name = parse_name(text)
        try:
            record = self._virtual_at(name) or self._pinned_by_key.get(name.key) or self._find_stored(name)
        except InvalidGguf as error:
            if isinstance(error.__cause__, FileNotFoundError):
                raise ModelNotFound(f'model "{raw}" not found, try pulling it first') from error
            raise
        if record is None:
            raise self._unknown(raw)
        return _staying(record, source)

    def find_near(self, raw: str) -> ModelRecord:
        """Return a model like ``find``, but one of the store's before one of its name that others serve."""
        record = self.find(raw)
        if record.carrier != "upstream":
            return record
        with suppress(InvalidRequest):
            return self._find_stored(parse_name(split_source(raw)[0])) or record
        return record

    def _unknown(self, name: str) -> ModelNotFound | UpstreamsDown:
        """Nobody here goes by a name. Where others may have it who cannot be asked, clients must not go and pull it."""
        text = f"model '{name}' not found"
        return UpstreamsDown(f"{text} here; {self._missing}") if self._missing else ModelNotFound(text)

    def _pinned_as(self, text: str) -> ModelRecord | None:
        if self._virtual is not None and (record := self._virtual.find(text)):
            return record
        return self._pinned_by_text.get(text) or self._pinned_by_text.get(text.lower())

    def _virtual_at(self, name: ModelName) -> ModelRecord | None:
        return self._virtual.find(name.short) if self._virtual is not None else None

    def locate(self, raw: str) -> Place:
        """Return where the model lies that a request calls ``raw``, whether it can be served or not.

        Raises InvalidRequest for what is no name, and ModelNotFound.
        """
        self.check_own(raw)
        record = self.pinned(raw)
        if record and not record.digest:
            return record.path
        text, source = split_source(raw)
        if source == "cloud" and not record:
            raise ModelNotFound(f"model '{raw}' not found")
        name = None if record else parse_name(text)
        for store in self._stores:
            path = (
                find_manifest(store, name)
                if name
                else next(_manifests_of(store, record.digest if record else ""), None)
            )
            if path:
                return store, path
        raise ModelNotFound(f"model '{raw}' not found")

    def check_own(self, raw: str) -> None:
        """Raise InvalidRequest for the name of a model that another server or engine has."""
        record = self.pinned(raw)
        if record and record.carrier == "router":
            raise InvalidRequest(
                f"{record.name} is a router: it comes and goes with the flags and the configuration file"
            )
        if record and record.weights is None:
            raise InvalidRequest(f"{record.name} is not in this server's store: another server or engine has it")

    def pinned(self, raw: str) -> ModelRecord | None:
        """Return the model given at start that answers to a name, if one does."""
        text = split_source(raw)[0]
        found = self._pinned_as(raw.strip()) or self._pinned_as(text)
        if not found and self._virtual is not None:
            with suppress(InvalidRequest):
                found = self._virtual_at(parse_name(text))
        return found or next((self._pinned_by_key[key] for key in _keys(text) if key in self._pinned_by_key), None)

    def unpin(self, is_gone: Callable[[ModelRecord], bool]) -> None:
        """Take models off those given at start."""
        self._pin([record for record in self._given if not is_gone(record)])

    def find_listed(self, raw: str) -> ModelRecord:
        """Return the model like ``find``; what is not found is named as it would be listed, with its tag."""
        try:
            return self.find(raw)
        except ModelNotFound as error:
            raise self._unknown(parse_name(split_source(raw)[0]).short) from error

    def records(self) -> list[ModelRecord]:
        """Return all models, the newest first. What cannot be served is left out, and the log says why.

        Reads the header of every stored model that it has not seen yet: 10 ms each.
        """
        found = list(self._pinned)
        seen = set(self._pinned_by_key)
        if self._virtual is not None:
            virtual = self._virtual.records()
            names = {record.name.lower() for record in virtual}
            found = [*virtual, *(record for record in found if record.name.lower() not in names)]
            seen |= {key for record in virtual for key in _keys(record.name)}
        for store in self._stores:
            for path in list_manifests(store):
                name = name_of(path)
                if name and name.key not in seen and self._aliased.get(path) != _mtime_ns(path):
                    seen.add(name.key)
                    found.extend(self._servable(store, path))
        return sorted(found, key=lambda record: record.modified_at, reverse=True)

    async def digest(self, record: ModelRecord) -> str:
        """Return 64 hex digits: the manifest's, or a bare file's own, hashed once and then remembered on disk."""
        if record.digest:
            return record.digest
        async with self._hashing:
            if known := remembered_digest(self._digests, record.path):
                return known
            # A server that stops does not wait for it.
            return await run_reporting(lambda _: compute_digest(self._digests, record.path), ignore_progress)

    def shown_digest(self, record: ModelRecord) -> str:
        """Return 64 hex digits at once: of a bare file that is not hashed yet, such as change when the file does.

        Raises LoadFailed where the file is gone.
        """
        return record.digest or remembered_digest(self._digests, record.path) or provisional_digest(record.path)

    def gguf(self, path: Path, *, verbose: bool = False) -> GgufFile:
        """Return the header of a model's file, with its arrays where ``verbose`` asks for them. Raises InvalidGguf."""
        if verbose:
            return read_gguf(path, arrays=True)
        cached = self._headers.get(path)
        mtime_ns = _mtime_ns(path)
        if cached is None or cached[0] != mtime_ns:
            cached = self._headers[path] = (mtime_ns, read_gguf(path))
        return cached[1]

    def _find_aliased(self) -> Iterator[tuple[Path, int]]:
        """Yield the manifests of pinned models, with when they were written: later, another model lies there.

        Of a model that has several names in the store, each is listed.
        """
        for digest in {record.digest for record in self._pinned} - {""}:
            found = [path for store in self._stores for path in _manifests_of(store, digest)]
            if len(found) == 1:
                yield found[0], _mtime_ns(found[0])

    def _find_stored(self, name: ModelName) -> ModelRecord | None:
        for store in self._stores:
            if path := find_manifest(store, name):
                with suppress(FileNotFoundError):  # another process has deleted it just now
                    return self._load(store, path)
        return None

    def _load(self, store: Store, path: Path) -> ModelRecord:
        mtime_ns = path.stat().st_mtime_ns
        cached = self._stored.get(path)
        if cached is None or cached[0] != mtime_ns:
            try:
                record = record_of_manifest(store, read_manifest(path))
            except (ValueError, ArithmeticError) as error:
                raise LoadFailed(f"{path} or a part of it is damaged: {error}") from error
            cached = self._stored[path] = (mtime_ns, record)
        return cached[1]

    def _servable(self, store: Store, path: Path) -> Iterable[ModelRecord]:
        try:
            return [self._load(store, path)]
        except (ArrieroError, OSError) as error:
            self._log_skipped(path, str(error))
            return []

    def _log_skipped(self, path: Path, reason: str) -> None:
        mark = (path, _mtime_ns(path))
        if mark not in self._skipped:
            self._skipped.add(mark)
            logger.warning("stored model left out", extra={"manifest": str(path), "reason": reason})


def _mtime_ns(path: Path) -> int:
    """Return when a file was last changed, or 0 where there is none: whoever opens it then tells that better."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _manifests_of(store: Store, digest: str) -> Iterator[Path]:
    """Yield the manifests with a digest, whatever their names are."""
    for path in list_manifests(store):
        with suppress(LoadFailed):
            if read_manifest(path).digest == digest:
                yield path


def _staying(record: ModelRecord, source: str) -> ModelRecord:
    """The record, with what the end of a name means that was sought without it: of a router, the local side alone."""
    return replace(record, reference="local") if source == "local" and record.carrier == "router" else record


def _spellings(name: str) -> set[str]:
    """Return the lower-case texts that a pinned name answers to, be it a valid Ollama name or not."""
    text = name.strip().lower()
    return {text, text.removesuffix(":latest"), text if ":" in text.rpartition("/")[2] else f"{text}:latest"}


def _keys(name: str) -> set[NameKey]:
    try:
        return {parse_name(name).key}
    except InvalidRequest:
        return set()
