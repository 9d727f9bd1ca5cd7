"""A child process: started from a ``LaunchSpec``, its output read, its end noticed, and ended with this one."""

import asyncio
import contextlib
import logging
import os
import re
import signal
import sys
from collections import deque
from collections.abc import Mapping

from arriero.engines.base import LaunchSpec

logger = logging.getLogger(__name__)

_STOP_TIMEOUT_S = 5.0
_LAST_OUTPUT_TIMEOUT_S = 1.0
_KILL = 9  # signal.SIGKILL, which Windows does not name
_SECRETS = ("_API_KEY", "_TOKEN", "_SECRET", "_PASSWORD")
_ERROR = re.compile("error|failed|invalid", re.IGNORECASE)
# How llama.cpp begins a line: when, how bad, and in which function.
_TIME_AND_PLACE = re.compile(r"^[\d.]+ [A-Z] +(\w+ +)?[\w ]*: ")
# How llama.cpp tells what it has taken, and where: "CUDA0 model buffer size = 4403.49 MiB".
_BUFFER = re.compile(r"(\S+) +(\S+) buffer size = +([\d.]+) MiB")
_ERRORS_KEPT = 3
# Of a line, for a message: some are a megabyte long.
_LONGEST_WORDS = 500
_LONGEST_TELLING_LINE = 400
_LONGEST_LINE_BYTES = 1 << 20


class EngineProcess:
    """One running child. Make it with ``start``. device_bytes: what it said that it took on GPUs, by its names."""

    def __init__(self, process: asyncio.subprocess.Process, name: str, shown_as: str) -> None:
        self._process = process
        self._name = name
        self._shown_as = shown_as
        self.device_bytes: dict[str, int] = {}
        # What follows an error, such as a stack, must not push it out.
        self._last_errors: deque[str] = deque(maxlen=_ERRORS_KEPT)
        self._last_line = ""
        self._reader = asyncio.create_task(self._read_output(), name=f"output of {name}")

    @classmethod
    async def start(cls, spec: LaunchSpec, name: str) -> "EngineProcess":
        """Start the child. Raises OSError where the command cannot be run."""
        process = await asyncio.create_subprocess_exec(
            *spec.argv,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**_without_secrets(os.environ), **spec.environment},
            limit=_LONGEST_LINE_BYTES,
            # A group of its own: Ctrl-C in a terminal must not end answers that may finish, and what the child starts
            # can be ended with it.
            start_new_session=True,
        )
        child = cls(process, name, spec.shown_as)
        assert process.stdin is not None
        process.stdin.write(spec.stdin.encode())
        with contextlib.suppress(ConnectionError):
            await process.stdin.drain()
        return child

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    @property
    def last_words(self) -> str:
        """What the child printed last, for a message: its errors if there are any, else its last line."""
        lines = self._last_errors or [self._last_line]
        return "; ".join(dict.fromkeys(_TIME_AND_PLACE.sub("", line) for line in lines))

    async def wait(self) -> int:
        """Wait for the child's end; its exit code, negative for a signal. What it started itself goes with it."""
        code = await self._process.wait()
        self._signal_group(_KILL)
        await asyncio.wait({self._reader}, timeout=_LAST_OUTPUT_TIMEOUT_S)
        return code

    async def stop(self, timeout_s: float = _STOP_TIMEOUT_S) -> None:
        """End the child, by force where it does not go in time."""
        if self._shown_as:
            # Some engines tell of their end as if it were an accident.
            logger.info("stopping engine", extra={"engine": self._shown_as})
        self._signal_group(signal.SIGTERM)
        try:
            await asyncio.wait_for(self._process.wait(), timeout_s)
        except TimeoutError:
            self._signal_group(_KILL)
        await self.wait()
        self._reader.cancel()

    def _signal_group(self, number: int) -> None:
        """Signal the child and all that it has started: a wrapper is not the engine that it wraps."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if sys.platform == "win32":
                if self._process.returncode is None:
                    self._process.terminate()
            else:
                os.killpg(self._process.pid, number)

    async def _read_output(self) -> None:
        output = self._process.stdout
        assert output is not None
        while True:
            try:
                line = await output.readline()
            except ValueError:
                # A line longer than the limit: what is left of it comes with the next read.
                continue
            if not line:
                return
            # Of a bar that draws itself again and again, the last state.
            text = line.decode("utf-8", "replace").rstrip().rpartition("\r")[2]
            if not text:
                continue
            self._last_line = text[:_LONGEST_WORDS]
            if _ERROR.search(self._last_line):
                self._last_errors.append(self._last_line)
            self.device_bytes |= device_bytes(text)
            if self._shown_as:
                logger.info("%s", text, extra={"shown_as": self._shown_as})
            else:
                logger.debug("engine output", extra={"engine": self._name, "line": text})


def device_bytes(line: str) -> dict[str, int]:
    """Bytes that a line of llama.cpp's output says to have been taken on a GPU, by what they are; {} for other lines.

    A later line of the same name is in place of an earlier one: where layers are fitted, a model is loaded twice.
    """
    # A line may be a megabyte long, and only short ones tell this.
    found = _BUFFER.search(line) if len(line) < _LONGEST_TELLING_LINE else None
    if found is None or found[1].startswith("CPU") or found[1].endswith("_Host"):
        return {}
    return {f"{found[1]} {found[2]}": int(float(found[3]) * (1 << 20))}


def _without_secrets(environ: Mapping[str, str]) -> dict[str, str]:
    """The user's keys are for us: an engine has no use for them."""
    return {name: value for name, value in environ.items() if not name.upper().endswith(_SECRETS)}
