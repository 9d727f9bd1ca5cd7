"""Changes what models there are: copies, deletes and makes them, in the store that new models are written to."""

import logging
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from arriero.errors import InvalidRequest, LoadFailed, ModelNotFound, StoreReadOnly
from arriero.store.assembly import Assembly
from arriero.store.blobs import Blob, Blobs
from arriero.store.collect import digests_of, prune, remove_empty_parents
from arriero.store.create import BareFile, Base, assemble
from arriero.store.digests import compute_digest, remembered_digest
from arriero.store.holds import Holds
from arriero.store.install import put_manifest
from arriero.store.library import Library, Place
from arriero.store.manifest import find_manifest, read_manifest
from arriero.store.progress import Progress, ProgressCallback, ignore_progress
from arriero.store.recipe import Recipe
from arriero.types.names import ModelName, parse_name, split_source

logger = logging.getLogger(__name__)


class Editor:
    """Every method blocks, and may run in any thread.

    Manifests are replaced whole and last, and deleted first: a process that is killed leaves every model either as it
    was or as it should become, and at worst blobs that the next start removes.
    """

    def __init__(self, library: Library, holds: Holds, *, prunes: bool = True) -> None:
        """Change the own store of a library's layout. prunes: blobs that no model needs any more go at once."""
        layout = library.layout
        self._store = layout.own
        self._blobs = Blobs(layout.own.blobs)
        self._digests = layout.data / "digests"
        self._library, self._holds, self._prunes = library, holds, prunes

    @property
    def blobs(self) -> Blobs:
        """The blobs of the store that is changed. Raises StoreReadOnly where this server changes none."""
        self._check_store()
        return self._blobs

    def check_name(self, raw: str) -> None:
        """Raise InvalidRequest unless a model may go by this name: those given at start may have any."""
        if not self._library.pinned(raw):
            parse_name(split_source(raw)[0])

    def has(self, raw: str) -> bool:
        """Tell whether there is a model to begin with that goes by a name."""
        try:
            self._library.locate(raw)
        except ModelNotFound:
            return False
        return True

    def create(self, recipe: Recipe, progress: ProgressCallback = ignore_progress) -> None:
        """Make a model, in place of the one that has its name. Raises what ``assemble`` raises, and ModelNotFound."""
        self._make(recipe, self._base(recipe.base) if recipe.base else None, progress)

    def copy(self, source: str, target: ModelName) -> None:
        """Give a model a second name. A bare file becomes a model of the store, and stays where it is.

        Nothing happens where both are one name. Raises ModelNotFound, and LoadFailed where the manifest is damaged.
        """
        if _is_called(source, target):
            return
        try:
            place = self._library.locate(source)
        except ModelNotFound as error:
            raise ModelNotFound(f'model "{source}" not found') from error
        self._check_target(target)
        if isinstance(place, Path):
            self._make(Recipe(name=target), replace(self._bare(place), name=""), ignore_progress)
            return
        store, path = place
        content = _content(path, source)
        needed = digests_of(read_manifest(path).manifest)
        with self._holds.hold(needed):
            # Who has deleted it since then may have removed its blobs too, before they were held.
            if _content(path, source) != content:
                raise ModelNotFound(f'model "{source}" not found')
            for digest in needed if store != self._store else ():
                file = Blobs(store.blobs).path(digest)
                self._blobs.link(file, Blob(digest, file.stat().st_size))
            self._put(target, content, needed)

    def delete(self, raw: str) -> None:
        """Take a model's name away, and remove the blobs that no other model needs.

        A model that is loaded stays loaded. Raises ModelNotFound; InvalidRequest for a bare file, which is the user's;
        StoreReadOnly for a model of a store that is only read.
        """
        self._check_store()
        text, source = split_source(raw)
        name = parse_name(text)
        # One that is said to be in the cloud is not the one of that name here.
        path = None if source == "cloud" else find_manifest(self._store, name)
        if path is None:
            raise self._why_not_deleted(raw)
        needed = _digests_at(path)
        path.unlink(missing_ok=True)
        remove_empty_parents(self._store.manifests, path)
        self._library.unpin(lambda record: _is_called(record.name, name))
        self._prune(needed)
        self._library.unpin(lambda record: bool(record.digest) and not (record.weights is None or record.path.exists()))

    def _make(self, recipe: Recipe, base: Base | BareFile | None, progress: ProgressCallback) -> None:
        self._check_target(recipe.name)
        assembly = Assembly(self._blobs, self._holds, progress)
        try:
            with assembly:
                config = assemble(assembly, self._blobs, base, recipe, progress)
                manifest, content = assembly.finish(config)
                progress(Progress("writing manifest"))
                self._put(recipe.name, content, digests_of(manifest))
        except BaseException:
            self._prune(assembly.made)
            raise

    def _put(self, name: ModelName, content: bytes, needed: set[str]) -> None:
        before = find_manifest(self._store, name)
        unused = _digests_at(before) - needed if before else set()
        old = before.read_bytes() if before else None
        path = put_manifest(self._store, name, content)
        # Another process may have removed what no manifest named. From now on one does.
        if not all(self._blobs.path(digest).exists() for digest in needed):
            if old is not None:
                put_manifest(self._store, name, old)
            else:
                path.unlink(missing_ok=True)
                remove_empty_parents(self._store.manifests, path)
            raise LoadFailed(f"a part of {name.short} is missing from the store: pull or create its model again")
        # What was given at start under this name has been replaced.
        self._library.unpin(lambda record: _is_called(record.name, name))
        self._prune(unused)

    def _prune(self, digests: Iterable[str]) -> None:
        if self._prunes:
            prune(self._store, digests, self._holds)

    def _base(self, raw: str) -> Base | BareFile:
        place: Place = self._library.locate(raw)
        if isinstance(place, Path):
            return replace(self._bare(place), name=_short(raw))
        store, path = place
        stored = read_manifest(path)
        return Base(stored.name.short, Blobs(store.blobs), stored.manifest)

    def _bare(self, path: Path) -> BareFile:
        digest = remembered_digest(self._digests, path) or compute_digest(self._digests, path)
        return BareFile("", path, Blob(f"sha256:{digest}", path.stat().st_size))

    def _check_store(self) -> None:
        if self._store not in self._library.stores:
            raise StoreReadOnly("this server serves only what it was started with: use arriero serve to change models")

    def _check_target(self, name: ModelName) -> None:
        self._check_store()
        if self._library.pinned(name.full) and find_manifest(self._store, name) is None:
            raise InvalidRequest(f"{name.short} is what a model given at start is called: choose another name")

    def _why_not_deleted(self, raw: str) -> Exception:
        try:
            place = self._library.locate(raw)
        except ModelNotFound as error:
            return error
        if isinstance(place, Path):
            return InvalidRequest(f"{raw} is the file {place}, given at start: arriero deletes no files of yours")
        store, path = place
        if store != self._store:
            return StoreReadOnly(f"{raw} lies in {store.root}, which is only read: delete it there")
        return InvalidRequest(
            f"{raw} is another name for {read_manifest(path).name.short}, given at start: delete that"
        )


def _digests_at(path: Path) -> set[str]:
    try:
        return digests_of(read_manifest(path).manifest)
    except LoadFailed as error:
        # What it needed nobody can tell: the next start finds out what nobody needs.
        logger.warning("a damaged manifest goes", extra={"error": error.message})
        return set()


def _content(path: Path, name: str) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise ModelNotFound(f'model "{name}" not found') from error


def _is_called(text: str, name: ModelName) -> bool:
    try:
        return parse_name(split_source(text)[0]).key == name.key
    except InvalidRequest:
        return False


def _short(text: str) -> str:
    try:
        return parse_name(split_source(text)[0]).short
    except InvalidRequest:
        return ""
