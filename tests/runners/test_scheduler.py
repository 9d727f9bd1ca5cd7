import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from arriero.engines.base import Embeds, Engine
from arriero.engines.fake import FakeEngine, Script
from arriero.errors import EngineDied, EngineFailed, EngineUnreachable, LoadFailed, ServerBusy
from arriero.runners.admission import files_of
from arriero.runners.runner import Runner, restart_delay_s
from arriero.runners.scheduler import Scheduler
from arriero.types.chat import TextPrompt, TextRequest
from arriero.types.embeddings import Embeddings
from arriero.types.events import TextDelta
from arriero.types.loading import Demand
from arriero.types.models import ModelRecord
from tests.factories_store import record
from tests.runners.scheduling import settle
from tests.serving import ROOMY, FakeLoader, until

MODEL = record("gen")
ASK = TextRequest(TextPrompt("hi"))
FOREVER = float("inf")
SOON = 0.05


def scheduler_of(loader: FakeLoader, keep_alive_s: float = 300.0) -> Scheduler:
    return Scheduler(loader, replace(ROOMY, keep_alive_s=keep_alive_s))


def runner_of(scheduler: Scheduler, model: ModelRecord = MODEL) -> Runner:
    return scheduler._dispatcher.runners[files_of(model)]


async def ask(scheduler: Scheduler, keep_alive_s: float | None = None, model: ModelRecord = MODEL) -> str:
    async with asyncio.timeout(5), scheduler.answer(model, ASK, Demand(keep_alive_s)) as answer:
        events = [*answer.first, *[event async for batch in answer.rest for event in batch]]
    return "".join(event.text for event in events if isinstance(event, TextDelta))


async def ended(runner: Runner) -> None:
    await asyncio.wait_for(asyncio.shield(runner.ended), 5)


def engine_that(*scripts: Script) -> FakeEngine:
    """Answer by one script after another, and by the last one ever after."""
    left = list(scripts)
    return FakeEngine(lambda _: left.pop(0) if len(left) > 1 else left[0])


async def test_two_requests_share_a_load() -> None:
    loader = FakeLoader(gate=asyncio.Event())
    scheduler = scheduler_of(loader)
    asking = [asyncio.create_task(ask(scheduler)) for _ in range(2)]
    await asyncio.wait_for(loader.started.wait(), 5)
    assert loader.gate is not None
    loader.gate.set()
    assert await asyncio.gather(*asking) == ["Hello there."] * 2
    assert loader.attempts == 1
    await scheduler.aclose()


async def test_two_names_of_a_file_share_a_load() -> None:
    loader = FakeLoader()
    scheduler = scheduler_of(loader)
    await ask(scheduler, model=record("a"))
    await ask(scheduler, model=record("b"))
    assert loader.attempts == 1
    await scheduler.aclose()


async def test_models_of_their_own_are_loaded_beside_each_other() -> None:
    loader = FakeLoader()
    scheduler = scheduler_of(loader)
    await ask(scheduler, model=record("a", weights=Path("/a")))
    await ask(scheduler, 600.0, model=record("b", weights=Path("/b")))
    assert [status.record.name for status in scheduler.statuses()] == ["b", "a"]
    assert [(status.memory_bytes, status.context) for status in scheduler.statuses()] == [(123_456, 2048)] * 2
    await scheduler.aclose()


async def test_a_failed_load_is_told_to_everyone_who_waits_and_the_next_request_tries_again() -> None:
    loader = FakeLoader(gate=asyncio.Event(), error=LoadFailed("bad magic", 507))
    scheduler = scheduler_of(loader)
    asking = [asyncio.create_task(ask(scheduler)) for _ in range(3)]
    await asyncio.wait_for(loader.started.wait(), 5)
    assert loader.gate is not None
    loader.gate.set()
    errors = await asyncio.gather(*asking, return_exceptions=True)
    assert [(type(error), str(error)) for error in errors] == [(LoadFailed, "bad magic")] * 3
    assert {error.status for error in errors if isinstance(error, LoadFailed)} == {507}
    loader.error = None
    assert await ask(scheduler) == "Hello there."
    assert loader.attempts == 2
    await scheduler.aclose()


async def test_a_bug_in_a_load_is_told_as_a_failed_load(caplog: pytest.LogCaptureFixture) -> None:
    scheduler = scheduler_of(FakeLoader(error=KeyError("oops")))
    with pytest.raises(LoadFailed, match="the server's log says why"):
        await ask(scheduler)
    assert "runner failed" in caplog.text
    await scheduler.aclose()


async def test_a_keep_alive_of_zero_unloads_after_the_answer() -> None:
    loader = FakeLoader()
    scheduler = scheduler_of(loader)
    assert await ask(scheduler, 0.0) == "Hello there."
    await asyncio.wait_for(loader.loaded[0].stopped.wait(), 5)
    assert scheduler.statuses() == []
    assert await ask(scheduler) == "Hello there."
    assert loader.attempts == 2
    await scheduler.aclose()


async def test_an_idle_model_expires() -> None:
    loader = FakeLoader()
    scheduler = scheduler_of(loader, keep_alive_s=SOON)
    await ask(scheduler)
    assert len(scheduler.statuses()) == 1
    await ended(runner_of(scheduler))
    assert loader.loaded[0].stopped.is_set()
    assert scheduler.statuses() == []


async def test_a_keep_alive_sticks_to_the_model() -> None:
    scheduler = scheduler_of(FakeLoader())
    await ask(scheduler, SOON)
    await ask(scheduler)
    await ended(runner_of(scheduler))


async def test_a_model_that_is_kept_for_ever_has_no_timer() -> None:
    scheduler = scheduler_of(FakeLoader(), keep_alive_s=SOON)
    await ask(scheduler, FOREVER)
    [status] = scheduler.statuses()
    assert status.expires_in_s == FOREVER
    assert runner_of(scheduler)._timer is None
    await scheduler.aclose()


async def test_a_model_in_use_does_not_expire() -> None:
    scheduler = scheduler_of(FakeLoader(), keep_alive_s=SOON)
    async with scheduler.answer(MODEL, ASK):
        runner = runner_of(scheduler)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(runner.ended), 2 * SOON)
    await ended(runner)


async def test_unload_waits_for_the_last_user() -> None:
    loader = FakeLoader()
    scheduler = scheduler_of(loader)
    async with AsyncExitStack() as first:
        await first.enter_async_context(scheduler.answer(MODEL, ASK))
        async with scheduler.answer(MODEL, ASK):
            scheduler.unload(MODEL)
            assert scheduler.statuses()[0].expires_in_s < 0
        runner = runner_of(scheduler)
        assert not runner.is_ending
    await ended(runner)
    assert loader.loaded[0].stopped.is_set()


async def test_unload_of_a_model_that_is_not_loaded_does_nothing() -> None:
    scheduler = scheduler_of(FakeLoader())
    scheduler.unload(MODEL)
    assert scheduler.statuses() == []


async def test_a_request_after_unload_waits_for_the_end_and_loads_again() -> None:
    loader = FakeLoader()
    scheduler = scheduler_of(loader)
    await ask(scheduler)
    scheduler.unload(MODEL)
    assert await ask(scheduler) == "Hello there."
    assert loader.loaded[0].stopped.is_set()
    assert loader.attempts == 2
    await scheduler.aclose()


async def test_a_death_is_followed_by_a_restart(caplog: pytest.LogCaptureFixture) -> None:
    loader = FakeLoader()
    scheduler = scheduler_of(loader)
    await ask(scheduler)
    loader.added.clear()
    loader.loaded[0].die()
    await asyncio.wait_for(loader.added.wait(), 5)
    assert await ask(scheduler) == "Hello there."
    assert loader.attempts == 2
    assert "engine died" in caplog.text
    await scheduler.aclose()


async def test_an_engine_that_was_not_reached_is_asked_again_after_its_restart() -> None:
    loader = FakeLoader({"gen": engine_that(Script(error=EngineUnreachable("refused")), Script())})
    scheduler = scheduler_of(loader)
    asking = asyncio.create_task(ask(scheduler))
    await asyncio.wait_for(loader.added.wait(), 5)
    loader.loaded[0].die()
    assert await asking == "Hello there."
    assert loader.attempts == 2
    await scheduler.aclose()


async def test_an_engine_is_asked_again_only_once() -> None:
    engine = FakeEngine()

    def refuse(_: TextRequest) -> Script:
        loader.loaded[-1].die()
        return Script(error=EngineUnreachable("refused"))

    engine.script = refuse
    loader = FakeLoader({"gen": engine})
    scheduler = scheduler_of(loader)
    with pytest.raises(EngineUnreachable):
        await ask(scheduler)
    assert len(engine.requests) == 2
    await scheduler.aclose()


async def test_an_answer_that_has_begun_is_not_asked_for_again() -> None:
    engine = FakeEngine(Script(error=EngineUnreachable("refused"), fail_after=1))
    scheduler = scheduler_of(FakeLoader({"gen": engine}))
    with pytest.raises(EngineUnreachable):
        await ask(scheduler)
    assert len(engine.requests) == 1
    await scheduler.aclose()


async def test_a_call_that_did_not_reach_the_engine_is_made_again_after_the_restart() -> None:
    engines = {"gen": FakeEngine(embed_error=EngineUnreachable("refused"))}
    loader = FakeLoader(engines)
    scheduler = scheduler_of(loader)

    async def embed(engine: Engine) -> Embeddings:
        assert isinstance(engine, Embeds)
        return await engine.embed(["x"])

    calling = asyncio.create_task(scheduler.call(MODEL, embed, takes_slot=True))
    await asyncio.wait_for(loader.added.wait(), 5)
    engines["gen"] = FakeEngine()
    loader.loaded[0].die()
    assert len((await calling).vectors) == 1
    assert loader.attempts == 2
    await scheduler.aclose()


async def test_an_engine_that_lost_a_call_is_doubted_and_at_shutdown_the_server_is_busy() -> None:
    engine = FakeEngine()
    scheduler = scheduler_of(FakeLoader({"gen": engine}))

    async def die(_: Engine) -> None:
        scheduler.end()
        raise EngineDied("gone")

    with pytest.raises(ServerBusy):
        await scheduler.call(MODEL, die)
    await scheduler.aclose()


async def test_all_who_come_after_a_lost_answer_wait_for_the_one_look_at_the_engine() -> None:
    may_tell, looks = asyncio.Event(), 0

    class Dying(FakeEngine):
        async def health(self) -> bool:
            nonlocal looks
            looks += 1
            await may_tell.wait()
            return False

    engines: dict[str, FakeEngine] = {"gen": Dying(Script(error=EngineDied("gone"), fail_after=1))}
    loader = FakeLoader(engines)
    scheduler = scheduler_of(loader)
    with pytest.raises(EngineDied):
        await ask(scheduler)

    engines["gen"] = FakeEngine()
    asking = [asyncio.create_task(ask(scheduler)) for _ in range(3)]
    await settle()
    may_tell.set()
    await settle()
    loader.loaded[0].die()
    assert await asyncio.gather(*asking) == ["Hello there."] * 3
    assert looks == 1
    await scheduler.aclose()


@pytest.mark.parametrize("before", [0, 1])
async def test_who_comes_after_an_answer_that_broke_off_waits_for_the_restart(before: int) -> None:
    dying = FakeEngine(Script(error=EngineDied("gone"), fail_after=before), is_healthy=False)
    engines = {"gen": dying}
    loader = FakeLoader(engines)
    scheduler = scheduler_of(loader)
    with pytest.raises(EngineDied):
        await ask(scheduler)

    engines["gen"] = FakeEngine()
    asking = asyncio.create_task(ask(scheduler))
    await asyncio.wait({asking}, timeout=0.01)
    loader.loaded[0].die()

    assert await asking == "Hello there."
    assert len(dying.requests) == 1
    await scheduler.aclose()


async def test_an_engine_that_is_well_in_spite_of_a_lost_answer_is_asked_at_once() -> None:
    loader = FakeLoader({"gen": engine_that(Script(error=EngineDied("gone"), fail_after=1), Script())})
    scheduler = scheduler_of(loader)
    with pytest.raises(EngineDied):
        await ask(scheduler)

    assert await ask(scheduler) == "Hello there."
    assert loader.attempts == 1
    await scheduler.aclose()


@pytest.mark.parametrize("error", [EngineDied("gone"), EngineFailed("too long", 400)])
async def test_an_engine_that_got_the_request_is_not_asked_again(error: EngineFailed) -> None:
    engine = FakeEngine(Script(error=error))
    scheduler = scheduler_of(FakeLoader({"gen": engine}))
    with pytest.raises(type(error)):
        await ask(scheduler)
    assert len(engine.requests) == 1
    await scheduler.aclose()


async def test_leaving_an_answer_cancels_the_engine() -> None:
    engine = FakeEngine(Script((("Hello",),), hang=True))
    scheduler = scheduler_of(FakeLoader({"gen": engine}))
    async with scheduler.answer(MODEL, ASK) as answer:
        assert list(answer.first) == [TextDelta("Hello")]
        assert engine.running == 1
    await until(engine, lambda: engine.cancelled == 1)
    assert engine.running == 0
    await scheduler.aclose()


async def test_closing_while_a_model_loads_gives_up_the_load() -> None:
    loader = FakeLoader(gate=asyncio.Event())
    scheduler = scheduler_of(loader)
    asking = asyncio.create_task(ask(scheduler))
    await asyncio.wait_for(loader.started.wait(), 5)
    await asyncio.wait_for(scheduler.aclose(), 5)
    assert loader.cancelled.is_set()
    with pytest.raises(ServerBusy):
        await asking


async def test_a_closed_scheduler_takes_no_requests() -> None:
    loader = FakeLoader()
    scheduler = scheduler_of(loader)
    await ask(scheduler)
    await scheduler.aclose()
    assert loader.loaded[0].stopped.is_set()
    with pytest.raises(ServerBusy):
        await ask(scheduler)


async def test_a_request_that_is_given_up_while_the_model_loads_counts_no_more() -> None:
    loader = FakeLoader(gate=asyncio.Event())
    scheduler = scheduler_of(loader)
    asking = asyncio.create_task(ask(scheduler, 0.0))
    await asyncio.wait_for(loader.started.wait(), 5)
    asking.cancel()
    await asyncio.wait({asking}, timeout=5)
    await asyncio.wait_for(loader.cancelled.wait(), 5)


@pytest.mark.parametrize(
    ("deaths", "seconds"), [(0, 0.0), (1, 0.0), (2, 0.5), (3, 1.0), (4, 2.0), (7, 16.0), (8, 30.0), (100, 30.0)]
)
def test_every_death_in_a_row_doubles_the_wait(deaths: int, seconds: float) -> None:
    assert restart_delay_s(deaths) == seconds
