"""An event loop in a thread of its own, for callers that have none."""

import asyncio
import os
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from concurrent.futures import Future
from contextlib import aclosing
from queue import SimpleQueue
from typing import TypeVar

from arriero.client.verbose import Tell
from arriero.errors import ConfigError

_T = TypeVar("_T")
# Makes what is to be followed; lines that are to be told meanwhile go where it is told to.
Work = Callable[[Tell], AsyncGenerator[_T, None]]
# What must be closed within the loop takes no longer; a program that ends does not wait for more.
_CLOSE_S = 5.0


class LoopThread:
    """Begins when it is first used, and anew in a process that was forked off. closing: is awaited at its end."""

    def __init__(self, closing: Callable[[], Awaitable[None]]) -> None:
        self._closing = closing
        self._lock = threading.Lock()
        self._life: _Life | None = None
        self._is_closed = False

    def follow(self, work: Work[_T], tell: Tell) -> Generator[_T]:
        """What comes of the work, as it comes; lines are told in the thread that follows.

        Leaving the generator early ends the work. Raises what the work raises, ConfigError once this is closed.
        """
        life = self._alive()
        if life.thread is threading.current_thread():
            raise RuntimeError("SmartRouter is called from within its own event loop: use AsyncSmartRouter there")
        come: SimpleQueue[tuple[_T] | str | Future[None]] = SimpleQueue()

        async def run() -> None:
            async with aclosing(work(come.put)) as stream:
                async for each in stream:
                    come.put((each,))

        future = asyncio.run_coroutine_threadsafe(run(), life.loop)
        future.add_done_callback(come.put)
        try:
            while (item := come.get()) is not future:
                if isinstance(item, tuple):
                    yield item[0]
                elif isinstance(item, str):
                    tell(item)
            future.result()
        finally:
            future.cancel()

    def close(self) -> None:
        """End all work and the thread, and wait for that some seconds at most."""
        with self._lock:
            life, self._life, self._is_closed = self._life, None, True
        if life is not None and life.pid == os.getpid():
            life.end()

    def _alive(self) -> "_Life":
        with self._lock:
            if self._is_closed:
                raise ConfigError("this router is closed: make another one")
            if self._life is None or self._life.pid != os.getpid():
                # Its thread has stayed in the process that this one was forked from.
                self._life = _Life(self._closing, self._life)
            return self._life


class _Life:
    """One loop with its thread. before: that of another process, which must not be cleared away in this one."""

    def __init__(self, closing: Callable[[], Awaitable[None]], before: "_Life | None") -> None:
        self.pid = os.getpid()
        self.before = before
        self._closing = closing
        self._ready: SimpleQueue[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = SimpleQueue()
        self.thread = threading.Thread(target=self._live, name="smart-router", daemon=True)
        self.thread.start()
        self.loop, self._over = self._ready.get()

    def end(self) -> None:
        self.loop.call_soon_threadsafe(self._over.set)
        if self.thread is not threading.current_thread():
            self.thread.join(_CLOSE_S)

    def _live(self) -> None:
        with asyncio.Runner() as runner:
            runner.run(self._until_over())

    async def _until_over(self) -> None:
        over = asyncio.Event()
        self._ready.put((asyncio.get_running_loop(), over))
        await over.wait()
        await self._closing()
