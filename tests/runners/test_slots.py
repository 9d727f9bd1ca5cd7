import asyncio
from dataclasses import replace

import pytest

from arriero.engines.base import Engine
from arriero.engines.fake import FakeEngine
from arriero.errors import ServerBusy
from arriero.runners.scheduler import Scheduler
from arriero.types.loading import Demand
from tests.runners.scheduling import ANSWER, Client, ask, client, model, settle
from tests.serving import ROOMY, FakeLoader

MODEL = model("gen")


def scheduler_of(loader: FakeLoader, queue: int = 512) -> Scheduler:
    return Scheduler(loader, replace(ROOMY, queue=queue))


async def test_no_more_answers_are_given_to_an_engine_than_it_has_slots() -> None:
    engine = FakeEngine()
    scheduler = scheduler_of(FakeLoader({"gen": engine}, slots=2))
    clients = [client(scheduler, MODEL) for _ in range(5)]
    await clients[1].begun()
    await settle()
    assert [each.has_begun.is_set() for each in clients] == [True, True, False, False, False]
    assert engine.running == 2

    assert await clients[1].end() == ANSWER
    await clients[2].begun()
    assert not clients[3].has_begun.is_set()
    assert [await each.end() for each in clients] == [ANSWER] * 5
    await scheduler.aclose()


async def test_who_needs_no_slot_does_not_wait_for_one() -> None:
    scheduler = scheduler_of(FakeLoader(slots=1), queue=1)
    first = client(scheduler, MODEL)
    await first.begun()
    second = client(scheduler, MODEL)
    await settle()
    assert await asyncio.wait_for(scheduler.call(MODEL, lambda engine: engine.health()), 5)
    assert not second.has_begun.is_set()
    assert [await first.end(), await second.end()] == [ANSWER] * 2
    await scheduler.aclose()


async def test_work_that_takes_a_slot_waits_for_one() -> None:
    scheduler = scheduler_of(FakeLoader(slots=1))
    second: list[Client] = []

    async def work(_: Engine) -> None:
        second.append(client(scheduler, MODEL))
        await settle()
        assert not second[0].has_begun.is_set()

    await scheduler.call(MODEL, work, takes_slot=True)
    assert await second[0].end() == ANSWER
    await scheduler.aclose()


async def test_one_more_than_may_wait_is_told_so_at_once() -> None:
    scheduler = scheduler_of(FakeLoader(slots=1), queue=2)
    clients = [client(scheduler, MODEL) for _ in range(2)]
    await clients[0].begun()
    clients.append(client(scheduler, MODEL))
    await settle()
    with pytest.raises(ServerBusy, match=r"server busy, please try again\.  maximum pending requests exceeded"):
        await ask(scheduler, MODEL)
    with pytest.raises(ServerBusy):
        await ask(scheduler, model("other"))
    assert [await each.end() for each in clients] == [ANSWER] * 3
    assert await ask(scheduler, MODEL) == ANSWER
    await scheduler.aclose()


async def test_those_who_wait_for_a_load_count_too() -> None:
    loader = FakeLoader(gate=asyncio.Event())
    scheduler = scheduler_of(loader, queue=1)
    first = client(scheduler, MODEL)
    await settle()
    with pytest.raises(ServerBusy):
        await ask(scheduler, MODEL)
    assert loader.gate is not None
    loader.gate.set()
    assert await first.end() == ANSWER
    await scheduler.aclose()


async def test_one_who_goes_away_while_waiting_leaves_the_place_to_the_next() -> None:
    scheduler = scheduler_of(FakeLoader(slots=1), queue=1)
    first = client(scheduler, MODEL)
    await first.begun()
    second = client(scheduler, MODEL)
    await settle()
    await second.cancel()
    third = client(scheduler, MODEL)
    await settle()
    assert await first.end() == ANSWER
    assert await third.end() == ANSWER
    assert await ask(scheduler, MODEL) == ANSWER
    await scheduler.aclose()


async def test_one_who_goes_away_just_when_its_turn_comes_gives_the_slot_back() -> None:
    scheduler = scheduler_of(FakeLoader(slots=1))
    first, second, third = (client(scheduler, MODEL) for _ in range(3))
    await first.begun()
    await settle()
    first.may_end.set()
    await first.task
    second.task.cancel()
    assert await third.end() == ANSWER
    assert await ask(scheduler, MODEL) == ANSWER
    await scheduler.aclose()


async def test_those_who_only_waited_when_a_worker_was_killed_are_answered_by_the_next() -> None:
    engines = {"gen": FakeEngine()}
    loader = FakeLoader(engines, slots=1)
    scheduler = scheduler_of(loader)
    clients = [client(scheduler, MODEL) for _ in range(4)]
    await clients[0].begun()
    loader.added.clear()
    loader.loaded[0].die()
    await asyncio.wait_for(loader.added.wait(), 5)
    await clients[0].cancel()
    assert [await each.end() for each in clients[1:]] == [ANSWER] * 3
    assert loader.attempts == 2
    await scheduler.aclose()


async def test_a_keep_alive_of_zero_does_not_unload_under_those_who_wait() -> None:
    loader = FakeLoader(slots=1)
    scheduler = scheduler_of(loader)
    clients = [client(scheduler, MODEL, Demand(keep_alive_s=0.0)) for _ in range(3)]
    assert [await each.end() for each in clients] == [ANSWER] * 3
    await asyncio.wait_for(loader.loaded[0].stopped.wait(), 5)
    assert loader.attempts == 1
    await scheduler.aclose()


async def test_closing_turns_away_who_waits() -> None:
    scheduler = scheduler_of(FakeLoader(slots=1))
    first, second = client(scheduler, MODEL), client(scheduler, MODEL)
    await first.begun()
    await settle()
    await asyncio.wait_for(scheduler.aclose(), 5)
    with pytest.raises(ServerBusy):
        await second.task
    await first.cancel()
