"""A process of this benchmark's own that speaks lines of JSON, and never outlives the block that uses it."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

import msgspec

_T = TypeVar("_T")
_STOP_TIMEOUT_S = 15.0
_LONGEST_LINE_BYTES = 16 << 20


class Child:
    """One running child process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    async def tell(self, value: msgspec.Struct) -> None:
        """Write one line."""
        assert self._process.stdin is not None
        self._process.stdin.write(msgspec.json.encode(value) + b"\n")
        await self._process.stdin.drain()

    async def hear(self, kind: type[_T], timeout_s: float) -> _T:
        """Read one line. Raises RuntimeError where the process ends or says nothing for so long."""
        assert self._process.stdout is not None
        try:
            line = await asyncio.wait_for(self._process.stdout.readline(), timeout_s)
        except TimeoutError as error:
            raise RuntimeError(f"a child process has not answered for {timeout_s:g} s") from error
        if not line:
            raise RuntimeError("a child process has ended; its words are above")
        return msgspec.json.decode(line, type=kind)


@asynccontextmanager
async def run_module(
    module: str, arguments: Sequence[str] = (), environment: Mapping[str, str] | None = None
) -> AsyncIterator[Child]:
    """Run ``python -m module`` as long as the block lasts. What it writes to standard error is shown."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, **(environment or {})},
        limit=_LONGEST_LINE_BYTES,
    )
    try:
        yield Child(process)
    finally:
        await _stop(process)


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), _STOP_TIMEOUT_S)
    except TimeoutError:
        process.kill()
        await process.wait()
