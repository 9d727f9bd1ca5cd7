"""Three models, memory for two, sixteen clients that come and go, engines that die."""

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field

import pytest

from arriero.engines.base import Plan
from arriero.engines.fake import Script
from arriero.errors import EngineUnreachable
from arriero.runners.residency import Limits
from arriero.runners.scheduler import Scheduler
from arriero.types.chat import TextRequest
from arriero.types.loading import Demand
from arriero.types.models import ModelRecord
from tests.runners.scheduling import ANSWER, ROOM_FOR_TWO, ask, memory_of, model, settle, wants
from tests.serving import FakeLoader, FakeModel

MODELS = [model(name) for name in "abc"]
CLIENTS = 16
REQUESTS = 25
SLOTS = 3


class MortalModel(FakeModel):
    """Cannot be reached once it is dead, and is never stopped while it answers."""

    def script(self, _: TextRequest) -> Script:
        assert self.engine.running < SLOTS
        return Script(error=EngineUnreachable("refused")) if self._end.is_set() else Script()

    async def stop(self) -> None:
        assert not self.engine.running or self._end.is_set()
        await asyncio.sleep(0)
        await super().stop()


@dataclass(slots=True)
class Witness(FakeLoader):
    """Loads as fakes do, and sees to it that memory suffices, and that no engine gets more than it has slots for.

    names: of the models loaded, in order.
    """

    names: list[str] = field(default_factory=list)

    async def load(self, record: ModelRecord, plan: Plan) -> FakeModel:
        held = sum(
            memory_of(name) for name, each in zip(self.names, self.loaded, strict=True) if not each.stopped.is_set()
        )
        assert held + memory_of(record.name) <= ROOM_FOR_TWO
        await asyncio.sleep(0)
        loaded = MortalModel(plan=plan)
        loaded.engine.script = loaded.script
        self.names.append(record.name)
        self.loaded.append(loaded)
        return loaded


@pytest.mark.parametrize("seed", range(4))
async def test_nobody_is_lost_and_nobody_hangs_and_memory_suffices(seed: int) -> None:
    dice = random.Random(seed)
    loader = Witness(slots=SLOTS)
    scheduler = Scheduler(loader, Limits(queue=CLIENTS, models=9, memory_bytes=ROOM_FOR_TWO))
    outcomes: Counter[str] = Counter()

    async def one_request() -> None:
        demand = dice.choice([Demand(), Demand(), Demand(0.0), Demand(float("inf")), wants(4096)])
        asking = asyncio.create_task(ask(scheduler, dice.choice(MODELS), demand))
        if dice.random() < 0.2:
            for _ in range(dice.randrange(12)):
                await asyncio.sleep(0)
            asking.cancel()
        await asyncio.wait({asking}, timeout=5)
        assert asking.done(), "somebody hangs"
        if asking.cancelled():
            outcomes["cancelled"] += 1
        elif isinstance(asking.exception(), EngineUnreachable):
            outcomes["met two deaths"] += 1
        else:
            outcomes[asking.result()] += 1

    async def client() -> None:
        for _ in range(REQUESTS):
            if dice.random() < 0.02 and loader.loaded:
                outcomes["deaths"] += 1
                loader.loaded[-1].die()
            await one_request()

    await asyncio.wait_for(asyncio.gather(*(client() for _ in range(CLIENTS))), 30)
    assert outcomes["met two deaths"] <= SLOTS * outcomes.pop("deaths") // 2
    assert sum(outcomes.values()) == CLIENTS * REQUESTS
    assert outcomes.keys() <= {ANSWER, "cancelled", "met two deaths"}
    assert set(loader.names) == {"a", "b", "c"}

    await settle()
    assert all(runner.users == runner.taken == 0 for runner in scheduler._dispatcher.runners.values())
    assert len(scheduler._dispatcher._waiting) == 0
    await asyncio.wait_for(scheduler.aclose(), 5)
    assert all(each.stopped.is_set() for each in loader.loaded)
