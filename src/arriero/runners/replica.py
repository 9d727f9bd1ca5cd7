"""One server that runs elsewhere: what it serves, how busy it is, and whether it is well."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from arriero.engines.base import Engine, ServedModel, UpstreamServer
from arriero.errors import ArrieroError, EngineFailed, EngineUnreachable
from arriero.runners.balance import Candidate, Health, after_failure, is_fault
from arriero.types.upstreams import UpstreamSettings

logger = logging.getLogger(__name__)

# How often a server is looked at: one that is well, and one that is not.
_LOOK_INTERVAL_S = 5.0
_RETURN_INTERVAL_S = 1.0
_LOOK_TIMEOUT_S = 15.0


class Replica:
    """Make it within a running event loop, and ``watch`` it.

    models: what it served when it was last seen, by the names they have here; before that, what it is said to serve.
    in_flight: answers under way. is_draining: it gets no more requests, and goes with its last answer.
    """

    def __init__(self, settings: UpstreamSettings, server: UpstreamServer, changed: Callable[[], None]) -> None:
        self.settings = settings
        self.server = server
        self.models: Mapping[str, ServedModel] = {
            here: ServedModel(there, capabilities=settings.capabilities or ("completion",))
            for here, there in settings.models.items()
        }
        self.in_flight = 0
        self.served = 0
        self.is_draining = False
        self._changed = changed
        self._reachable = Health()
        self._answering = Health()
        self._idle = asyncio.Event()
        self._idle.set()
        self.seen = asyncio.Event()

    @property
    def name(self) -> str:
        """What it goes by."""
        return self.settings.name

    @property
    def error(self) -> str:
        """What was last wrong with it, and where it is; "" while all is well."""
        wrong = self._reachable.error or self._answering.error
        return f"{self.name} ({self.settings.url}): {wrong}" if wrong else ""

    @property
    def is_well(self) -> bool:
        """Whether it gets requests."""
        return self._out_until_s <= time.monotonic()

    @property
    def _out_until_s(self) -> float:
        return max(self._reachable.out_until_s, self._answering.out_until_s)

    def candidate(self) -> Candidate:
        """The server as it is chosen among others."""
        return Candidate(self.name, self.in_flight, self.served, self._out_until_s)

    def engine(self, model: str) -> Engine:
        """Who answers for a model, by its name here."""
        return self.server.engine(self.models[model].name)

    @contextmanager
    def answering(self) -> Iterator[None]:
        """An answer is under way. What goes wrong inside says something about the server."""
        self.in_flight += 1
        self.served += 1
        self._idle.clear()
        try:
            yield
        except ArrieroError as error:
            if is_fault(error):
                self.failed(error)
            raise
        else:
            self._reachable = self._answering = Health()
        finally:
            self.in_flight -= 1
            if not self.in_flight:
                self._idle.set()

    def failed(self, error: ArrieroError) -> None:
        """Something went wrong that is this server's fault."""
        now_s = time.monotonic()
        was_well = self.is_well
        if isinstance(error, EngineUnreachable):
            self._reachable = after_failure(self._reachable, error, now_s)
        else:
            self._answering = after_failure(self._answering, error, now_s)
        if was_well and not self.is_well:
            logger.warning("upstream left alone", extra={"upstream": self.name, "error": error.message})

    async def watch(self) -> None:
        """Look at it again and again, for ever."""
        while True:
            await self.look()
            await asyncio.sleep(_LOOK_INTERVAL_S if self.is_well and not self.error else _RETURN_INTERVAL_S)

    async def look(self) -> None:
        """Look at it once: what it serves, and that it answers at all."""
        try:
            async with asyncio.timeout(_LOOK_TIMEOUT_S):
                found = await self.server.look()
        except TimeoutError:
            self._not_seen(EngineFailed("it does not answer in time", 504))
        except ArrieroError as error:
            self._not_seen(error)
        except Exception:
            logger.exception("upstream cannot be looked at", extra={"upstream": self.name})
            self._not_seen(EngineFailed("it cannot be understood; the log says why"))
        else:
            self._was_seen(found)
        self.seen.set()

    def _was_seen(self, found: Sequence[ServedModel]) -> None:
        was_well = self.is_well and not self._reachable.error
        self._reachable = Health()
        models = _named(found, self.settings.models)
        if not was_well and self.is_well:
            logger.info("upstream is back", extra={"upstream": self.name})
        if models.keys() != self.models.keys() or not self.seen.is_set():
            facts = {"upstream": self.name, "kind": self.server.kind, "models": list(models)}
            logger.info("upstream seen", extra=facts)
        if models != self.models:
            self.models = models
            self._changed()

    def _not_seen(self, error: ArrieroError) -> None:
        if not self._reachable.error:
            logger.warning("upstream is not well", extra={"upstream": self.name, "error": error.message})
        if not isinstance(error, EngineUnreachable) and self.in_flight:
            # It answers, and has no time for us.
            return
        self._reachable = after_failure(self._reachable, error, time.monotonic())

    async def drained(self) -> None:
        """Wait until its last answer is over, and close it."""
        self.is_draining = True
        await self._idle.wait()
        await self.server.aclose()


def _named(found: Sequence[ServedModel], wanted: Mapping[str, str]) -> dict[str, ServedModel]:
    """The models of a server by their names here: all of them, or those that are wanted."""
    there = {model.name: model for model in found}
    if not wanted:
        return there
    return {here: there[name] for here, name in wanted.items() if name in there}
