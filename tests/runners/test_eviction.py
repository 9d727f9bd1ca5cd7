import pytest
from hypothesis import given
from hypothesis import strategies as some

from arriero.runners.eviction import Eviction, Resident, Room, clear, make_room, next_step

FOREVER = float("inf")


def resident(
    key: str,
    memory_bytes: int = 10,
    *,
    keep_alive_s: float = 300.0,
    is_idle: bool = True,
    used_s: float = 0.0,
    is_going: bool = False,
) -> Resident[str]:
    return Resident(key, memory_bytes, keep_alive_s, is_idle, used_s, is_going)


def test_nobody_goes_where_there_is_room() -> None:
    assert make_room([resident("a")], 10, Room(20, 2)) == Eviction()


def test_one_that_does_not_fit_alone_is_not_planned_for() -> None:
    assert make_room([resident("a")], 30, Room(20, 2)) is None


def test_one_more_model_than_allowed_is_one_too_many() -> None:
    assert make_room([resident("a"), resident("b", used_s=-1.0)], 1, Room(1000, 2)) == Eviction(("b",))


def test_who_was_to_stay_shortest_goes_first_and_for_ever_last() -> None:
    models = [resident("ever", keep_alive_s=FOREVER), resident("long", keep_alive_s=600.0), resident("short")]
    assert make_room(models, 10, Room(30, 9)) == Eviction(("short",))
    assert make_room(models, 20, Room(30, 9)) == Eviction(("short", "long"))
    assert make_room(models, 30, Room(30, 9)) == Eviction(("short", "long", "ever"))


def test_of_equals_the_one_that_was_not_used_for_longest_goes() -> None:
    models = [resident("a", used_s=3.0), resident("b", used_s=1.0), resident("c", used_s=2.0)]
    assert make_room(models, 10, Room(30, 9)) == Eviction(("b",))


def test_an_idle_one_goes_before_a_busy_one_that_was_to_stay_for_less() -> None:
    models = [resident("busy", keep_alive_s=0.0, is_idle=False), resident("idle", keep_alive_s=FOREVER)]
    assert make_room(models, 10, Room(20, 9)) == Eviction(("idle",))


def test_where_none_is_idle_the_first_of_them_is_waited_for() -> None:
    models = [resident("a", is_idle=False), resident("b", keep_alive_s=10.0, is_idle=False)]
    assert make_room(models, 10, Room(20, 9)) == Eviction(when_idle=("b",))


def test_a_small_one_stays_where_a_large_one_that_must_go_is_enough() -> None:
    models = [resident("small", 5, keep_alive_s=1.0), resident("large", 20, keep_alive_s=2.0)]
    assert make_room(models, 20, Room(25, 9)) == Eviction(("large",))


def test_who_is_going_already_is_waited_for() -> None:
    models = [resident("going", 10, is_going=True), resident("idle", 10)]
    assert next_step(models, 10, Room(20, 9)) == Eviction()
    assert next_step(models, 20, Room(20, 9)) == Eviction(("idle",))
    assert next_step(models, 0, Room(20, 9)) is None


def test_one_that_will_hardly_fit_is_loaded_alone() -> None:
    models = [resident("idle"), resident("busy", is_idle=False)]
    assert next_step(models, 100, Room(20, 9)) == Eviction(("idle",), ("busy",))
    assert next_step([], 100, Room(20, 9)) is None


def test_clearing_lets_the_busy_ones_stay() -> None:
    assert clear([resident("idle"), resident("busy", is_idle=False)]) == Eviction(("idle",))
    assert clear([resident("busy", is_idle=False), resident("going", is_going=True)]) == Eviction()
    assert clear([resident("busy", is_idle=False)]) is None


MODELS = some.lists(
    some.builds(
        Resident,
        some.integers(),
        some.integers(0, 50),
        some.sampled_from([0.0, 5.0, 300.0, FOREVER]),
        some.booleans(),
        some.integers(0, 9).map(float),
    ),
    max_size=6,
    unique_by=lambda model: model.key,
)


@pytest.mark.parametrize("count", [1, 3, 9])
@given(models=MODELS, needed=some.integers(0, 120), memory=some.integers(0, 150))
def test_what_goes_is_enough_and_no_more_than_that(
    count: int, models: list[Resident[int]], needed: int, memory: int
) -> None:
    room = Room(memory, count)
    eviction = make_room(models, needed, room)
    if eviction is None:
        assert needed > memory
        return
    gone = {*eviction.now, *eviction.when_idle}

    def fits(gone: set[int]) -> bool:
        staying = [model for model in models if model.key not in gone]
        return sum(model.memory_bytes for model in staying) + needed <= memory and len(staying) < count

    assert fits(gone)
    assert not any(fits(gone - {key}) for key in gone)
    assert {model.key for model in models if model.is_idle} >= set(eviction.now)
    if eviction.when_idle:
        assert not fits({model.key for model in models if model.is_idle})


@given(models=MODELS, needed=some.integers(0, 120), memory=some.integers(0, 150))
def test_every_step_comes_nearer_to_loading(models: list[Resident[int]], needed: int, memory: int) -> None:
    step = next_step(models, needed, Room(memory, 3))
    assert step is None or step.now or step.when_idle
