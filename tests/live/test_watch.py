"""Workers on systems where the kernel does not tell them that their parent is gone: standard input does."""

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from arriero.engines.base import Launch, Plan
from arriero.engines.llama_cpp import launch as llama_cpp
from arriero.runners.worker import Worker, WorkerLoader
from arriero.store.fetch import fetch
from arriero.store.layout import layout_from
from arriero.types.models import ModelRecord
from tests.live.launching import MODEL, is_alive, launched

pytestmark = [pytest.mark.live, pytest.mark.skipif(sys.platform == "win32", reason="has neither forks nor groups")]

PLAN = Plan(context=512, slots=1)

# A server that loads a model, tells its workers' ids and then waits to be killed.
SERVER = """
import asyncio, psutil, sys
from pathlib import Path
from tests.live.test_watch import load, record_in
async def main():
    await load(record_in(Path(sys.argv[1])), sys.argv[2])
    print(*(child.pid for child in psutil.Process().children(recursive=True)), flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""


def record_in(home: Path) -> ModelRecord:
    return fetch(MODEL, layout_from({"ARRIERO_HOME": str(home)}), memory_bytes=1 << 30).record


async def load(record: ModelRecord, llama_server: str = "") -> Worker:
    settings = llama_cpp.LlamaCppSettings(llama_server=llama_server or None, watch="stdin")

    def launch(record: ModelRecord, plan: Plan, port: int, api_key: str) -> Launch:
        return llama_cpp.launch(record, plan, settings, port, api_key)

    return await WorkerLoader(launch, lambda *_: PLAN, stall_timeout_s=60.0).load(record, PLAN)


def wrapper_in(folder: Path) -> str:
    """A program that starts the real one and stays beside it, as wrappers do that forget to exec."""
    program = folder / "llama-server"
    stand_in = Path(__file__).with_name("stand_in_llama_server.py")
    program.write_text(f'#!/bin/sh\n{sys.executable} {stand_in} "$@"\nexit $?\n')
    program.chmod(0o755)
    return str(program)


def workers_of(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children(recursive=True)


def are_gone(processes: list[psutil.Process]) -> bool:
    for _ in range(500):
        if not any(is_alive(process) for process in processes):
            return True
        psutil.wait_procs(processes, 0.01)
    return False


async def test_the_end_of_a_worker_is_noticed(model_home: Path) -> None:
    worker = await load(record_in(model_home))
    [process, *_] = psutil.Process().children()

    process.kill()

    assert "killed by signal 9" in await asyncio.wait_for(worker.wait_for_end(), 10)
    await worker.stop()


async def test_a_worker_is_stopped_with_all_that_it_has_started(model_home: Path, tmp_path: Path) -> None:
    worker = await load(record_in(model_home), wrapper_in(tmp_path))
    started = psutil.Process().children(recursive=True)
    assert len(started) > 1

    await asyncio.wait_for(worker.stop(), 10)

    assert are_gone(started)


@pytest.mark.parametrize("kind", ["wheel", "wrapper"])
def test_a_worker_does_not_outlive_a_killed_server(model_home: Path, tmp_path: Path, kind: str) -> None:
    binary = wrapper_in(tmp_path) if kind == "wrapper" else ""
    with subprocess.Popen(
        [sys.executable, "-c", SERVER, str(model_home), binary], stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        workers = [psutil.Process(int(pid)) for pid in server.stdout.readline().split()]
        assert workers
        server.send_signal(signal.SIGKILL)

    assert are_gone(workers)


def test_a_wrapped_binary_goes_with_the_server(model_home: Path, tmp_path: Path) -> None:
    with launched(model_home, "--llama-server", wrapper_in(tmp_path)) as server:
        workers = workers_of(server.process.pid)
        server.process.terminate()
        assert server.process.wait(20) == 0

    assert are_gone(workers)
