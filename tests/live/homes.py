"""Data directories that a test may change."""

import os
import shutil
from pathlib import Path

from arriero.store.layout import Store


def copy_home(model_home: Path, home: Path) -> Path:
    """A data directory with SmolLM2-135M in it, at no cost: its blobs are links."""
    there, here = Store(model_home / "models"), Store(home / "models")
    shutil.copytree(there.blobs, here.blobs, copy_function=os.symlink)
    shutil.copytree(there.manifests, here.manifests)
    return home
