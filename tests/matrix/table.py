"""The tables, as Markdown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.engines_live.fault import Fault, Finding
from tests.engines_live.faults import NOT_SHOWN
from tests.matrix.expected import reason
from tests.matrix.row import Cell, Row

_SHOWN = 260
_HEAD = """\
# Engines, side by side

Written by `scripts/engines-matrix`, which starts real engines with SmolLM2-135M-Instruct, puts arriero in front of
each, and asks the same of all: by Ollama's client for Python, by plain HTTP, and by the official clients that a row
names. A cell is "yes" where all assertions on what came back held; a "no" has its reason below."""
_FAULTS_HEAD = """\
## The faults of SGLang's own Ollama endpoints

The same requests by plain HTTP, to arriero in front of SGLang and to the same SGLang's own `/api`. It runs plainly; for
2, 4, 7, 17 and 18 with a template that thinks, the model's own sampling defaults, `--stream-interval 4` and
`--incremental-streaming-output`; for 6 with `--chat-template chatml`; for 33 and 34 with `--is-embedding`. "No" is
where the fault is seen; what is "not there" is a part of it that this version does not show."""

# By column, then by row.
Cells = Mapping[str, Mapping[str, Cell]]
# Arriero's and the other's, by number.
Findings = Mapping[int, tuple[Finding, Finding]]


@dataclass(frozen=True, slots=True)
class Surprise:
    """A cell that is not as it is expected to be."""

    row: str
    column: str
    text: str

    def __str__(self) -> str:
        return f"{self.row} / {self.column}: {self.text}"


def surprises(cells: Cells) -> list[Surprise]:
    """Cells that are no without a reason, and those that are yes though there is one."""
    found = []
    for column, rows in cells.items():
        for row, cell in rows.items():
            why = reason(row, column)
            if cell.verdict == "no" and why is None:
                found.append(Surprise(row, column, f"no: {cell.measured}"))
            elif cell.verdict == "yes" and why is not None:
                found.append(Surprise(row, column, f"yes, and is said not to be: {why}"))
    return found


def fault_surprises(faults: Sequence[Fault], findings: Findings) -> list[Surprise]:
    """Faults that arriero has, and those that the other is or is not expected to show."""
    found = []
    for fault in faults:
        ours, other = findings[fault.number]
        name, why = f"{fault.number} {fault.claim}", NOT_SHOWN.get(fault.number)
        if ours.is_there:
            found.append(Surprise(name, "arriero", ours.measured))
        if other.is_there == (why is not None):
            found.append(Surprise(name, "SGLang", f"{other.measured}; expected not to show: {why}"))
    return found


def document(texts: Sequence[str]) -> str:
    """The whole of it."""
    return "\n\n".join((_HEAD, *texts)) + "\n"


def matrix(versions: Mapping[str, str], rows: Sequence[Row], cells: Cells) -> str:
    """Yes and no of all cells, and below them what was measured."""
    columns = list(cells)
    lines = ["## What a client gets", "", f"Behind arriero: {'; '.join(versions.values())}.", ""]
    lines += [_line("", *columns), _line("---", *("---" for _ in columns))]
    for row in rows:
        lines.append(_line(row.name, *(_verdict(row.name, column, cells) for column in columns)))
    lines += ["", "## Why not", "", _line("row", "engine", "reason"), _line("---", "---", "---")]
    lines += [_line(*why) for why in _reasons(rows, cells)] or [_line("", "", "there is no such cell")]
    lines += ["", "## What was measured", "", _line("row", "engine", "measured"), _line("---", "---", "---")]
    for row in rows:
        lines += [_line(row.name, column, _short(cells[column][row.name].measured)) for column in columns]
    return "\n".join(lines)


def fault_table(faults: Sequence[Fault], findings: Findings) -> str:
    """What holds of arriero in front of SGLang, and what SGLang's own layer shows."""
    lines = [_FAULTS_HEAD, ""]
    lines += [_line("", "what holds", "arriero in front of SGLang", "SGLang's own `/api`"), _line(*["---"] * 4)]
    for fault in faults:
        ours, other = findings[fault.number]
        lines.append(_line(str(fault.number), fault.claim, _finding(ours), _finding(other)))
    return "\n".join(lines)


def _verdict(row: str, column: str, cells: Cells) -> str:
    cell = cells[column][row]
    return f"**{cell.verdict}**" if cell.verdict == "no" and reason(row, column) is None else cell.verdict


def _reasons(rows: Sequence[Row], cells: Cells) -> list[tuple[str, str, str]]:
    found = []
    for row in rows:
        for column in cells:
            cell = cells[column][row.name]
            if cell.verdict == "no":
                found.append((row.name, column, reason(row.name, column) or f"**a fault**: {_short(cell.measured)}"))
            elif cell.verdict == "not told":
                found.append((row.name, column, cell.measured))
    return found


def _finding(finding: Finding) -> str:
    return f"{'**no**' if finding.is_there else 'yes'}: {_short(finding.measured)}"


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 2]} …"


def _line(*fields: str) -> str:
    return f"| {' | '.join(field.replace('|', chr(92) + '|').replace(chr(10), ' ') for field in fields)} |"
