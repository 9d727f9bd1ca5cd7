"""Models whose engine takes minutes to start, and finds the weights itself."""

import asyncio
import logging
import sys
from dataclasses import dataclass, field, replace

import pytest

from arriero.cli.logs import FactsFormatter
from arriero.engines.base import Engine, Launch, LaunchSpec, Plan
from arriero.engines.fake import FakeEngine
from arriero.errors import EngineFailed, LoadFailed
from arriero.runners.planning import estimate_bytes
from arriero.runners.process import EngineProcess
from arriero.runners.residency import Limits, grantable
from arriero.runners.scheduler import Scheduler
from arriero.runners.worker import WorkerLoader
from arriero.types.loading import Demand, LoadOptions
from arriero.types.models import ModelRecord
from tests.factories_store import record
from tests.runners.scheduling import ANSWER, GIB, ask, model, names
from tests.serving import FakeLoader

BIG = record("big", weights=None, reference="user/big", size_bytes=1000 * GIB, digest="0" * 64)
PLAN = Plan(context=0, slots=256)
WAITS = (sys.executable, "-c", "import sys; sys.stdin.read()")
FOR_ONE_SECOND = Demand(keep_alive_s=1.0, options=LoadOptions(context=64))


@dataclass(slots=True)
class Starting(FakeEngine):
    """Becomes an engine with a context of its own, or fails to."""

    become: FakeEngine = field(default_factory=FakeEngine)
    failure: str = ""

    async def arrive(self, plan: Plan) -> tuple[Engine, Plan]:
        if self.failure:
            raise EngineFailed(self.failure)
        return self.become, replace(plan, context=777)


def loader_of(engine: FakeEngine, stall_timeout_s: float = 5.0) -> WorkerLoader:
    def launch(_record: ModelRecord, plan: Plan, _port: int, _key: str) -> Launch:
        return Launch(LaunchSpec(WAITS), plan, lambda: engine, is_watched=False)

    return WorkerLoader(launch, lambda *_: PLAN, stall_timeout_s)


async def test_an_engine_tells_its_context_when_it_is_up() -> None:
    starting = Starting()
    worker = await loader_of(starting).load(BIG, PLAN)
    assert worker.engine is starting.become
    assert worker.plan == Plan(context=777, slots=256)
    await worker.stop()


async def test_an_engine_that_cannot_tell_what_it_is_has_failed() -> None:
    with pytest.raises(LoadFailed, match="could not load big: no model"):
        await loader_of(Starting(failure="no model")).load(BIG, PLAN)


async def test_a_start_in_which_nothing_seems_to_happen_is_not_given_up() -> None:
    starting = Starting(is_healthy=False)
    loading = asyncio.create_task(loader_of(starting, 0.01).load(BIG, PLAN))
    _, waiting = await asyncio.wait({loading}, timeout=0.7)
    assert waiting
    starting.is_healthy = True
    await (await asyncio.wait_for(loading, 5)).stop()


async def test_its_context_is_what_the_running_model_is_told_to_have() -> None:
    scheduler = Scheduler(loader_of(Starting()), Limits())
    assert await ask(scheduler, BIG) == ANSWER
    assert [status.context for status in scheduler.statuses()] == [777]
    await scheduler.aclose()


def test_its_memory_is_its_own() -> None:
    assert estimate_bytes(BIG, PLAN) == 0


async def test_it_neither_makes_room_nor_has_others_make_room() -> None:
    scheduler = Scheduler(FakeLoader(), Limits(memory_bytes=2 * GIB, models=1))
    small, other = model("small"), model("other")
    for each in (small, BIG, other):
        assert await ask(scheduler, each) == ANSWER
    assert names(scheduler) == {"big", "other"}
    await scheduler.aclose()


@pytest.mark.parametrize(
    ("asked", "granted"),
    [
        (Demand(), Demand()),
        (FOR_ONE_SECOND, Demand()),
        (Demand(keep_alive_s=float("inf")), Demand()),
        (Demand(keep_alive_s=0.0), Demand(keep_alive_s=0.0)),
    ],
)
def test_a_request_may_end_it_and_nothing_else(asked: Demand, granted: Demand) -> None:
    assert grantable(BIG, asked, Limits()) == granted
    assert grantable(model("small"), asked, Limits()) == asked


async def test_output_is_shown_under_the_engines_name(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    spec = LaunchSpec((sys.executable, "-c", "print('one\\n\\n\\r1%\\r2%')"), shown_as="sglang")
    process = await EngineProcess.start(spec, "tiny")
    await process.wait()
    assert [FactsFormatter().format(line) for line in caplog.records] == ["[sglang] one", "[sglang] 2%"]
