import asyncio
from dataclasses import replace

import pytest

from arriero.engines.base import Plan
from arriero.errors import LoadFailed
from arriero.runners.scheduler import Scheduler
from arriero.types.loading import Demand, LoadOptions
from arriero.types.models import ModelRecord
from tests.runners.scheduling import ANSWER, ask, client, model, settle, wants
from tests.serving import ROOMY, FakeLoader, FakeModel

MODEL = model("gen")
FOREVER = Demand(keep_alive_s=float("inf"))


class Picky(FakeLoader):
    """Cannot load with a batch of 1, or with a context of 4096."""

    async def load(self, record: ModelRecord, plan: Plan) -> FakeModel:
        if plan.options.batch == 1 or plan.context == 4096:
            self.plans.append(plan)
            raise LoadFailed("no")
        return await FakeLoader.load(self, record, plan)


def scheduler_of(loader: FakeLoader) -> Scheduler:
    return Scheduler(loader, ROOMY)


def contexts(loader: FakeLoader) -> list[int]:
    return [plan.context for plan in loader.plans]


@pytest.mark.parametrize("context", [1, 2047, 2048])
async def test_a_context_that_is_there_reloads_nothing(context: int) -> None:
    loader = FakeLoader()
    scheduler = scheduler_of(loader)
    assert await ask(scheduler, MODEL) == ANSWER
    assert await ask(scheduler, MODEL, wants(context)) == ANSWER
    assert contexts(loader) == [2048]
    await scheduler.aclose()


async def test_a_larger_context_reloads_once_and_stays() -> None:
    loader = FakeLoader()
    scheduler = scheduler_of(loader)
    for context in (None, 4096, None, 3000, 4096, 10**6, 8192, 100):
        assert await ask(scheduler, MODEL, wants(context)) == ANSWER
    assert contexts(loader) == [2048, 4096, 8192]
    await scheduler.aclose()


async def test_a_reload_waits_for_answers_and_is_not_starved_by_new_ones() -> None:
    loader = FakeLoader(slots=2)
    scheduler = scheduler_of(loader)
    running = client(scheduler, MODEL)
    await running.begun()
    larger, later = client(scheduler, MODEL, wants(4096)), client(scheduler, MODEL)
    await settle()
    assert not larger.has_begun.is_set()
    assert not later.has_begun.is_set()

    assert await running.end() == ANSWER
    await larger.begun()
    await later.begun()
    assert [await larger.end(), await later.end()] == [ANSWER] * 2
    assert contexts(loader) == [2048, 4096]
    await scheduler.aclose()


async def test_one_reload_with_the_largest_context_serves_all_who_wait() -> None:
    loader = FakeLoader()
    scheduler = scheduler_of(loader)
    running = client(scheduler, MODEL)
    await running.begun()
    waiting = [client(scheduler, MODEL, wants(context)) for context in (3000, 8192, None, 4096)]
    await settle()
    await running.end()
    assert [await each.end() for each in waiting] == [ANSWER] * 4
    assert contexts(loader) == [2048, 8192]
    await scheduler.aclose()


async def test_one_who_wants_a_reload_and_goes_away_holds_nobody_up() -> None:
    loader = FakeLoader()
    scheduler = scheduler_of(loader)
    running = client(scheduler, MODEL)
    await running.begun()
    larger, later = client(scheduler, MODEL, wants(4096)), client(scheduler, MODEL)
    await settle()
    await larger.cancel()
    await later.begun()
    assert [await running.end(), await later.end()] == [ANSWER] * 2
    assert contexts(loader) == [2048]
    await scheduler.aclose()


async def test_shifting_reloads_once_and_stays() -> None:
    loader = FakeLoader()
    scheduler = scheduler_of(loader)
    for demand in (wants(), wants(4096), wants(is_shifting=True), wants(), wants(8192)):
        assert await ask(scheduler, MODEL, demand) == ANSWER
    assert [(plan.context, plan.is_shifting) for plan in loader.plans] == [
        (2048, False),
        (4096, False),
        (4096, True),
        (8192, True),
    ]
    await scheduler.aclose()


async def test_other_options_reload_when_they_differ_and_keep_the_context() -> None:
    loader = FakeLoader()
    scheduler = scheduler_of(loader)
    for demand in (wants(4096), wants(batch=64), wants(100, batch=64), Demand(), wants()):
        assert await ask(scheduler, MODEL, demand) == ANSWER
    assert [(plan.context, plan.options.batch) for plan in loader.plans] == [(4096, None), (4096, 64), (4096, None)]
    await scheduler.aclose()


async def test_two_who_want_different_things_are_served_one_after_the_other() -> None:
    loader = FakeLoader()
    scheduler = scheduler_of(loader)
    clients = [client(scheduler, MODEL, wants(batch=batch)) for batch in (64, 32)]
    assert [await each.end() for each in clients] == [ANSWER] * 2
    assert [plan.options.batch for plan in loader.plans] == [64, 32]
    await scheduler.aclose()


async def test_a_model_that_was_unloaded_is_loaded_as_if_for_the_first_time() -> None:
    loader = FakeLoader()
    scheduler = scheduler_of(loader)
    await ask(scheduler, MODEL, wants(4096))
    scheduler.unload(MODEL)
    await ask(scheduler, MODEL)
    assert contexts(loader) == [4096, 2048]
    await scheduler.aclose()


async def test_a_restart_after_a_death_keeps_the_context() -> None:
    loader = FakeLoader()
    scheduler = scheduler_of(loader)
    await ask(scheduler, MODEL, wants(4096))
    loader.added.clear()
    loader.loaded[0].die()
    await asyncio.wait_for(loader.added.wait(), 5)
    await ask(scheduler, MODEL)
    assert contexts(loader) == [4096, 4096]
    await scheduler.aclose()


async def test_a_reload_keeps_the_keep_alive() -> None:
    scheduler = scheduler_of(FakeLoader())
    await ask(scheduler, MODEL, Demand(keep_alive_s=float("inf")))
    await ask(scheduler, MODEL, wants(4096))
    [status] = scheduler.statuses()
    assert (status.expires_in_s, status.context) == (float("inf"), 4096)
    await scheduler.aclose()


async def test_a_reload_that_fails_is_told_to_who_wanted_it_and_the_model_is_loaded_as_before_for_the_others() -> None:
    loader = Picky()
    scheduler = scheduler_of(loader)
    running = client(scheduler, MODEL)
    await running.begun()
    waiting = [client(scheduler, MODEL, wants(4096)), client(scheduler, MODEL)]
    await settle()
    await running.end()
    with pytest.raises(LoadFailed, match="no"):
        await waiting[0].end()
    assert await waiting[1].end() == ANSWER
    assert contexts(loader) == [2048, 4096, 2048]
    await scheduler.aclose()


async def test_a_load_that_fails_is_told_to_none_who_can_be_served_without_it() -> None:
    loader = Picky()
    scheduler = scheduler_of(loader)
    waiting = [client(scheduler, MODEL, demand) for demand in (wants(), wants(batch=1), wants(3000), wants(batch=1))]
    for each in waiting:
        each.may_end.set()
    for place in (1, 3):
        with pytest.raises(LoadFailed, match="no"):
            await waiting[place].end()
    assert [await waiting[place].end() for place in (0, 2)] == [ANSWER] * 2
    await scheduler.aclose()


async def test_who_waits_for_a_model_that_nobody_can_load_hears_so() -> None:
    loader = FakeLoader(error=LoadFailed("no"))
    scheduler = scheduler_of(loader)
    waiting = [client(scheduler, MODEL, demand) for demand in (wants(), wants(batch=1), wants(3000), wants())]
    for each in waiting:
        with pytest.raises(LoadFailed, match="no"):
            await each.end()
    assert [plan.options for plan in loader.plans] == [LoadOptions(), LoadOptions(batch=1), LoadOptions(3000)]
    await scheduler.aclose()


async def test_a_reload_that_nobody_waits_for_any_more_brings_the_model_back_for_as_long_as_before() -> None:
    loader = FakeLoader()
    scheduler = scheduler_of(loader)
    await ask(scheduler, MODEL, FOREVER)
    loader.gate = asyncio.Event()
    loader.started.clear()
    loader.added.clear()
    leaving = client(scheduler, MODEL, wants(4096))
    await asyncio.wait_for(loader.started.wait(), 5)
    await leaving.cancel()
    loader.gate.set()
    await asyncio.wait_for(loader.added.wait(), 5)
    await settle()
    [status] = scheduler.statuses()
    assert status.expires_in_s == float("inf")
    await scheduler.aclose()


async def test_one_who_goes_away_while_a_model_is_unloaded_for_a_reload_does_not_change_how_long_it_stays() -> None:
    loader = FakeLoader()
    scheduler = scheduler_of(loader)
    await ask(scheduler, MODEL, FOREVER)
    leaving = client(scheduler, MODEL, wants(4096))
    await asyncio.sleep(0)
    await leaving.cancel()
    await settle()
    assert await ask(scheduler, MODEL) == ANSWER
    assert scheduler.statuses()[0].expires_in_s == float("inf")
    await scheduler.aclose()


async def test_no_more_threads_are_given_than_there_are_cores_and_asking_again_reloads_nothing() -> None:
    loader = FakeLoader()
    scheduler = Scheduler(loader, replace(ROOMY, threads=2))
    for threads in (5000, 5000, 2):
        assert await ask(scheduler, MODEL, Demand(options=LoadOptions(threads=threads))) == ANSWER
    assert [plan.options.threads for plan in loader.plans] == [2]
    await scheduler.aclose()


async def test_a_planner_that_cannot_grant_what_is_wanted_reloads_only_once() -> None:
    class Stubborn(FakeLoader):
        def plan(self, record: ModelRecord, options: LoadOptions, free_bytes: int | None) -> Plan:  # noqa: ARG002
            return Plan(512, 1)

    loader = Stubborn()
    scheduler = scheduler_of(loader)
    for _ in range(3):
        assert await ask(scheduler, model("gen"), wants(4096)) == ANSWER
    assert loader.attempts == 1
    await scheduler.aclose()
