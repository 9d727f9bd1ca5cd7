"""``python -m tests.matrix``: ask the same of arriero in front of every engine, and write down what came of it."""

import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import click

from tests.engines_live.fault import Finding, Stage
from tests.engines_live.fault import look as look_for
from tests.engines_live.faults import FAULTS
from tests.engines_live.servers import EngineKind
from tests.engines_live.stages import Stages
from tests.matrix.columns import COLUMNS, Column, Given, version_of
from tests.matrix.row import Cell, Row, look
from tests.matrix.rows_abilities import ABILITIES
from tests.matrix.rows_failures import FAILURES
from tests.matrix.rows_models import MODELS
from tests.matrix.rows_options import OPTIONS
from tests.matrix.rows_sdk import SDKS
from tests.matrix.rows_text import TEXT
from tests.matrix.table import Findings, document, fault_surprises, fault_table, matrix, surprises

# The last one ends engines.
ROWS: Sequence[Row] = (*TEXT, *OPTIONS, *ABILITIES, *MODELS, *SDKS, *FAILURES)
DOCUMENT = Path(__file__).parents[2] / "docs" / "engines-matrix.md"


@click.command("engines-matrix", context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--only", type=click.Choice([column.name.lower() for column in COLUMNS]), help="Ask this engine alone.")
@click.option("--vllm", metavar="URL", help="A vLLM that runs, with SmolLM2 as smollm2.")
@click.option("--sglang", metavar="URL", help="An SGLang that runs, with SmolLM2 as smollm2.")
@click.option("--thinking-vllm", metavar="URL", help="One that runs with tests/engines_live/thinking.jinja.")
@click.option("--thinking-sglang", metavar="URL", help="One that runs with tests/engines_live/thinking.jinja.")
@click.option("--faults", is_flag=True, help="Look for the faults of SGLang's own layer, and for nothing else.")
@click.option("--row", "wanted", metavar="TEXT", multiple=True, help="Rows with this text in their name; repeatable.")
@click.option("--write/--no-write", default=True, help="Write docs/engines-matrix.md, where all has been asked.")
def main(  # one parameter a flag
    only: str | None,
    vllm: str | None,
    sglang: str | None,
    thinking_vllm: str | None,
    thinking_sglang: str | None,
    faults: bool,
    wanted: tuple[str, ...],
    write: bool,
) -> None:
    """Ask the same of arriero in front of every engine, and print a table.

    Exit status 1 where a cell is no without a reason in tests/matrix/expected.py, or yes in spite of one.
    """
    given = Given(_urls(vllm, sglang), _urls(thinking_vllm, thinking_sglang))
    columns = [column for column in COLUMNS if only in {None, column.name.lower()}]
    rows = [row for row in ROWS if not wanted or any(text in row.name for text in wanted)]
    is_whole = not (only or wanted or faults)
    texts, wrong = [], []
    if not faults:
        versions, cells = _ask(columns, rows, given)
        texts.append(matrix(versions, rows, cells))
        wrong += surprises(cells)
    if faults or is_whole:
        found = _look(given)
        texts.append(fault_table(FAULTS, found))
        wrong += fault_surprises(FAULTS, found)
    text = document(texts)
    click.echo(text)
    if is_whole and write:
        DOCUMENT.write_text(text)
    for surprise in wrong:
        click.echo(f"unexpected: {surprise}", err=True)
    raise SystemExit(bool(wrong))


def _urls(vllm: str | None, sglang: str | None) -> dict[EngineKind, str]:
    urls: dict[EngineKind, str | None] = {"vllm": vllm, "sglang": sglang}
    return {kind: url for kind, url in urls.items() if url}


def _ask(
    columns: Sequence[Column], rows: Sequence[Row], given: Given
) -> tuple[dict[str, str], dict[str, dict[str, Cell]]]:
    """Versions by column, and cells by column and row."""
    versions: dict[str, str] = {}
    cells: dict[str, dict[str, Cell]] = {}
    for column in columns:
        with ExitStack() as stack:
            bench = stack.enter_context(column.open(given))
            versions[column.name] = version_of(column, bench)
            cells[column.name] = {}
            for row in rows:
                cells[column.name][row.name] = cell = look(row, bench)
                _progress(f"{column.name} / {row.name}: {cell.verdict}: {cell.measured[:200]}")
    return versions, cells


def _look(given: Given) -> Findings:
    """What arriero, and SGLang's own layer, show of each fault."""
    stages: dict[Stage, Mapping[EngineKind, str]] = {"plain": given.plain, "thinking": given.thinking}
    found: dict[int, tuple[Finding, Finding]] = {}
    with Stages({stage: urls["sglang"] for stage, urls in stages.items() if "sglang" in urls}) as running:
        for fault in FAULTS:
            ours, other = (look_for(fault, subject) for subject in running.subjects(fault.stage))
            found[fault.number] = ours, other
            _progress(f"{fault.number} {fault.claim}: arriero: {ours}; SGLang: {other}")
    return found


def _progress(line: str) -> None:
    click.echo(line, file=sys.stderr)


if __name__ == "__main__":
    main()
