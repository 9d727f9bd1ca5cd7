"""Servers as users start them: a process of their own, told by its output."""

import json
import os
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import psutil

MODEL = "smollm2:135m"
PARIS = "Name the capital of France."
_START_TIMEOUT_S = 60.0
_STOP_TIMEOUT_S = 45.0
_CPU_SAMPLE_S = 0.4
_BUSY_CPU_SHARE = 0.3


@dataclass(slots=True)
class Server:
    """A server process, its lines of output, and the address it printed."""

    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)
    _queue: "SimpleQueue[str | None]" = field(default_factory=SimpleQueue)
    url: str = ""

    def read_output(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self._queue.put(line.rstrip("\n"))
        self._queue.put(None)

    def wait_for_line(self, text: str, timeout_s: float = _START_TIMEOUT_S) -> str:
        """The next line with the text in it; fails where the output ends, or stalls, without one."""
        while True:
            try:
                line = self._queue.get(timeout=timeout_s)
            except Empty:
                raise AssertionError(f"no line with {text!r} came; there were: {self.lines}") from None
            assert line is not None, f"the output ended without {text!r}: {self.lines}"
            self.lines.append(line)
            if text in line:
                return line

    def workers(self) -> list[psutil.Process]:
        """The worker processes that live."""
        return [child for child in psutil.Process(self.process.pid).children() if is_alive(child)]

    def works(self) -> bool:
        """Whether its workers use the processor: they tell nobody but arriero what they do. Takes a moment."""
        before = self._cpu_s()
        time.sleep(_CPU_SAMPLE_S)
        return (self._cpu_s() - before) / _CPU_SAMPLE_S > _BUSY_CPU_SHARE

    def kill_workers(self) -> None:
        """End its workers as a crash does."""
        for worker in self.workers():
            worker.kill()

    def _cpu_s(self) -> float:
        return float(sum(sum(worker.cpu_times()[:2]) for worker in self.workers()))

    # The answer of an API under test is any JSON.
    def post(self, path: str, body: dict[str, Any]) -> Any:
        """Send a request and decode its answer, of one object."""
        with self.open(path, body) as answer:
            return json.load(answer)

    def open(self, path: str, body: dict[str, Any]) -> Any:
        """Send a request and return its answer, to be read line by line."""
        request = urllib.request.Request(self.url + path, json.dumps(body).encode())
        return urllib.request.urlopen(request, timeout=_START_TIMEOUT_S)


def is_alive(process: psutil.Process) -> bool:
    """Whether it runs; one that has ended and was not reaped by its parent does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@contextmanager
def launched(
    home: Path, *flags: str, module: Sequence[str] = ("arriero.launch_server",), **variables: str
) -> Iterator[Server]:
    """A server on a free port, ready to answer; gone, with its workers, on leaving."""
    with started(home, *flags, module=module, **variables) as server:
        server.url = server.wait_for_line(" serves ").rpartition(" at ")[2]
        yield server


@contextmanager
def started(
    home: Path, *flags: str, module: Sequence[str] = ("arriero.launch_server",), **variables: str
) -> Iterator[Server]:
    """A server process that may not be ready yet."""
    arguments = flags if "--port" in flags else (*flags, "--port", "0")
    process = subprocess.Popen(
        [sys.executable, "-m", *module, *arguments],
        env={**os.environ, "ARRIERO_HOME": str(home), "OLLAMA_HOST": "", **variables},
        stderr=subprocess.PIPE,
        text=True,
    )
    server = Server(process)
    reader = threading.Thread(target=server.read_output, daemon=True)
    reader.start()
    try:
        yield server
    finally:
        if process.poll() is None:
            process.terminate()
        try:
            process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        reader.join(_STOP_TIMEOUT_S)
        assert process.stderr is not None
        process.stderr.close()
