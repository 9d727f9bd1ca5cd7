from pathlib import Path

import pytest

from arriero.engines.base import Plan
from arriero.runners.memory import (
    Wishes,
    _cgroup,
    available_bytes,
    available_cores,
    make_plan,
    process_activity,
    process_bytes,
)
from arriero.types.models import Architecture

GIB = 1 << 30
# SmolLM2-135M, and Llama 3.1 8B.
SMALL = Architecture("llama", 100 << 20, trained_context=8192, kv_bytes_per_token=23_040)
LARGE = Architecture("llama", 5 * GIB, trained_context=131_072, kv_bytes_per_token=131_072)
UNKNOWN = Architecture("odd", 1 * GIB)


@pytest.mark.parametrize(
    ("architecture", "free", "cores", "wishes", "plan"),
    [
        (SMALL, 8 * GIB, 2, Wishes(), Plan(8192, 4)),
        (SMALL, 64 * GIB, 64, Wishes(), Plan(8192, 16)),
        (SMALL, 1 * GIB, 2, Wishes(), Plan(8192, 1)),
        (SMALL, 0, 2, Wishes(), Plan(512, 1)),
        (LARGE, 8 * GIB, 4, Wishes(), Plan(6144, 1)),
        (LARGE, 64 * GIB, 16, Wishes(), Plan(32_768, 3)),
        (UNKNOWN, 8 * GIB, 4, Wishes(), Plan(4096, 3)),
        (SMALL, 8 * GIB, 2, Wishes(context=2048), Plan(2048, 4)),
        (SMALL, 8 * GIB, 2, Wishes(slots=3), Plan(8192, 3)),
        (SMALL, 0, 1, Wishes(context=4096, slots=5), Plan(4096, 5)),
        (SMALL, 8 * GIB, 2, Wishes(context=100_000), Plan(8192, 4)),
        (LARGE, 64 * GIB, 2, Wishes(context=131_072), Plan(131_072, 1)),
        (SMALL, 8 * GIB, 0, Wishes(), Plan(8192, 2)),
    ],
)
def test_plans(architecture: Architecture, free: int, cores: int, wishes: Wishes, plan: Plan) -> None:
    assert make_plan(architecture, free, cores, wishes) == plan


@pytest.mark.parametrize("architecture", [SMALL, LARGE, UNKNOWN])
@pytest.mark.parametrize("free", [-GIB, 0, 1, GIB, 6 * GIB, 1000 * GIB])
@pytest.mark.parametrize("wishes", [Wishes(), Wishes(context=1), Wishes(context=10**9), Wishes(slots=1)])
def test_there_is_always_a_slot_and_never_more_context_than_trained(
    architecture: Architecture, free: int, wishes: Wishes
) -> None:
    plan = make_plan(architecture, free, 2, wishes)
    assert plan.slots >= 1
    assert 1 <= plan.context <= (architecture.trained_context or 4096)


def test_this_machine_has_memory_and_cores() -> None:
    assert available_bytes() > 0
    assert available_cores() >= 1


def test_a_process_that_is_gone_holds_nothing() -> None:
    gone = 2**22 + 1
    assert process_bytes(gone) == 0
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


@pytest.mark.parametrize("slots", [1, 8, 64])
def test_slots_that_are_asked_for_share_the_room(slots: int) -> None:
    model = Architecture("llama", weights_size_bytes=0, trained_context=131_072, kv_bytes_per_token=131_072)
    plan = make_plan(model, 16 << 30, cores=8, wishes=Wishes(slots=slots))
    assert plan.slots == slots
    assert plan.context * plan.slots * 131_072 <= max(4 << 30, slots * 512 * 131_072)


def test_a_file_that_claims_a_negative_context_gets_a_token() -> None:
    model = Architecture("llama", weights_size_bytes=0, trained_context=-5, kv_bytes_per_token=1)
    assert make_plan(model, 1 << 30, cores=1, wishes=Wishes()).context == 1
