"""Reads the project's Markdown."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
_FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(document: str, language: str) -> list[str]:
    """The fenced blocks of a language, in order."""
    text = (ROOT / document).read_text()
    return [found[2] for found in _FENCE.finditer(text) if found[1] == language]


@dataclass(frozen=True, slots=True)
class Table:
    """One table. heading: of the section that it stands in. head: its first column's. rows: the texts of the cells."""

    heading: str
    head: str
    rows: tuple[tuple[str, ...], ...]


def tables(document: str) -> list[Table]:
    """All tables, in order."""
    found: list[Table] = []
    heading = ""
    lines: list[tuple[str, ...]] = []
    for line in [*(ROOT / document).read_text().splitlines(), ""]:
        if line.startswith("|"):
            lines.append(tuple(cell.strip() for cell in line.strip("|").split("|")))
            continue
        if lines:
            found.append(Table(heading, lines[0][0], tuple(lines[2:])))
            lines = []
        heading = line.lstrip("# ") if line.startswith("#") else heading
    return found
