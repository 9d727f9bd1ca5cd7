"""Blocking work, and what becomes of it when nobody wants it any more."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import ParamSpec, TypeVar

from arriero.store.progress import Progress, ProgressCallback

_P = ParamSpec("_P")
_T = TypeVar("_T")


async def run_to_end(function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """Run a function in a thread. Being cancelled takes effect when the function has returned."""
    running = asyncio.ensure_future(asyncio.to_thread(function, *args, **kwargs))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait({running})
        raise


class Stop:
    """What is to happen when nobody wants some work any more that waits for others in a thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._hooks: list[Callable[[], None]] = []
        self._is_set = False

    def set(self) -> None:
        """Break the work off. Usable from any thread."""
        with self._lock:
            self._is_set = True
            for hook in self._hooks:
                hook()

    @contextmanager
    def calls(self, hook: Callable[[], None]) -> Iterator[None]:
        """Have a function that does not block called, at once where that has been said already."""
        with self._lock:
            self._hooks.append(hook)
            if self._is_set:
                hook()
        try:
            yield
        finally:
            with self._lock:
                self._hooks.remove(hook)


class Abandoned(Exception):
    """Nobody waits for the work that hears this from its progress callback."""


async def run_reporting(
    function: Callable[[ProgressCallback], _T], progress: ProgressCallback, stop: Stop | None = None
) -> _T:
    """Run a function in a thread of its own, and hand on what it reports.

    Being cancelled takes effect at once: ``stop`` is set, and the function's next report raises Abandoned in its
    thread, which ends it. A process that stops does not wait for it.
    """
    loop = asyncio.get_running_loop()
    result: asyncio.Future[_T] = loop.create_future()

    def report(step: Progress) -> None:
        if result.cancelled():
            raise Abandoned
        loop.call_soon_threadsafe(progress, step)

    def settle(value: _T | Exception) -> None:
        if result.done():
            return
        if isinstance(value, Exception):
            result.set_exception(value)
        else:
            result.set_result(value)

    def work() -> None:
        try:
            value: _T | Exception = function(report)
        except Exception as error:  # noqa: BLE001  # raised again where the result is awaited
            value = error
        with suppress(RuntimeError):  # the loop is closed: the process stops
            loop.call_soon_threadsafe(settle, value)

    threading.Thread(target=work, name="fetch", daemon=True).start()
    try:
        return await result
    except asyncio.CancelledError:
        if stop:
            stop.set()
        raise
