"""Whether what is to come fits on the disk."""

import shutil
from pathlib import Path

from arriero.errors import SourceFailed


def require_space(directory: Path, missing_bytes: int) -> None:
    """Raise SourceFailed where the disk of a directory, which need not be there yet, has less room than is missing."""
    while not directory.exists() and directory.parent != directory:
        directory = directory.parent
    free_bytes = shutil.disk_usage(directory).free
    if missing_bytes > free_bytes:
        raise SourceFailed(
            f"{missing_bytes / 1e9:.1f} GB are missing, and the disk of {directory} has {free_bytes / 1e9:.1f} GB "
            "free; make room"
        )
