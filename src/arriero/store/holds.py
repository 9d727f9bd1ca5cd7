"""Which blobs somebody in this process is at work with, so that nobody removes them."""

import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager


class Holds:
    """One for a server. Whoever makes a model holds its blobs until a manifest names them:

    with holds.hold(digests):
        ...  # look what is there, fetch the rest, write the manifest
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: Counter[str] = Counter()

    @contextmanager
    def hold(self, digests: Iterable[str]) -> Iterator[None]:
        """Keep blobs, there or not yet, from being removed while the context lasts. Usable from any thread."""
        kept = list(digests)
        with self._lock:
            self._held.update(kept)
        try:
            yield
        finally:
            with self._lock:
                self._held.subtract(kept)
                self._held = +self._held

    @contextmanager
    def frozen(self) -> Iterator[frozenset[str]]:
        """The digests that are held. While the context lasts, nobody takes hold or lets go of any: keep it short."""
        with self._lock:
            yield frozenset(self._held)
