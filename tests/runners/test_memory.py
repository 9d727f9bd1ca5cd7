from pathlib import Path

import psutil
import pytest

from arriero.runners.memory import (
    ProcessMemory,
    _cgroup,
    available_bytes,
    available_cores,
    process_activity,
    process_memory,
)


def test_this_machine_has_memory_and_cores() -> None:
    assert available_bytes() > 0
    assert available_cores() >= 1


def test_a_process_that_is_gone_holds_nothing() -> None:
    gone = 2**22 + 1
    assert process_memory(gone) == ProcessMemory(0, 0)
    assert process_activity(gone) == 0.0


@pytest.mark.parametrize(
    ("limit", "used", "expected"),
    [("1000\n", "400\n", (1000, 300)), ("max\n", "400\n", (None, 300)), ("max", "x", (None, 0))],
)
def test_a_container_may_have_a_limit_of_its_own(
    tmp_path: Path, limit: str, used: str, expected: tuple[int | None, int]
) -> None:
    (tmp_path / "memory.max").write_text(limit)
    (tmp_path / "memory.current").write_text(used)
    (tmp_path / "memory.stat").write_text("anon 300\ninactive_file 100\n")
    assert _cgroup(tmp_path) == expected


def test_a_machine_without_cgroups_has_no_such_limit(tmp_path: Path) -> None:
    assert _cgroup(tmp_path) == (None, 0)


def test_a_process_holds_more_than_what_is_its_own() -> None:
    held = process_memory(psutil.Process().pid)
    assert 0 < held.private_bytes <= held.resident_bytes
