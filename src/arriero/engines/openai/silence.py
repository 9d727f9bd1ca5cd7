"""Ends a stream on which nothing comes for too long."""

import asyncio
import time
from types import TracebackType

import aiohttp


class Silence:
    """Watches over one stream while the block lasts: its reader then gets a TimeoutError.

    The client library can do that, too, but takes a timer for each piece that comes. since_s: when somebody began to
    wait for the next one (``time.monotonic``); None: nobody waits, and the stream may be as silent as it likes.
    """

    __slots__ = ("_content", "_most_s", "_timer", "since_s")

    def __init__(self, content: aiohttp.StreamReader, most_s: float) -> None:
        self._content = content
        self._most_s = most_s
        self._timer: asyncio.TimerHandle | None = None
        self.since_s: float | None = None

    def __enter__(self) -> "Silence":
        self.since_s = time.monotonic()
        self._wait(self._most_s)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        del kind, error
        if self._timer is not None:
            self._timer.cancel()

    def _wait(self, delay_s: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(delay_s, self._look)

    def _look(self) -> None:
        left_s = self._most_s if self.since_s is None else self.since_s + self._most_s - time.monotonic()
        if left_s > 0:
            self._wait(left_s)
        else:
            self._content.set_exception(TimeoutError())
