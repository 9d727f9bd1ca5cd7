"""One model that is loaded, or about to be: its engine, who uses it, and until when it stays.

A single task starts, watches, restarts and stops the engine. What else changes here changes in plain methods on the
event loop, with no await between looking and writing.
"""

import asyncio
import contextlib
import logging
import math
import time
from collections.abc import Awaitable, Callable

from arriero.engines.base import Engine
from arriero.errors import LoadFailed, ServerBusy
from arriero.runners.worker import LoadedModel
from arriero.types.models import ModelRecord

logger = logging.getLogger(__name__)

Load = Callable[[ModelRecord], Awaitable[LoadedModel]]

# An engine that ran this long before it died is restarted as if it had never died before.
_FORGIVEN_AFTER_S = 60.0
_MOST_DEATHS = 8
_LONGEST_RESTART_DELAY_S = 30.0
_NOTICE_TIMEOUT_S = 5.0


def restart_delay_s(deaths: int) -> float:
    """Seconds before the restart that follows so many deaths in a row: none at first, then twice as long each time."""
    return 0.0 if deaths <= 1 else min(_LONGEST_RESTART_DELAY_S, 0.5 * 2.0 ** (deaths - 2))


class Runner:
    """Make it within a running event loop: it begins to load at once.

    loaded: the model, while its engine is up. is_ending: nobody may use it any more; wait for ``ended``.
    """

    def __init__(self, record: ModelRecord, load: Load, keep_alive_s: float) -> None:
        self.record = record
        self.loaded: LoadedModel | None = None
        self._load = load
        self._keep_alive_s = keep_alive_s
        self._users = 0
        self._was_loaded = False
        self._doubted: Engine | None = None
        self._idle_since_s = time.monotonic()
        self._timer: asyncio.TimerHandle | None = None
        self._failure: LoadFailed | None = None
        # Set while `loaded` is there, and for good when the runner has ended.
        self._settled = asyncio.Event()
        self._lost = asyncio.Event()
        self._unwanted = asyncio.Event()
        self.ended = asyncio.create_task(self._run(), name=f"runner of {record.name}")

    @property
    def is_ending(self) -> bool:
        """Whether the model is being unloaded, or was."""
        return self._unwanted.is_set()

    def join(self, keep_alive_s: float | None) -> None:
        """Count one more user; the model stays at least until ``leave``."""
        self._users += 1
        self._cancel_timer()
        if keep_alive_s is not None:
            self._keep_alive_s = keep_alive_s

    def leave(self) -> None:
        """Count one user less; after the last one the time to unload begins to run.

        A load that nobody waits for any more is given up.
        """
        self._users -= 1
        if not self._users and not self._was_loaded:
            self._unwanted.set()
        self._rest_if_idle()

    def unload(self) -> None:
        """End it now, or with the last user."""
        self._keep_alive_s = 0.0
        self._rest_if_idle()

    def end(self) -> None:
        """End it now, whoever uses it."""
        self._unwanted.set()

    async def engine(self) -> Engine:
        """The engine, once it is up. Raises LoadFailed where it does not come up."""
        while True:
            while self.loaded is None:
                await self._settled.wait()
                self._check_alive()
            engine = self.loaded.engine
            if engine is not self._doubted:
                return engine
            self._doubted = None
            if not await engine.health():
                await self.until_lost(engine)

    def doubt(self, engine: Engine) -> None:
        """An answer of this engine's broke off: whoever comes next shall not run into it if it is dying.

        A process that is being killed closes its connections one by one, and its end is noticed last of all.
        """
        self._doubted = engine

    async def until_lost(self, engine: Engine) -> None:
        """Wait, not for ever, until the death of an engine that cannot be reached has been noticed."""
        if self.loaded is None or self.loaded.engine is not engine:
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._lost.wait(), _NOTICE_TIMEOUT_S)

    def expires_in_s(self, now_s: float) -> float:
        """Seconds until it is unloaded if nobody comes: ``inf`` for never, negative when it is only finishing."""
        if self._users:
            return self._keep_alive_s if self._keep_alive_s > 0 else -1.0
        return self._idle_since_s + self._keep_alive_s - now_s

    def _check_alive(self) -> None:
        if self._failure is not None:
            raise LoadFailed(self._failure.message, self._failure.status)
        if self.is_ending:
            raise ServerBusy("the server is shutting down")

    def _rest_if_idle(self) -> None:
        if self._users:
            return
        self._cancel_timer()
        self._idle_since_s = time.monotonic()
        if self._keep_alive_s <= 0:
            self._unwanted.set()
        elif math.isfinite(self._keep_alive_s):
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._keep_alive_s, self._unwanted.set)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def _run(self) -> None:
        deaths = 0
        try:
            while not self.is_ending and deaths < _MOST_DEATHS:
                started_s = time.monotonic()
                await self._live_once(is_restart=deaths > 0)
                deaths = 1 if time.monotonic() - started_s > _FORGIVEN_AFTER_S else deaths + 1
                await first_of(self._unwanted.wait(), asyncio.sleep(restart_delay_s(deaths)))
            if not self.is_ending:
                self._failure = LoadFailed(f"{self.record.name} died {deaths} times; the server's log says why")
        except LoadFailed as error:
            logger.error("load failed", extra={"model": self.record.name, "error": error.message})  # noqa: TRY400
            self._failure = error
        except Exception:
            logger.exception("runner failed", extra={"model": self.record.name})
            self._failure = LoadFailed(f"could not run {self.record.name}; the server's log says why")
        finally:
            self._cancel_timer()
            self._unwanted.set()
            self._settled.set()

    async def _live_once(self, *, is_restart: bool) -> None:
        """Load the model and stay until it dies or nobody wants it any more."""
        loading = asyncio.ensure_future(self._load(self.record))
        await first_of(self._unwanted.wait(), loading)
        if self.is_ending:
            await _discard(loading)
            return
        if is_restart and isinstance(loading.exception(), LoadFailed):
            logger.warning("restart failed", extra={"model": self.record.name, "error": str(loading.exception())})
            return
        loaded = loading.result()
        self.loaded = loaded
        self._was_loaded = True
        self._lost.clear()
        self._settled.set()
        try:
            end = asyncio.ensure_future(loaded.wait_for_end())
            await first_of(self._unwanted.wait(), end)
            if end.done() and not end.cancelled():
                logger.error("engine died", extra={"model": self.record.name, "end": end.result()})
        finally:
            logger.info("model unloaded", extra={"model": self.record.name})
            self.loaded = None
            self._settled.clear()
            self._lost.set()
            await loaded.stop()


async def _discard(loading: asyncio.Future[LoadedModel]) -> None:
    """Wait for a load that has been cancelled; one that was complete all the same is undone."""
    await asyncio.wait({loading})
    if not loading.cancelled() and loading.exception() is None:
        await loading.result().stop()


async def first_of(*waits: Awaitable[object]) -> None:
    """Wait until one is done, and cancel the others."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
