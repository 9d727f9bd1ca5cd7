import pytest
from hypothesis import given
from hypothesis import strategies as some

from arriero.config import KV_CACHE_TYPES
from arriero.engines.base import Plan
from arriero.runners.planning import Wishes, estimate_bytes, make_plan, modest_plan
from arriero.types.loading import LoadOptions
from arriero.types.models import Architecture
from tests.factories_store import record

MIB = 1 << 20
GIB = 1 << 30
# SmolLM2-135M, and Llama 3.1 8B.
SMALL = Architecture("llama", 100 << 20, trained_context=8192, kv_bytes_per_token=23_040)
LARGE = Architecture("llama", 5 * GIB, trained_context=131_072, kv_bytes_per_token=131_072)
UNKNOWN = Architecture("odd", 1 * GIB)


@pytest.mark.parametrize(
    ("architecture", "free", "cores", "wishes", "context", "slots"),
    [
        (SMALL, 8 * GIB, 2, Wishes(), 8192, 4),
        (SMALL, 64 * GIB, 64, Wishes(), 8192, 16),
        (SMALL, 1 * GIB, 2, Wishes(), 8192, 1),
        (SMALL, 0, 2, Wishes(), 512, 1),
        (LARGE, 8 * GIB, 4, Wishes(), 5120, 1),
        (LARGE, 6 * GIB, 4, Wishes(), 4096, 1),
        (LARGE, 64 * GIB, 16, Wishes(), 32_768, 3),
        (UNKNOWN, 8 * GIB, 4, Wishes(), 4096, 3),
        (SMALL, 8 * GIB, 2, Wishes(context=2048), 2048, 4),
        (SMALL, 8 * GIB, 2, Wishes(slots=3), 8192, 3),
        (SMALL, 0, 1, Wishes(context=4096, slots=5), 4096, 5),
        (SMALL, 8 * GIB, 2, Wishes(context=100_000), 8192, 4),
        (LARGE, 64 * GIB, 2, Wishes(context=131_072), 131_072, 1),
        (LARGE, 64 * GIB, 16, Wishes(kv_cache_type="q8_0"), 32_768, 6),
        (SMALL, 8 * GIB, 0, Wishes(), 8192, 2),
    ],
)
def test_plans(architecture: Architecture, free: int, cores: int, wishes: Wishes, context: int, slots: int) -> None:
    plan = make_plan(architecture, free, cores, wishes)
    assert (plan.context, plan.slots) == (context, slots)


@pytest.mark.parametrize("architecture", [SMALL, LARGE, UNKNOWN])
@pytest.mark.parametrize("free", [-GIB, 0, 1, GIB, 6 * GIB, 1000 * GIB])
@pytest.mark.parametrize("wishes", [Wishes(), Wishes(context=1), Wishes(context=10**9), Wishes(slots=1)])
def test_there_is_always_a_slot_and_never_more_context_than_trained(
    architecture: Architecture, free: int, wishes: Wishes
) -> None:
    plan = make_plan(architecture, free, 2, wishes)
    assert plan.slots >= 1
    assert 1 <= plan.context <= (architecture.trained_context or 4096)


@pytest.mark.parametrize("slots", [1, 8, 64])
def test_slots_that_are_asked_for_share_the_room(slots: int) -> None:
    model = Architecture("llama", weights_size_bytes=0, trained_context=131_072, kv_bytes_per_token=131_072)
    plan = make_plan(model, 16 << 30, cores=8, wishes=Wishes(slots=slots))
    assert plan.slots == slots
    assert plan.context * plan.slots * 131_072 <= 16 << 30


def test_a_file_that_claims_a_negative_context_gets_a_token() -> None:
    model = Architecture("llama", weights_size_bytes=0, trained_context=-5, kv_bytes_per_token=1)
    assert make_plan(model, 1 << 30, cores=1, wishes=Wishes()).context == 1


@pytest.mark.parametrize(("asked", "context"), [(None, 2048), (100, 2048), (4096, 4096), (8192, 8192), (10**6, 8192)])
def test_a_request_gets_at_least_the_context_that_it_asks_for_within_what_was_trained(
    asked: int | None, context: int
) -> None:
    options = LoadOptions(context=asked)
    plan = make_plan(SMALL, 8 * GIB, 2, Wishes(context=2048), options)
    assert (plan.context, plan.options) == (context, options)
    assert modest_plan(SMALL, Wishes(context=2048), options).context == context


def test_a_plan_knows_whether_it_shifts() -> None:
    assert make_plan(SMALL, GIB, 2, Wishes(), LoadOptions(is_shifting=True)).is_shifting
    assert not make_plan(SMALL, GIB, 2, Wishes()).is_shifting


@given(
    architecture=some.builds(
        Architecture,
        some.just("any"),
        some.integers(0, 100 * GIB),
        some.none() | some.integers(1, 10**6),
        some.none(),
        some.none() | some.integers(1, 1 << 20),
    ),
    wishes=some.builds(
        Wishes,
        some.none() | some.integers(1, 10**6),
        some.none() | some.integers(1, 64),
        some.sampled_from(KV_CACHE_TYPES),
    ),
    asked=some.none() | some.integers(1, 10**6),
    spare=some.integers(0, 100 * GIB),
    cores=some.integers(1, 128),
)
def test_where_a_modest_plan_fits_every_plan_fits(
    architecture: Architecture, wishes: Wishes, asked: int | None, spare: int, cores: int
) -> None:
    options = LoadOptions(context=asked)
    model = record(architecture=architecture, size_bytes=architecture.weights_size_bytes)
    free_bytes = estimate_bytes(model, modest_plan(architecture, wishes, options)) + spare + 1
    plan = make_plan(architecture, free_bytes, cores, wishes, options)
    assert estimate_bytes(model, plan) <= free_bytes


@pytest.mark.parametrize(("kv_cache_type", "kv_mib"), [("f16", 180), ("f32", 360), ("q8_0", 95), ("q4_0", 50)])
def test_an_estimate_is_of_weights_and_cache_and_a_worker(kv_cache_type: str, kv_mib: int) -> None:
    model = record(architecture=SMALL, size_bytes=152 * MIB)
    plan = Plan(8192, 1, kv_cache_type=kv_cache_type)
    assert estimate_bytes(model, plan) // MIB == 152 + 38 + kv_mib + 64
