"""What a router has been taught: a threshold, and what each scorer's numbers are worth. Lies in a file beside the log.

The user's own settings go before it. A decision that has been logged can be calibrated anew, since a calibrated score
says in its notes what the scorer itself had said.
"""

from collections.abc import Mapping
from math import isfinite
from pathlib import Path
from urllib.parse import quote

import msgspec
from msgspec import Struct, field
from msgspec.structs import replace

from arriero.errors import ConfigError
from arriero.router.calibration import Calibration, Isotonic
from arriero.router.share import ShareState
from arriero.types.routing import Score

_FOLDER = "routers"
_RAW = "raw="


class Tuning(Struct, frozen=True, forbid_unknown_fields=True):
    """What ``arriero route calibrate`` has found for one router.

    threshold: the probability from which on requests go remote; None where it has not been looked for. calibrations: by
    the name of the scorer.
    """

    threshold: float | None = None
    calibrations: Mapping[str, Calibration] = field(default_factory=dict)


NO_TUNING = Tuning()


def tuning_file(data: Path, router: str) -> Path:
    """Where a router's tuning lies below arriero's own directory, whatever signs there are in its name."""
    return data / _FOLDER / f"{_file_name(router)}.json"


def share_file(data: Path, router: str) -> Path:
    """Where it lies what a router that holds a share knew when it was stopped."""
    return data / _FOLDER / "share" / f"{_file_name(router)}.json"


def load_tuning(path: Path) -> Tuning:
    """The tuning in a file; an empty one where there is none. Raises ConfigError for a file that is none."""
    content = _read(path)
    if content is None:
        return NO_TUNING
    try:
        tuning = msgspec.json.decode(content, type=Tuning)
    except msgspec.DecodeError as error:
        raise ConfigError(_no_tuning(path, str(error))) from error
    if any(isinstance(each, Isotonic) and not each.points for each in tuning.calibrations.values()):
        raise ConfigError(_no_tuning(path, "a calibration has no points"))
    return tuning


def save_tuning(path: Path, tuning: Tuning) -> None:
    """Write it, in place of what was there. Raises ConfigError where that cannot be."""
    assert tuning.threshold is None or isfinite(tuning.threshold), "a threshold is a number"
    try:
        _write(path, msgspec.json.format(msgspec.json.encode(tuning), indent=1) + b"\n")
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from error


def load_share(path: Path) -> ShareState | None:
    """What a share controller knew; None where nothing is kept, or nothing that can be used."""
    try:
        content = path.read_bytes()
        return msgspec.json.decode(content, type=ShareState)
    except (OSError, msgspec.DecodeError):
        # A controller that begins anew holds its share just as well, after some requests.
        return None


def save_share(path: Path, state: ShareState) -> None:
    """Keep what a share controller knows. Raises OSError."""
    _write(path, msgspec.json.encode(state))


def calibrated(score: Score, calibrations: Mapping[str, Calibration]) -> Score:
    """The score as a probability that is right as often as it says, where that is known of its scorer."""
    calibration = calibrations.get(score.scorer)
    if calibration is None:
        return score
    notes = (*score.notes, f"{_RAW}{score.probability:.6g}")
    return replace(score, probability=calibration(score.probability), notes=notes)


def raw_probability(score: Score) -> float:
    """What the scorer itself has said, before it was calibrated."""
    told = next((note.removeprefix(_RAW) for note in score.notes if is_raw(note)), None)
    return score.probability if told is None else float(told)


def is_raw(note: str) -> bool:
    """Whether a note tells what the scorer itself has said."""
    return note.startswith(_RAW)


def _file_name(router: str) -> str:
    # A name may have slashes and dots in it: quoted, none of it leads out of the folder.
    return quote(router.strip().lower(), safe="")


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(f"the router's tuning {path} cannot be read: {error.strerror}") from error


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.new")
    beside.write_bytes(content)
    beside.replace(path)


def _no_tuning(path: Path, why: str) -> str:
    return f"{path} is no tuning of a router: {why}. Remove it, or make it anew with: arriero route calibrate"
