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

from arriero.engines.base import Engine, Plan
from arriero.errors import LoadFailed, ServerBusy
from arriero.runners.worker import LoadedModel
from arriero.types.models import ModelRecord

logger = logging.getLogger(__name__)

Load = Callable[[ModelRecord, Plan], Awaitable[LoadedModel]]

# An engine that ran this long before it died is restarted as if it had never died before.
_FORGIVEN_AFTER_S = 60.0
_MOST_DEATHS = 8
_LONGEST_RESTART_DELAY_S = 30.0
_NOTICE_TIMEOUT_S = 5.0


def stopping() -> ServerBusy:
    """What a request hears that comes, or still waits, while the server stops."""
    return ServerBusy("the server is shutting down")


def restart_delay_s(deaths: int) -> float:
    """Seconds before the restart that follows so many deaths in a row: none at first, then twice as long each time."""
    return 0.0 if deaths <= 1 else min(_LONGEST_RESTART_DELAY_S, 0.5 * 2.0 ** (deaths - 2))


class Runner:
    """Make it within a running event loop: it begins to load at once.

    loaded: the model, while its engine is up. was_loaded: it has been up. users: who has joined and not left; taken:
    slots that they have. is_ending: nobody may use it any more; wait for ``ended``. changed: called whenever the
    engine comes up.
    """

    def __init__(
        self, record: ModelRecord, plan: Plan, load: Load, keep_alive_s: float, changed: Callable[[], None]
    ) -> None:
        self.record = record
        self.plan = plan
        self.loaded: LoadedModel | None = None
        self.was_loaded = False
        self.keep_alive_s = keep_alive_s
        self.users = 0
        self.taken = 0
        self.last_used_s = time.monotonic()
        self._failure: LoadFailed | None = None
        self._load = load
        self._changed = changed
        self._doubted: Engine | None = None
        self._check: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        # Set while `loaded` is there, and for good when the runner has ended.
        self._settled = asyncio.Event()
        self._lost = asyncio.Event()
        self._unwanted = asyncio.Event()
        self.ended = asyncio.create_task(self._run(), name=f"runner of {record.name}")

    @property
    def is_ending(self) -> bool:
        """Whether the model is being unloaded, or was."""
        return self._unwanted.is_set()

    @property
    def failure(self) -> LoadFailed | None:
        """Why it ended by itself: an error for each who is told."""
        failure = self._failure
        return failure and LoadFailed(failure.message, failure.status)

    def join(self, keep_alive_s: float | None, slots: int) -> None:
        """Count one more user, with so many slots; the model stays at least until ``leave``."""
        self.users += 1
        self.taken += slots
        self.last_used_s = time.monotonic()
        self._cancel_timer()
        if keep_alive_s is not None:
            self.keep_alive_s = keep_alive_s

    def leave(self, slots: int) -> None:
        """Count one user less. Whoever calls this gives what has become free to others, and then lets it ``rest``."""
        self.users -= 1
        self.taken -= slots
        self.last_used_s = time.monotonic()

    def rest(self) -> None:
        """If nobody uses it, the time to unload begins to run."""
        if self.users or self.is_ending:
            return
        self._cancel_timer()
        if self.keep_alive_s <= 0:
            self.end()
        elif math.isfinite(self.keep_alive_s):
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self.keep_alive_s, self.end)

    def unload(self) -> None:
        """End it now, or with the last user."""
        self.keep_alive_s = 0.0
        if self.was_loaded:
            self.rest()

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
            if self._check is None:
                self._check = asyncio.create_task(self._examine(engine))
            # All who come meanwhile wait for the one check, which goes on when one of them goes away.
            await asyncio.wait({self._check})

    def doubt(self, engine: Engine) -> None:
        """An answer of this engine's broke off: whoever comes next shall not run into it if it is dying.

        A process that is being killed closes its connections one by one, and its end is noticed last of all.
        """
        self._doubted = engine

    async def _examine(self, engine: Engine) -> None:
        """Ask a doubted engine whether it is well; where it is not, wait until its death has been noticed."""
        if not await engine.health():
            await self.until_lost(engine)
        if self._doubted is engine:
            self._doubted = None
        self._check = None

    async def until_lost(self, engine: Engine) -> None:
        """Wait, not for ever, until the death of an engine that cannot be reached has been noticed."""
        if self.loaded is None or self.loaded.engine is not engine:
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._lost.wait(), _NOTICE_TIMEOUT_S)

    def expires_in_s(self, now_s: float) -> float:
        """Seconds until it is unloaded if nobody comes: ``inf`` for never, negative when it is only finishing."""
        if self.users:
            return self.keep_alive_s if self.keep_alive_s > 0 else -1.0
        return self.last_used_s + self.keep_alive_s - now_s

    def _check_alive(self) -> None:
        if self.failure is not None:
            raise self.failure
        if self.is_ending:
            raise stopping()

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
            if self._check is not None:
                self._check.cancel()
            self._unwanted.set()
            self._settled.set()

    async def _live_once(self, *, is_restart: bool) -> None:
        """Load the model and stay until it dies or nobody wants it any more."""
        loading = asyncio.ensure_future(self._load(self.record, self.plan))
        await first_of(self._unwanted.wait(), loading)
        if self.is_ending:
            await _discard(loading)
            return
        if is_restart and isinstance(loading.exception(), LoadFailed):
            logger.warning("restart failed", extra={"model": self.record.name, "error": str(loading.exception())})
            return
        loaded = loading.result()
        self.loaded, self.plan = loaded, loaded.plan
        self.was_loaded = True
        self._lost.clear()
        self._settled.set()
        self._changed()
        if self._timer is None:
            self.rest()
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
