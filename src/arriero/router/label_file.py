"""Labels: prompts with how well the two sides answer them, each a line of JSON."""

from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from arriero.errors import ConfigError

FORMS = '{"prompt": …, "gain": …}, {"prompt": …, "q_local": …, "q_remote": …} or {"prompt": …, "label": "COMPLEX"}'
_MOST_GAIN = 1.0


class Label(Struct, frozen=True):
    """gain: what the remote answer is better by, -1 to 1. q_local, q_remote: how good both are, 0 to 1, where known.

    score; scorer: what was expected, where that was written down.
    """

    prompt: str
    gain: float
    q_local: float | None = None
    q_remote: float | None = None
    score: float | None = None
    scorer: str = ""


class _Line(Struct, frozen=True):
    """What a line may have; what else stands in it is passed over."""

    prompt: str
    gain: float | None = None
    q_local: float | None = None
    q_remote: float | None = None
    label: Literal["SIMPLE", "COMPLEX"] | None = None
    score: float | None = None
    scorer: str = ""


def read_labels(path: Path) -> list[Label]:
    """The labels of a file, in its order. Raises ConfigError, which names the line, for what is none."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    labels = [_label(f"{path}, line {number}", line) for number, line in enumerate(lines, 1) if line.strip()]
    if not labels:
        raise ConfigError(f"{path} has no labels: give lines such as {FORMS}")
    return labels


def _label(place: str, content: bytes) -> Label:
    try:
        line = msgspec.json.decode(content, type=_Line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{place}: {error}; a line is {FORMS}") from error
    gain = _gain(line)
    if gain is None:
        raise ConfigError(f"{place}: nothing says which answer is better; a line is {FORMS}")
    if not -_MOST_GAIN <= gain <= _MOST_GAIN:
        raise ConfigError(f"{place}: a gain is between -1 and 1, and a quality between 0 and 1, not {gain:g}")
    return Label(line.prompt, gain, line.q_local, line.q_remote, line.score, line.scorer)


def _gain(line: _Line) -> float | None:
    if line.gain is not None:
        return line.gain
    if line.q_local is not None and line.q_remote is not None:
        return line.q_remote - line.q_local
    return None if line.label is None else float(line.label == "COMPLEX")
