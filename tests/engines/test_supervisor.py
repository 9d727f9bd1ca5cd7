"""The process beside an engine, with scripts for engines."""

import asyncio
import json
import signal
import sys

import psutil
import pytest

from arriero.engines.base import LaunchSpec
from arriero.runners.process import EngineProcess

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="watches processes as Linux tells of them")

SUPERVISOR = (sys.executable, "-P", "-m", "arriero.engines.own_server.supervisor", sys.executable, "-c")
# Has one that leaves its session and loses its parent, tells whom there is, and does not listen to SIGTERM.
STARTS = """
import json, os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
reading, writing = os.pipe()
child = os.fork()
if not child:
    os.setsid()
    if not os.fork():
        os.write(writing, str(os.getpid()).encode())
        time.sleep(600)
    os._exit(0)
os.waitpid(child, 0)
print(json.dumps([os.getpid(), int(os.read(reading, 16))]), flush=True)
time.sleep(600)
"""


async def supervised(script: str) -> EngineProcess:
    return await EngineProcess.start(LaunchSpec((*SUPERVISOR, script)), "tiny")


async def begun() -> tuple[asyncio.subprocess.Process, list[psutil.Process]]:
    """A supervisor whose engine has started others, and all that runs of it."""
    process = await asyncio.create_subprocess_exec(
        *SUPERVISOR,
        STARTS,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None
    told = await asyncio.wait_for(process.stdout.readline(), 30)
    return process, [psutil.Process(pid) for pid in json.loads(told)]


def gone(processes: list[psutil.Process]) -> bool:
    """Whether all end within seconds."""
    _, alive = psutil.wait_procs(processes, 10)
    return not [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]


@pytest.mark.parametrize("code", [0, 3])
async def test_it_ends_as_the_engine_does(code: int) -> None:
    process = await supervised(f"print('last words'); raise SystemExit({code})")
    assert await process.wait() == code
    assert process.last_words == "last words"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM])
async def test_an_engine_that_is_killed_is_told_as_such(number: signal.Signals) -> None:
    process = await supervised(f"import os; os.kill(os.getpid(), {int(number)})")
    assert await process.wait() == -number


async def test_at_the_end_of_standard_input_nothing_is_left() -> None:
    process, others = await begun()
    assert process.stdin is not None
    process.stdin.close()
    await asyncio.wait_for(process.wait(), 10)
    assert gone(others)


async def test_what_left_the_group_goes_with_an_engine_that_ends() -> None:
    process, others = await begun()
    others[0].kill()
    assert await asyncio.wait_for(process.wait(), 10) == -signal.SIGKILL
    assert gone(others)


async def test_the_engine_does_not_outlive_a_supervisor_that_is_killed() -> None:
    process, others = await begun()
    process.kill()
    assert gone(others[:1])
    # What has left the group and lost its parent is out of everybody's sight then.
    others[1].kill()
    await process.wait()


async def test_an_engine_that_does_not_listen_is_killed_with_what_it_has_started() -> None:
    process, others = await begun()
    process.terminate()
    await asyncio.wait_for(process.wait(), 10)
    assert gone(others)
