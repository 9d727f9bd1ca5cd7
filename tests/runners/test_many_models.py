import asyncio

import pytest

from arriero.engines.base import Plan
from arriero.errors import LoadFailed
from arriero.runners.residency import Limits
from arriero.runners.scheduler import Scheduler
from arriero.types.loading import Demand, LoadOptions
from arriero.types.models import ModelRecord
from tests.runners.scheduling import ANSWER, GIB, ROOM_FOR_TWO, ask, client, model, names, settle, wants
from tests.serving import FakeLoader

A, B, C = model("a"), model("b"), model("c")
FOREVER = Demand(keep_alive_s=float("inf"))


def scheduler_of(loader: FakeLoader, memory_bytes: int = ROOM_FOR_TWO, models: int = 9) -> Scheduler:
    return Scheduler(loader, Limits(memory_bytes=memory_bytes, models=models))


async def test_a_model_makes_room_for_another_when_memory_is_short() -> None:
    loader = FakeLoader()
    scheduler = scheduler_of(loader)
    for each in (A, B, A, C):
        assert await ask(scheduler, each) == ANSWER
    assert names(scheduler) == {"a", "c"}
    assert loader.loaded[1].stopped.is_set()
    await scheduler.aclose()


async def test_no_more_models_are_loaded_than_allowed() -> None:
    scheduler = scheduler_of(FakeLoader(), memory_bytes=100 * GIB, models=2)
    for each in (A, B, C):
        await ask(scheduler, each)
    assert names(scheduler) == {"b", "c"}
    await scheduler.aclose()


async def test_a_model_that_is_kept_for_ever_goes_last() -> None:
    scheduler = scheduler_of(FakeLoader())
    await ask(scheduler, A, FOREVER)
    await ask(scheduler, B)
    await ask(scheduler, C)
    assert names(scheduler) == {"a", "c"}
    await scheduler.aclose()


async def test_where_all_are_busy_one_gets_no_new_users_and_is_waited_for() -> None:
    loader = FakeLoader()
    scheduler = scheduler_of(loader)
    on_a, on_b = client(scheduler, A, FOREVER), client(scheduler, B)
    await on_a.begun()
    await on_b.begun()
    on_c, later = client(scheduler, C), client(scheduler, B)
    await settle()
    assert not on_c.has_begun.is_set()
    assert not later.has_begun.is_set()
    assert {status.record.name: status.expires_in_s < 0 for status in scheduler.statuses()} == {"a": False, "b": True}

    await on_b.end()
    await on_c.begun()
    assert names(scheduler) == {"a", "c"}
    assert [await on_a.end(), await on_c.end(), await later.end()] == [ANSWER] * 3
    await scheduler.aclose()


async def test_who_came_before_is_served_before_the_model_goes() -> None:
    loader = FakeLoader(slots=1)
    scheduler = scheduler_of(loader, models=1)
    first, second = client(scheduler, A), client(scheduler, A)
    await first.begun()
    other, third = client(scheduler, B), client(scheduler, A)
    await settle()
    await first.end()
    await second.begun()
    await second.end()
    await other.begun()
    assert not third.has_begun.is_set()
    assert [await other.end(), await third.end()] == [ANSWER] * 2
    assert loader.attempts == 3
    await scheduler.aclose()


async def test_one_that_goes_away_while_others_make_room_lets_them_stay() -> None:
    loader = FakeLoader()
    scheduler = scheduler_of(loader, models=1)
    on_a = client(scheduler, A)
    await on_a.begun()
    on_b, later = client(scheduler, B), client(scheduler, A)
    await settle()
    assert not later.has_begun.is_set()
    await on_b.cancel()
    await later.begun()
    assert [await on_a.end(), await later.end()] == [ANSWER] * 2
    assert loader.attempts == 1
    await scheduler.aclose()


async def test_two_that_wait_for_each_others_memory_are_both_served() -> None:
    scheduler = scheduler_of(FakeLoader(), models=1)
    rounds = [client(scheduler, each) for _ in range(5) for each in (A, B)]
    for each in rounds:
        each.may_end.set()
    assert await asyncio.gather(*(each.end() for each in rounds)) == [ANSWER] * 10
    await scheduler.aclose()


async def test_a_model_that_is_loaded_is_served_while_another_loads() -> None:
    loader = FakeLoader()
    scheduler = scheduler_of(loader)
    await ask(scheduler, A)
    loader.gate = asyncio.Event()
    loader.started.clear()
    on_b = client(scheduler, B)
    await asyncio.wait_for(loader.started.wait(), 5)
    assert await ask(scheduler, A) == ANSWER
    assert names(scheduler) == {"a"}
    loader.gate.set()
    assert await on_b.end() == ANSWER
    await scheduler.aclose()


async def test_models_are_loaded_one_after_the_other() -> None:
    loader = FakeLoader(gate=asyncio.Event())
    scheduler = scheduler_of(loader)
    clients = [client(scheduler, each) for each in (A, B)]
    await settle()
    assert loader.attempts == 1
    assert loader.gate is not None
    loader.gate.set()
    assert [await each.end() for each in clients] == [ANSWER] * 2
    await scheduler.aclose()


async def test_one_that_hardly_fits_is_loaded_alone(caplog: pytest.LogCaptureFixture) -> None:
    scheduler = scheduler_of(FakeLoader())
    await ask(scheduler, A)
    assert await ask(scheduler, model("huge", 9 * GIB)) == ANSWER
    assert names(scheduler) == {"huge"}
    assert "memory may not suffice" in caplog.text
    assert await ask(scheduler, A) == ANSWER
    assert names(scheduler) == {"a"}
    await scheduler.aclose()


async def test_a_load_that_fails_for_lack_of_memory_is_tried_once_more_without_the_idle_ones() -> None:
    loader = FakeLoader()
    scheduler = scheduler_of(loader, memory_bytes=100 * GIB)
    await ask(scheduler, A)
    loader.error = LoadFailed("the engine was killed by signal 9")
    waiting = [client(scheduler, B) for _ in range(2)]
    await asyncio.wait_for(loader.loaded[0].stopped.wait(), 5)
    loader.error = None
    assert [await each.end() for each in waiting] == [ANSWER] * 2
    assert names(scheduler) == {"b"}
    assert loader.attempts == 3
    await scheduler.aclose()


async def test_a_load_that_fails_again_for_lack_of_memory_is_told_to_all() -> None:
    loader = FakeLoader(error=LoadFailed("unable to allocate: out of memory"))
    scheduler = scheduler_of(loader)
    for each in [client(scheduler, A) for _ in range(3)]:
        with pytest.raises(LoadFailed, match="out of memory"):
            await each.end()
    assert loader.attempts == 2
    loader.error = None
    assert await ask(scheduler, A) == ANSWER
    await scheduler.aclose()


async def test_a_model_that_cannot_be_planned_harms_no_other(caplog: pytest.LogCaptureFixture) -> None:
    class Forgetful(FakeLoader):
        def plan(self, record: ModelRecord, options: LoadOptions, free_bytes: int | None) -> Plan:
            if record.name == "bad":
                raise KeyError("forgotten")
            return FakeLoader.plan(self, record, options, free_bytes)

    scheduler = Scheduler(Forgetful(), Limits(memory_bytes=ROOM_FOR_TWO))
    first = client(scheduler, model("a"))
    await first.begun()
    bad, good = client(scheduler, model("bad")), client(scheduler, model("c"))
    with pytest.raises(LoadFailed, match="could not plan to load bad"):
        await bad.end()
    assert [await first.end(), await good.end()] == [ANSWER] * 2
    assert "KeyError: 'forgotten'" in caplog.text
    await scheduler.aclose()


async def test_a_model_that_dies_while_others_wait_for_its_memory_is_not_restarted_for_nobody() -> None:
    loader = FakeLoader()
    scheduler = scheduler_of(loader, models=1)
    on_a = client(scheduler, A)
    await on_a.begun()
    on_b = client(scheduler, B)
    await settle()
    loader.loaded[0].die()
    await settle()
    await on_a.end()
    assert await on_b.end() == ANSWER
    assert names(scheduler) == {"b"}
    await scheduler.aclose()


async def test_unloading_while_it_loads_serves_those_who_wait_and_unloads_then() -> None:
    loader = FakeLoader(gate=asyncio.Event())
    scheduler = scheduler_of(loader)
    on_a = client(scheduler, A)
    await asyncio.wait_for(loader.started.wait(), 5)
    scheduler.unload(A)
    assert loader.gate is not None
    loader.gate.set()
    assert await on_a.end() == ANSWER
    await asyncio.wait_for(loader.loaded[0].stopped.wait(), 5)
    assert scheduler.statuses() == []
    await scheduler.aclose()


async def test_a_reload_with_more_memory_makes_others_go() -> None:
    scheduler = scheduler_of(FakeLoader(), models=2)
    await ask(scheduler, A)
    await ask(scheduler, B)
    await ask(scheduler, A, wants(8192))
    assert names(scheduler) == {"a", "b"}
    await scheduler.aclose()


@pytest.mark.parametrize("moment", ["loading", "evicting", "waiting"])
async def test_closing_at_any_time_ends_everything(moment: str) -> None:
    loader = FakeLoader()
    scheduler = scheduler_of(loader, models=1)
    on_a = client(scheduler, A)
    await on_a.begun()
    on_b = client(scheduler, B)
    await settle()
    if moment != "waiting":
        loader.gate = asyncio.Event() if moment == "loading" else None
        await on_a.end()
    await asyncio.wait_for(scheduler.aclose(), 5)
    for each in (on_a, on_b):
        each.may_end.set()
        await asyncio.wait({each.task}, timeout=5)
        assert each.task.done()
        each.task.exception()
    assert all(loaded.stopped.is_set() for loaded in loader.loaded)
