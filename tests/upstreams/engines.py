"""Real engines to record: those that run already, or started for it."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

# What a server says of itself is foreign JSON.
from typing import Any

import aiohttp

from tests.engines_live.servers import EngineKind, free_port, plain_engine, script, thinking_engine
from tests.live.models import cache
from tests.upstreams.recording import Recorder, recording
from tests.upstreams.scenario import MODEL, Site, kind_of

_READY_TIMEOUT_S = 60.0
_WHERE_VERSIONS_ARE = {"vllm": "/version", "openai": "/version", "sglang": "/server_info", "llama-server": "/props"}


@asynccontextmanager
async def engine(site: Site, url: str | None) -> AsyncIterator[str]:
    """An engine's address; without one it is started, and ended."""
    if url is not None:
        yield url
    elif site == "llama-server":
        with _llama_server() as started:
            await _until_ready(f"{started}/health")
            yield started
    else:
        start = thinking_engine if site.endswith("-thinking") else plain_engine
        kind: EngineKind = "sglang" if site.startswith("sglang") else "vllm"
        starting = start(kind)
        started = await asyncio.to_thread(starting.__enter__)
        try:
            yield started
        finally:
            await asyncio.to_thread(starting.__exit__, None, None, None)


@asynccontextmanager
async def gateway(worker: str) -> AsyncIterator[tuple[str, Recorder]]:
    """``smg`` in front of one worker: its address, and what stands between the two and can cut them off."""
    async with recording(worker, lambda _, body: body) as between:
        port = free_port()
        with _process(["bash", str(script()), "start", "smg", str(port), between.url], {"ENGINES": str(cache())}):
            url = f"http://127.0.0.1:{port}"
            await _until_ready(f"{url}/readiness")
            yield url, between


async def version(site: Site, url: str) -> str:
    """What an engine calls itself, as far as it tells."""
    kind = kind_of(site)
    if kind not in _WHERE_VERSIONS_ARE:
        command = [str(cache() / f"venv-{kind}" / "bin" / kind), "--version"]
        return (await asyncio.to_thread(subprocess.check_output, command, text=True)).strip()
    async with aiohttp.ClientSession() as session, session.get(url + _WHERE_VERSIONS_ARE[kind]) as answer:
        told: dict[str, Any] = await answer.json()
    name = "vllm" if kind == "openai" else kind
    return f"{name} {told.get('version') or told.get('build_info') or ''}".rstrip()


@contextmanager
def _llama_server() -> Iterator[str]:
    """The embedded engine's worker with a port and no key, as a ``llama-server`` that somebody has started."""
    port = free_port()
    params = {
        "model.path": str(cache() / "smollm2.gguf"),
        "model_alias": [MODEL],
        "port": port,
        "n_ctx": 2048,
        "n_parallel": 1,
        "cache_ram_mib": 0,
        "embedding": True,
        "pooling_type": 1,
        "n_batch": 2048,
        "n_ubatch": 2048,
        "endpoint_slots": True,
        "endpoint_props": True,
    }
    settings = json.dumps({"parent": os.getpid(), "watch": "stdin", "params": params})
    command = [sys.executable, "-P", "-m", "arriero.engines.llama_cpp.worker"]
    with _process(command, {}, settings + "\n"):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def _process(command: Sequence[str], environment: dict[str, str], settings: str = "") -> Iterator[None]:
    with tempfile.NamedTemporaryFile(prefix="engine-", suffix=".log") as log:
        process = subprocess.Popen(
            command,
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        assert process.stdin is not None
        try:
            process.stdin.write(settings.encode())
            process.stdin.flush()
            yield
        except TimeoutError:
            sys.stderr.write(Path(log.name).read_text()[-2000:])
            raise
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.stdin.close()
            process.wait()


async def _until_ready(url: str) -> None:
    async with asyncio.timeout(_READY_TIMEOUT_S), aiohttp.ClientSession() as session:
        while True:
            try:
                async with session.get(url) as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientConnectionError:
                pass
            await asyncio.sleep(0.2)
