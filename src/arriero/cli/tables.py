"""Tables of plain text: read by people, and by scripts that split at blanks."""

from collections.abc import Sequence

from arriero.cli.wrapping import cells_of

_GAP = "    "


def aligned(rows: Sequence[Sequence[str]], indent: str = "") -> str:
    """Lines of cells, each column as wide as its widest cell, with nothing behind the last one."""
    widths = [max(map(cells_of, column)) for column in zip(*rows, strict=True)]
    lines = (_GAP.join(map(_filled, row, widths)) for row in rows)
    return "\n".join(f"{indent}{line}".rstrip() for line in lines)


def _filled(text: str, width: int) -> str:
    return text + " " * (width - cells_of(text))
