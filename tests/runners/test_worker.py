import asyncio
import sys
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from arriero.engines.base import Launch, LaunchSpec, Plan
from arriero.engines.fake import FakeEngine
from arriero.errors import LoadFailed
from arriero.runners.worker import WorkerLoader, describe_end
from arriero.types.models import ModelRecord
from tests.factories_store import record

PLAN = Plan(context=512, slots=1)
MODEL = record(weights=Path(__file__))
WAITS = "import sys; sys.stdin.read()"


class SickEngine(FakeEngine):
    """Is never well. asked: set when somebody wanted to know."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = asyncio.Event()

    async def health(self) -> bool:
        self.asked.set()
        return False


@dataclass(slots=True)
class Launcher:
    """Starts a script for every model, and remembers the keys that it was given."""

    argv: tuple[str, ...]
    engine: FakeEngine = field(default_factory=FakeEngine)
    keys: list[str] = field(default_factory=list)

    def __call__(self, _: ModelRecord, plan: Plan, port: int, api_key: str) -> Launch:
        assert 0 < port < 65536
        self.keys.append(api_key)
        return Launch(LaunchSpec(self.argv), plan, lambda: self.engine)


def loader_of(launcher: Launcher, stall_timeout_s: float = 5.0) -> WorkerLoader:
    return WorkerLoader(launcher, lambda *_: PLAN, stall_timeout_s)


def running(script: str, *, is_healthy: bool = True) -> Launcher:
    return Launcher((sys.executable, "-c", script), FakeEngine(is_healthy=is_healthy))


async def test_a_model_is_loaded_when_its_engine_is_well() -> None:
    launcher = running(WAITS)
    worker = await loader_of(launcher).load(MODEL, PLAN)
    assert worker.engine is launcher.engine
    assert worker.plan == PLAN
    assert worker.memory_bytes() > 0
    await worker.stop()
    assert worker.memory_bytes() == 0


async def test_every_worker_has_a_key_of_its_own() -> None:
    launcher = running(WAITS)
    loader = loader_of(launcher)
    workers = [await loader.load(MODEL, PLAN), await loader.load(MODEL, PLAN)]
    assert len(set(launcher.keys)) == 2
    assert all(len(key) >= 24 for key in launcher.keys)
    await asyncio.gather(*(worker.stop() for worker in workers))


async def test_the_end_of_a_worker_is_told_in_words() -> None:
    worker = await loader_of(running("import sys; sys.stdin.readline(); sys.exit('out of memory')")).load(MODEL, PLAN)
    ending = asyncio.create_task(worker.wait_for_end())
    await worker.stop()
    assert "killed by signal 15" in await ending


async def test_an_engine_that_exits_while_it_loads_has_failed_with_its_last_words() -> None:
    loader = loader_of(running("import sys; sys.exit('error: bad magic')", is_healthy=False))
    with pytest.raises(LoadFailed) as caught:
        await loader.load(MODEL, PLAN)
    assert caught.value.message == "could not load tiny: the engine exited with code 1: error: bad magic"


async def test_an_engine_that_cannot_be_started_has_failed() -> None:
    with pytest.raises(LoadFailed, match="could not start the engine for tiny: "):
        await loader_of(Launcher(("/nothing-here",))).load(MODEL, PLAN)


async def test_a_model_whose_file_has_gone_is_not_found() -> None:
    with pytest.raises(LoadFailed, match='model "gone" not found, try pulling it first') as caught:
        await loader_of(running(WAITS)).load(record("gone"), PLAN)
    assert caught.value.status == 404


async def test_a_load_without_progress_is_given_up() -> None:
    with pytest.raises(LoadFailed, match=r"no progress for 0\.1 s"):
        await loader_of(running(WAITS, is_healthy=False), 0.1).load(MODEL, PLAN)


async def test_a_load_that_is_cancelled_leaves_nothing_behind() -> None:
    engine = SickEngine()
    loading = asyncio.create_task(loader_of(Launcher((sys.executable, "-c", WAITS), engine), 0.0).load(MODEL, PLAN))
    await asyncio.wait_for(engine.asked.wait(), 5)
    assert psutil.Process().children()
    loading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await loading
    assert not psutil.Process().children()


@pytest.mark.parametrize(
    ("code", "words", "told"),
    [
        (0, "", "exited with code 0"),
        (1, "bad magic", "exited with code 1: bad magic"),
        (-9, "", "was killed by signal 9"),
    ],
)
def test_an_end_in_words(code: int, words: str, told: str) -> None:
    assert describe_end(code, words) == told
