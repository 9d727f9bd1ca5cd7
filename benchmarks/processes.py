"""Servers as processes of their own: arriero in front of another one, and whatever else runs as a module."""

import asyncio
import os
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import aiohttp

_START_TIMEOUT_S = 60.0
_STOP_TIMEOUT_S = 15.0
_PROBE_INTERVAL_S = 0.1


@dataclass(frozen=True, slots=True)
class Served:
    """A server that is up."""

    pid: int
    url: str


@asynccontextmanager
async def arriero_before(url: str, model: str, settings: str = "") -> AsyncIterator[Served]:
    """Run arriero in front of a server, and nothing else, as long as the block lasts.

    settings: more lines for the server's table in the configuration file.
    """
    port = free_port()
    with TemporaryDirectory() as home:
        config = Path(home) / "config.toml"
        config.write_text(f'[upstreams.measured]\nurl = "{url}"\n{settings}\n')
        arguments = ("serve", "--config", str(config), "--host", "127.0.0.1", "--port", str(port))
        async with running("arriero", *arguments, ARRIERO_HOME=home, OLLAMA_MODELS=f"{home}/models") as pid:
            served = Served(pid, f"http://127.0.0.1:{port}")
            await _until_listed(served.url, model)
            yield served


@asynccontextmanager
async def running(module: str, *arguments: str, **environment: str) -> AsyncIterator[int]:
    """Run ``python -m module`` as long as the block lasts; its process."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        *arguments,
        env={**os.environ, **environment},
        stdin=asyncio.subprocess.DEVNULL,
    )
    try:
        yield process.pid
    finally:
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), _STOP_TIMEOUT_S)
        except TimeoutError:
            process.kill()
            await process.wait()


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def _until_listed(url: str, model: str) -> None:
    deadline_s = time.monotonic() + _START_TIMEOUT_S
    async with aiohttp.ClientSession() as session:
        while time.monotonic() < deadline_s:
            try:
                async with session.get(f"{url}/api/tags") as response:
                    if any(each["name"] == model for each in (await response.json())["models"]):
                        return
            except aiohttp.ClientConnectionError:
                pass
            await asyncio.sleep(_PROBE_INTERVAL_S)
    raise RuntimeError(f"arriero does not list {model}: is it what the server calls its model?")
