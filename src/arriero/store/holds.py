"""Which blobs somebody in this process is at work with, so that nobody removes them."""

import threading
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager

from arriero.store.threads import run_to_end


class Holds:
    """One for a server. Whoever makes a model holds its blobs until a manifest names them:

    with holds.hold(digests):
        ...  # look what is there, fetch the rest, write the manifest
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: Counter[str] = Counter()
        self._watches: list[set[str]] = []

    @contextmanager
    def hold(self, digests: Iterable[str]) -> Iterator[None]:
        """Keep blobs, there or not yet, from being removed while the context lasts. Usable from any thread."""
        kept = list(digests)
        with self._lock:
            self._held.update(kept)
            for watch in self._watches:
                watch.update(kept)
        try:
            yield
        finally:
            with self._lock:
                self._held.subtract(kept)
                self._held = +self._held

    @asynccontextmanager
    async def hold_off_loop(self, digests: Iterable[str]) -> AsyncIterator[None]:
        """The same for a coroutine: the event loop does not wait while somebody removes a blob."""
        stack = ExitStack()
        try:
            await run_to_end(stack.enter_context, self.hold(digests))
            yield
        finally:
            await run_to_end(stack.close)

    @contextmanager
    def watched(self) -> Iterator[set[str]]:
        """The digests that have been held at any time since the context began: the set grows.

        Who finds out what manifests need meanwhile, and removes nothing of these either, does no harm to a manifest
        that he came too early to see.
        """
        with self._lock:
            watch = set(self._held)
            self._watches.append(watch)
        try:
            yield watch
        finally:
            with self._lock:
                self._watches = [other for other in self._watches if other is not watch]

    @contextmanager
    def frozen(self) -> Iterator[frozenset[str]]:
        """The digests that are held. While the context lasts, nobody takes hold or lets go of any.

        Keep it as short as a removal.
        """
        with self._lock:
            yield frozenset(self._held)
