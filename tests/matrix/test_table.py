"""The tables are of what was asked, and what is not as expected is found in them."""

from tests.engines_live.fault import Finding, all_of, look
from tests.engines_live.faults import FAULTS, NOT_SHOWN
from tests.engines_live.subject import Subject
from tests.matrix.__main__ import ROWS
from tests.matrix.columns import COLUMNS
from tests.matrix.expected import REASONS
from tests.matrix.row import Cell
from tests.matrix.table import fault_surprises, matrix, surprises

YES, NO = Cell("yes", "as it should be"), Cell("no", "wrong | text")


def test_reasons_are_of_rows_and_columns_that_there_are() -> None:
    assert set(REASONS) <= {row.name for row in ROWS}
    assert {column for cells in REASONS.values() for column in cells} <= {column.name for column in COLUMNS}


def test_no_two_rows_have_one_name() -> None:
    assert len({row.name for row in ROWS}) == len(ROWS)


def test_every_fault_that_is_not_the_routers_is_looked_for() -> None:
    assert [fault.number for fault in FAULTS] == list(range(1, 42))
    assert set(NOT_SHOWN) <= set(range(1, 42))


def test_a_no_needs_a_reason_and_a_yes_must_have_none() -> None:
    cells = {"vLLM": {"chat": YES, "stop": NO, "embed": YES}, "SGLang": {"chat": YES, "stop": YES, "embed": NO}}

    assert [(surprise.row, surprise.column) for surprise in surprises(cells)] == [("stop", "vLLM"), ("embed", "vLLM")]


def test_the_table_has_a_line_for_each_row_and_why_a_cell_is_no() -> None:
    rows = [row for row in ROWS if row.name in {"chat", "embed"}]

    text = matrix({"vLLM": "vLLM 1.0"}, rows, {"vLLM": {"chat": NO, "embed": NO}})

    assert "| chat | **no** |" in text
    assert "| embed | no |" in text
    assert "| chat | vLLM | **a fault**: wrong \\| text |" in text
    assert f"| embed | vLLM | {REASONS['embed']['vLLM']} |" in text


def test_a_fault_of_ours_and_one_that_the_other_does_not_show_are_surprises() -> None:
    there, absent = Finding(is_there=True, measured="bad"), Finding(is_there=False, measured="good")
    first, second, third = (fault for fault in FAULTS if fault.number not in NOT_SHOWN and fault.number < 4)
    found = {first.number: (absent, there), second.number: (there, there), third.number: (absent, absent)}

    wrong = fault_surprises([first, second, third], found)

    assert [(surprise.row.split()[0], surprise.column) for surprise in wrong] == [("2", "arriero"), ("3", "SGLang")]


def test_one_part_of_a_fault_hides_no_other() -> None:
    def fails() -> None:
        raise AssertionError("it is there")

    fault = FAULTS[0]
    found = look(type(fault)(1, lambda _: all_of({"a": fails, "b": lambda: "well", "c": fails})), Subject("", ""))

    assert found == Finding(is_there=True, measured="a: it is there; c: it is there; not there: b: well")
