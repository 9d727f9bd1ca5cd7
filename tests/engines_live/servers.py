"""Real engines, as processes of their own: vLLM and SGLang with SmolLM2, plain, or with a template that thinks."""

import json
import os
import shlex
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import httpx
import psutil

from tests.live.models import cache

EngineKind = Literal["vllm", "sglang"]

MODEL = "smollm2"
TEMPLATE = Path(__file__).parent / "thinking.jinja"
_SCRIPT_VARIABLE = "ARRIERO_TEST_ENGINES"
# A path, and what it is asked first. SGLang ends when one that makes vectors is asked for text.
First = tuple[str, dict[str, object]]
_TO_CHAT: First = (
    "/v1/chat/completions",
    {"model": MODEL, "messages": [{"role": "user", "content": "Hi."}], "max_tokens": 2},
)
_TO_EMBED: First = ("/v1/embeddings", {"model": MODEL, "input": "Hi."})
_READY_TIMEOUT_S = 300.0
_STOP_TIMEOUT_S = 20.0
# Pieces of four tokens, each of them only what is new: what the layer that arriero follows was not written for.
_SGLANG_FLAGS = ("--stream-interval", "4", "--incremental-streaming-output", "--reasoning-parser", "qwen3")
_VLLM_FLAGS = ("--reasoning-parser", "qwen3")


def script() -> Path:
    """The script that starts engines: ``ARRIERO_TEST_ENGINES``, else the one that lies beside the repository."""
    named = os.environ.get(_SCRIPT_VARIABLE)
    beside = Path(__file__).parents[3] / "shared" / "engines" / "engines.sh"
    found = Path(named) if named else beside
    assert found.is_file(), f"no {found}: name the script that starts engines in {_SCRIPT_VARIABLE}"
    return found


def is_installed(kind: EngineKind) -> bool:
    """Whether the engine lies in the cache."""
    return (cache() / f"venv-{kind}" / "bin" / "python").exists()


@contextmanager
def plain_engine(kind: EngineKind, port: int | None = None) -> Iterator[str]:
    """An engine as the script starts it, on a free port unless one is given; its URL."""
    with _running(kind, cache(), port) as url:
        yield url


@contextmanager
def thinking_engine(kind: EngineKind) -> Iterator[str]:
    """An engine whose template thinks and calls tools, and whose model names sampling defaults; its URL."""
    flags = ("--chat-template", str(TEMPLATE), *(_SGLANG_FLAGS if kind == "sglang" else _VLLM_FLAGS))
    with tempfile.TemporaryDirectory() as folder, _running(kind, _home_of_others(kind, Path(folder), flags)) as url:
        yield url


@contextmanager
def embedding_engine() -> Iterator[str]:
    """SGLang with SmolLM2 as a model that makes vectors; its URL."""
    flags = ("--is-embedding", "--json-model-override-args", '{"architectures":["LlamaEmbeddingModel"]}')
    with tempfile.TemporaryDirectory() as folder:
        home = _home_of_others("sglang", Path(folder), flags)
        _rename_weights(home / "smollm2-hf" / "model.safetensors")
        with _running("sglang", home, first=_TO_EMBED) as url:
            yield url


def _rename_weights(file: Path) -> None:
    """Replace the link by a copy whose tensors have the names that SGLang's class for embeddings looks for."""
    content = file.resolve().read_bytes()
    size = int.from_bytes(content[:8], "little")
    tensors = {name.removeprefix("model."): value for name, value in json.loads(content[8 : 8 + size]).items()}
    header = json.dumps(tensors).encode()
    # What follows the header is aligned, as it was.
    header += b" " * (-len(header) % 8)
    file.unlink()
    with file.open("wb") as copy:
        copy.write(len(header).to_bytes(8, "little") + header)
        copy.write(content[8 + size :])


@contextmanager
def sglang_with(*flags: str) -> Iterator[str]:
    """SGLang with these flags behind those of the script; its URL."""
    with (
        tempfile.TemporaryDirectory() as folder,
        _running("sglang", _home_of_others("sglang", Path(folder), flags)) as url,
    ):
        yield url


def process_at(url: str) -> psutil.Process:
    """The process that listens at a URL of this machine."""
    port = int(url.rpartition(":")[2])
    listening = [found for found in psutil.net_connections("tcp") if found.status == psutil.CONN_LISTEN]
    [pid] = {found.pid for found in listening if found.pid and found.laddr and found.laddr.port == port}
    return psutil.Process(pid)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def _home_of_others(kind: EngineKind, folder: Path, flags: Sequence[str]) -> Path:
    """A cache like the real one, with the model's own sampling defaults, and flags of ours behind the script's."""
    model = folder / "smollm2-hf"
    model.mkdir()
    for file in (cache() / "smollm2-hf").iterdir():
        if file.name != "generation_config.json":
            (model / file.name).symlink_to(file)
    defaults = json.loads((cache() / "smollm2-hf" / "generation_config.json").read_bytes())
    (model / "generation_config.json").write_text(json.dumps({**defaults, "top_k": 1}))
    python = folder / f"venv-{kind}" / "bin" / "python"
    python.parent.mkdir(parents=True)
    real = cache() / f"venv-{kind}" / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec "{real}" "$@" {shlex.join(flags)}\n')
    python.chmod(0o755)
    return folder


@contextmanager
def _running(kind: EngineKind, home: Path, port: int | None = None, first: First = _TO_CHAT) -> Iterator[str]:
    port = port or free_port()
    with tempfile.NamedTemporaryFile(prefix=f"{kind}-", suffix=".log") as log:
        process = subprocess.Popen(
            ["bash", str(script()), "start", kind, str(port)],
            env={**os.environ, "ENGINES": str(home)},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_until_ready(url, first, process, Path(log.name))
            yield url
        finally:
            _stop(process)


def _wait_until_ready(url: str, first: First, process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Until it has answered the first question: vLLM's takes long."""
    end = time.monotonic() + _READY_TIMEOUT_S
    while time.monotonic() < end:
        assert process.poll() is None, f"{url} ended: {log.read_text()[-2000:]}"
        try:
            if httpx.post(f"{url}{first[0]}", json=first[1], timeout=120).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(1)
    raise AssertionError(f"{url} is not ready after {_READY_TIMEOUT_S:.0f} s: {log.read_text()[-2000:]}")


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """End the engine and its workers, which are in a session of their own."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            break
        try:
            process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            continue
    process.wait()
