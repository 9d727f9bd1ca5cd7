"""A fleet: arriero in front of smg, in front of a real vLLM and a real SGLang, one of which is killed under load."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import psutil
import pytest

from tests.engines_live.servers import MODEL, free_port, is_installed, plain_engine, process_at, script
from tests.live.launching import Server, launched
from tests.live.models import cache

pytestmark = pytest.mark.engines

_CLIENTS = 6
_TOKENS = 24
_WINDOW_S = 12.0
_RETURN_TIMEOUT_S = 60.0


@dataclass(slots=True)
class Findings:
    """What clients have seen: when each answer ended, and what each error was."""

    answers_s: list[float] = field(default_factory=list)
    errors: list[tuple[float, str]] = field(default_factory=list)
    incomplete: list[str] = field(default_factory=list)

    def rate(self, start_s: float, end_s: float) -> float:
        """Answers a second in a window."""
        return sum(start_s <= at < end_s for at in self.answers_s) / (end_s - start_s)


@contextmanager
def smg(*workers: str) -> Iterator[str]:
    """The gateway; its URL once it has a healthy worker."""
    url = f"http://127.0.0.1:{free_port()}"
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            ["bash", str(script()), "start", "smg", url.rpartition(":")[2], *workers],
            env={**os.environ, "ENGINES": str(cache())},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            yield url
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


async def until_serving(server: Server) -> None:
    """Until arriero lists the model."""
    async with asyncio.timeout(_RETURN_TIMEOUT_S), aiohttp.ClientSession() as session:
        while True:
            async with session.get(f"{server.url}/api/tags") as answer:
                if MODEL in {model["name"] for model in (await answer.json())["models"]}:
                    return
            await asyncio.sleep(0.2)


async def client(session: aiohttp.ClientSession, url: str, number: int, found: Findings) -> None:
    """Ask one streamed question after the other, until cancelled."""
    for turn in range(10_000):
        text = f"Client {number}, question {turn}: tell a story about a mule."
        body = {"model": MODEL, "prompt": text, "options": {"num_predict": _TOKENS}}
        async with session.post(f"{url}/api/generate", json=body) as answer:
            lines = [json.loads(line) for line in (await answer.read()).splitlines()]
        if "error" in lines[-1]:
            found.errors.append((time.monotonic(), lines[-1]["error"]))
        elif answer.status == 200 and lines[-1]["done"]:
            found.answers_s.append(time.monotonic())
        else:
            found.incomplete.append(str(lines[-1:]))


@asynccontextmanager
async def load(url: str) -> AsyncIterator[Findings]:
    """Clients that ask all the time."""
    found = Findings()
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=120)) as session:
        tasks = [asyncio.create_task(client(session, url, number, found)) for number in range(_CLIENTS)]
        try:
            yield found
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def vllm_running(metrics: str) -> int:
    """Answers under way, as vLLM counts them."""
    values = [line.rpartition(" ")[2] for line in metrics.splitlines() if line.startswith("vllm:num_requests_running")]
    return round(sum(map(float, values)))


async def until_busy(url: str) -> int:
    """Until the worker has answers under way; how many."""
    async with asyncio.timeout(_RETURN_TIMEOUT_S), aiohttp.ClientSession() as session:
        while True:
            async with session.get(f"{url}/metrics") as answer:
                if running := vllm_running(await answer.text()):
                    return running
            await asyncio.sleep(0.05)


def kill(url: str) -> int:
    """Kill the server at a URL with all its processes; its port."""
    process = process_at(url)
    for each in (*process.children(recursive=True), process):
        each.kill()
    psutil.wait_procs([process], timeout=10)
    return int(url.rpartition(":")[2])


@pytest.mark.skipif(
    not (is_installed("vllm") and is_installed("sglang") and shutil.which("bash")), reason="engines are not installed"
)
async def test_a_worker_that_is_killed_costs_only_its_own_answers(tmp_path: Path) -> None:
    with (
        plain_engine("vllm") as vllm,
        plain_engine("sglang") as sglang,
        smg(vllm, sglang) as gateway,
        launched(tmp_path, "--upstream", gateway, module=("arriero", "serve")) as server,
    ):
        await until_serving(server)
        async with load(server.url) as found:
            await asyncio.sleep(_WINDOW_S)
            before = found.rate(time.monotonic() - _WINDOW_S / 2, time.monotonic())
            assert not found.errors
            running = await until_busy(vllm)
            killed_s = time.monotonic()
            port = kill(vllm)
            await asyncio.sleep(_WINDOW_S)
            alone = found.rate(killed_s + 2, time.monotonic())
            errors = list(found.errors)
            with ExitStack() as again:
                # Starting it blocks, and the clients go on.
                await asyncio.to_thread(again.enter_context, plain_engine("vllm", port))
                await asyncio.sleep(_WINDOW_S * 2)
                after = found.rate(time.monotonic() - _WINDOW_S / 2, time.monotonic())
                await asyncio.to_thread(again.close)
        print(  # noqa: T201  # what was measured
            f"\nanswers a second: {before:.2f} on two workers, {alone:.2f} on one, {after:.2f} on two again; "
            f"{len(errors)} of {_CLIENTS} clients got an error, {running} were on the killed worker: {errors[:1]}"
        )

    assert 1 <= len(errors) <= _CLIENTS
    assert {at < killed_s + 5 for at, _ in errors} == {True}
    assert found.incomplete == []
    assert found.errors == errors
    assert alone > 0
    assert after >= 0.8 * before
