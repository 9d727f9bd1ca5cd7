"""Work that several want at once and that is done once, with its progress told to all of them."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable

from arriero.store.progress import Progress, ProgressCallback

Work = Callable[[ProgressCallback], Awaitable[None]]


class Sharing:
    """Runs each work once, however many want it. When the last of them has gone, it is cancelled."""

    def __init__(self) -> None:
        self._running: dict[Hashable, _Shared] = {}

    async def run(self, key: Hashable, work: Work, progress: ProgressCallback) -> None:
        """Have the work done, by whoever has begun with what goes by this key, and raise what it raises.

        Who comes later is first told how far each step is. Being cancelled returns when the work has ended, if nobody
        else wants it.
        """
        while (shared := self._running.get(key)) and shared.is_abandoned:
            # It is just putting away its things; they are ours to go on with in a moment.
            await asyncio.wait({shared.task})
        if shared is None:
            shared = self._running[key] = _Shared(work)
            shared.task.add_done_callback(lambda _: self._running.pop(key))
        await shared.join(progress)

    def end(self) -> None:
        """Cancel everything; who waits gets a CancelledError."""
        for shared in self._running.values():
            shared.task.cancel()


class _Shared:
    """One work, and who wants it."""

    def __init__(self, work: Work) -> None:
        self._listeners: list[ProgressCallback] = []
        self._told: dict[str, Progress] = {}
        self.is_abandoned = False
        self.task = asyncio.ensure_future(work(self._tell))
        self.task.add_done_callback(_look_at)

    async def join(self, progress: ProgressCallback) -> None:
        for told in self._told.values():
            progress(told)
        self._listeners.append(progress)
        try:
            await asyncio.wait({self.task})
        finally:
            self._listeners.remove(progress)
            if not self._listeners and not self.task.done():
                self.is_abandoned = True
                self.task.cancel()
                await asyncio.wait({self.task})
        self.task.result()

    def _tell(self, progress: Progress) -> None:
        self._told[progress.digest or progress.status] = progress
        for listener in tuple(self._listeners):
            listener(progress)


def _look_at(task: "asyncio.Future[None]") -> None:
    """Take notice of a failure, also where nobody is left to be told."""
    if not task.cancelled():
        task.exception()
