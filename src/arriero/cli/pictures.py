"""Files that a prompt names: pictures and sounds for models that take them."""

import re
from pathlib import Path

from arriero.errors import InvalidRequest

_KINDS = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".wav", ".mp3"}
_MOST_BYTES = 100 << 20
# A path may be quoted, or have its blanks escaped, as terminals write it when a file is dropped on them.
_CANDIDATE = re.compile(r"""'([^'\n]+)'|"([^"\n]+)"|((?:\\.|[^\s\\])+)""")


def named_files(text: str) -> list[tuple[str, Path]]:
    """The files that a text names and that are there, each with the words that name it."""
    found = []
    for match in _CANDIDATE.finditer(text):
        written = match[1] or match[2] or re.sub(r"\\(.)", r"\1", match[3] or "")
        path = Path(written)
        if path.suffix.lower() in _KINDS and is_file(path.expanduser()):
            found.append((match[0], path.expanduser()))
    return found


def with_files(text: str) -> tuple[str, tuple[bytes, ...], list[str]]:
    """A prompt without the files that it names, their contents, and a line on each for the user."""
    contents: list[bytes] = []
    lines = []
    for written, path in named_files(text):
        if path.stat().st_size > _MOST_BYTES:
            raise InvalidRequest(f"{path} is larger than 100 MiB")
        contents.append(path.read_bytes())
        lines.append(f"Added {'sound' if path.suffix.lower() in {'.wav', '.mp3'} else 'image'} '{path}'")
        text = text.replace(written, "", 1)
    return (text.strip() if contents else text), tuple(contents), lines


def is_file(path: Path) -> bool:
    """Whether a path is a file's; what no path can be is none."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False
