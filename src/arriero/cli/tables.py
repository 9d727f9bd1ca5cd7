"""Tables of plain text: read by people, and by scripts that split at blanks."""

from collections.abc import Sequence

_GAP = "    "


def aligned(rows: Sequence[Sequence[str]], indent: str = "") -> str:
    """Lines of cells, each column as wide as its widest cell, with nothing behind the last one."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (_GAP.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(f"{indent}{line}".rstrip() for line in lines)
