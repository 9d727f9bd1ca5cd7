"""Where models and what belongs to them lie on disk."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import platformdirs


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


def layout_from(environ: Mapping[str, str]) -> Layout:
    """Decide from the environment (``ARRIERO_HOME``, ``OLLAMA_MODELS``) where models lie. Creates nothing.

    A store that belongs to Ollama is only read, and only when the user has named it: new models then go to
    arriero's own directory.
    """
    data = data_dir(environ)
    own = Store(data / "models")
    named = environ.get("OLLAMA_MODELS")
    if not named:
        return Layout(data, own)
    store = Store(Path(named).expanduser())
    return Layout(data, own, (store,)) if _is_ollamas(store.root) else Layout(data, store)


def _is_ollamas(models: Path) -> bool:
    # Its service keeps them at .ollama/models below the home of a user of its own, so the end of the path decides.
    return models.resolve().parts[-2:] == (".ollama", "models")
