"""One server that runs elsewhere: what it serves, how busy it is, and whether it is well."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

from arriero.engines.base import Engine, ServedModel, UpstreamServer
from arriero.errors import ArrieroError, EngineDied, EngineFailed, EngineUnreachable
from arriero.runners.balance import Candidate, Health, after_failure, is_fault, is_not_here
from arriero.types.upstreams import UpstreamSettings

logger = logging.getLogger(__name__)

# How often a server is looked at: one that is well, one that is not, and one that has had enough of it.
_LOOK_INTERVAL_S = 5.0
_RETURN_INTERVAL_S = 1.0
_PATIENT_INTERVAL_S = 60.0
_LOOK_TIMEOUT_S = 15.0
# A server with answers under way may have no time to be looked at; so many times in a row it is hung.
_MOST_MISSED = 3
_TOO_MANY = 429


class Replica:
    """Make it within a running event loop, and ``watch`` it.

    models: what it served when it was last seen, by the names they have here; before that, what it is said to serve.
    in_flight: answers under way. seen: set when it has been looked at, whatever came of that.
    """

    def __init__(self, settings: UpstreamSettings, server: UpstreamServer, changed: Callable[[], None]) -> None:
        self.settings = settings
        self.server = server
        self.models: Mapping[str, ServedModel] = {
            here: ServedModel(there, capabilities=settings.capabilities or ("completion",))
            for here, there in settings.models.items()
        }
        self.in_flight = 0
        self.last_asked = 0
        self.seen = asyncio.Event()
        self._changed = changed
        self._reachable = Health()
        self._answering = Health()
        # Why it could not be looked at; "" once it could.
        self._look_error = ""
        self._missed = 0
        self._interval_s = _LOOK_INTERVAL_S
        self._failed_s = 0.0
        self._hurry = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def name(self) -> str:
        """What it goes by."""
        return self.settings.name

    @property
    def error(self) -> str:
        """What was last wrong with it, and where it is; "" while all is well."""
        wrong = self._look_error or self._reachable.error or self._answering.error
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
        is_reachable = self._reachable.out_until_s <= time.monotonic()
        return Candidate(self.name, self.in_flight, self.last_asked, self._out_until_s, is_reachable)

    def engine(self, model: str) -> Engine:
        """Who answers for a model, by its name here."""
        return self.server.engine(self.models[model].name)

    @contextmanager
    def answering(self, number: int) -> Iterator[None]:
        """An answer is under way. What goes wrong inside says something about the server. number: of the request."""
        began_s = time.monotonic()
        self.in_flight += 1
        self.last_asked = number
        self._idle.clear()
        try:
            yield
        except ArrieroError as error:
            self._note(error, began_s)
            raise
        else:
            self._reachable = self._answering = Health()
        finally:
            self.in_flight -= 1
            if not self.in_flight:
                self._idle.set()

    def _note(self, error: ArrieroError, began_s: float) -> None:
        """Something went wrong with an answer that has begun then."""
        if is_not_here(error):
            self._hurry.set()
        elif not is_fault(error):
            # It answers, if only to refuse.
            self._answering = Health()
        elif began_s >= self._failed_s:
            # Answers that broke off together are one failure.
            self._failed(error)

    def _failed(self, error: ArrieroError) -> None:
        now_s = time.monotonic()
        was_well = self.is_well
        self._failed_s = now_s
        if isinstance(error, EngineUnreachable):
            self._reachable = after_failure(self._reachable, error, now_s)
        else:
            self._answering = after_failure(self._answering, error, now_s)
        if was_well and not self.is_well:
            logger.warning("upstream left alone", extra={"upstream": self.name, "error": error.message})
            self._hurry.set()

    async def watch(self) -> None:
        """Look at it again and again, for ever: each second while something is wrong."""
        while True:
            try:
                await self.look()
            except Exception:
                logger.exception("upstream cannot be watched", extra={"upstream": self.name})
            self._hurry.clear()
            interval_s = _RETURN_INTERVAL_S if self.error or not self.is_well else self._interval_s
            with suppress(TimeoutError):
                async with asyncio.timeout(interval_s):
                    await self._hurry.wait()

    async def look(self) -> None:
        """Look at it once: what it serves, and that it answers at all."""
        try:
            async with asyncio.timeout(_LOOK_TIMEOUT_S):
                found = await self.server.look()
            self._was_seen(found)
        except TimeoutError:
            self._not_seen(EngineFailed("it does not answer in time", 504))
        except ArrieroError as error:
            self._not_seen(error)
        except Exception:
            told = "it cannot be understood; the log says why"
            if self._look_error != told:
                logger.exception("upstream cannot be looked at", extra={"upstream": self.name})
            self._not_seen(EngineFailed(told))
        self.seen.set()

    def _was_seen(self, found: Sequence[ServedModel]) -> None:
        models = self._named(found)
        was_away = bool(self._look_error)
        if was_away or not self.is_well:
            logger.info("upstream is back", extra={"upstream": self.name})
        if was_away:
            # What it did before says nothing.
            self._answering = Health()
        self._reachable = Health()
        self._look_error, self._missed, self._interval_s = "", 0, _LOOK_INTERVAL_S
        if models.keys() != self.models.keys() or not self.seen.is_set():
            facts = {"upstream": self.name, "kind": self.server.kind, "models": list(models)}
            logger.info("upstream seen", extra=facts)
            if missing := [here for here in self.settings.models if here not in models]:
                logger.warning("upstream has not all models", extra={"upstream": self.name, "missing": missing})
        if models != self.models or was_away:
            self.models = models
            self._changed()

    def _not_seen(self, error: ArrieroError) -> None:
        if isinstance(error, EngineFailed) and error.status == _TOO_MANY and self.models:
            # It is there, and wants to be asked less often.
            self._interval_s = _PATIENT_INTERVAL_S
            return
        self._missed += 1
        if self.in_flight and not isinstance(error, EngineUnreachable) and self._missed < _MOST_MISSED:
            return
        reason = error.message
        if isinstance(error, EngineDied) and not isinstance(error, EngineUnreachable):
            reason = "it closes connections without an answer: is anything behind it?"
        if self._look_error != reason:
            logger.warning("upstream is not well", extra={"upstream": self.name, "error": reason})
        self._look_error = reason
        self._reachable = after_failure(self._reachable, EngineUnreachable(error.message), time.monotonic())

    def _named(self, found: Sequence[ServedModel]) -> dict[str, ServedModel]:
        """Its models by their names here: all of them, or those that are wanted. Raises EngineFailed."""
        there = {model.name: model for model in found}
        wanted = self.settings.models
        if not wanted:
            return there
        if self.server.kind == "ollama" and any(here != name for here, name in wanted.items()):
            # It cannot answer to names that it does not know.
            self.models = {}
            self._changed()
            raise EngineFailed("requests go to an Ollama as they are, so its models keep their names: mend models")
        named = {here: there.get(name) or there.get(f"{name}:latest") for here, name in wanted.items()}
        return {here: model for here, model in named.items() if model}

    async def drained(self) -> None:
        """Wait until its last answer is over, and close it."""
        await self._idle.wait()
        await self.server.aclose()
