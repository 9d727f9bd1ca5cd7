"""Where models and what belongs to them lie on disk."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from arriero.config import variable


@dataclass(frozen=True, slots=True)
class Store:
    """One directory in the form that Ollama gave it: ``manifests/`` beside ``blobs/``."""

    root: Path

    @property
    def manifests(self) -> Path:
        """The directory with one file a name."""
        return self.root / "manifests"

    @property
    def blobs(self) -> Path:
        """The directory with one file a content."""
        return self.root / "blobs"


@dataclass(frozen=True, slots=True)
class Layout:
    """All directories that arriero uses.

    data: arriero's own directory. own: the store that new models are written to. borrowed: stores that are only read.
    """

    data: Path
    own: Store
    borrowed: tuple[Store, ...] = ()

    @property
    def stores(self) -> tuple[Store, ...]:
        """Every store, the own one first: where two have the same name, the first one answers."""
        return (self.own, *self.borrowed)

    @property
    def downloads(self) -> Path:
        """The directory for files that are not complete yet."""
        return self.data / "downloads"


def data_dir(environ: Mapping[str, str]) -> Path:
    """Return arriero's own directory: ``ARRIERO_HOME``, else what the system keeps for applications' data."""
    home = environ.get("ARRIERO_HOME")
    return Path(home).expanduser() if home else platformdirs.user_data_path("arriero", appauthor=False)


def layout_from(environ: Mapping[str, str], can_write: Callable[[Path], bool] | None = None) -> Layout:
    """Decide from the environment where models lie. Creates nothing.

    ``OLLAMA_MODELS`` names the store, as it does for Ollama: read and written, an existing one of Ollama's too. Where
    it may not be written, it is only read, and new models go to arriero's own directory (``ARRIERO_HOME``).
    ``ARRIERO_READ_MODELS`` names further stores, separated as in ``PATH``, that are only read. Without either, that is
    the one that Ollama keeps in the home directory, if there is one.
    """
    data = data_dir(environ)
    borrowed = [Store(Path(text).expanduser()) for text in _paths(environ.get("ARRIERO_READ_MODELS", ""))]
    named = variable(environ, "OLLAMA_MODELS")
    if not named:
        if "ARRIERO_READ_MODELS" not in environ:
            borrowed = _ollamas_own(environ)
        return Layout(data, Store(data / "models"), tuple(borrowed))
    store = Store(Path(named).expanduser())
    if all(map(can_write or can_write_below, (store.root, store.manifests, store.blobs))):
        return Layout(data, store, tuple(each for each in borrowed if each != store))
    return Layout(data, Store(data / "models"), (store, *(each for each in borrowed if each != store)))


def can_write_below(path: Path) -> bool:
    """Whether we may make entries in a directory, or make the directory itself where there is none."""
    while not path.exists() and path.parent != path:
        path = path.parent
    return path.is_dir() and os.access(path, os.W_OK | os.X_OK)


def _ollamas_own(environ: Mapping[str, str]) -> list[Store]:
    store = Store(Path(environ.get("HOME") or "~").expanduser() / ".ollama" / "models")
    # Asked of the system: where a directory above it is closed to us, pathlib raises.
    return [store] if os.access(store.manifests, os.R_OK | os.X_OK) else []


def _paths(text: str) -> list[str]:
    return [path for path in text.split(os.pathsep) if path]
