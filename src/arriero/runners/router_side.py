"""One side of a router: what it can do, how busy it is, and whether it is well."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from arriero.errors import (
    ArrieroError,
    EngineFailed,
    EngineUnreachable,
    LoadFailed,
    ModelNotFound,
    PromptTooLong,
    ServerBusy,
    UpstreamsDown,
)
from arriero.router.health import SideState
from arriero.router.rules import ABILITIES, SideFacts
from arriero.router.settings import Limits
from arriero.runners.balance import Health, Retry, after_failure, retry_after
from arriero.types.models import ModelRecord

# What is wrong with how this server asks, such as its key, and not with what it was asked.
_REFUSED = frozenset({401, 402, 403, 407, 501})


class RouterSide:
    """A side, found anew for each request. find: the model by its name, or raises what is in the way.

    loaded_context: tokens of context that a model is loaded with; 0 where it is not. clock: seconds that only grow.
    """

    def __init__(
        self,
        find: Callable[[], ModelRecord],
        loaded_context: Callable[[ModelRecord], int],
        limits: Limits,
        lacks: tuple[str, ...] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.find = find
        self.in_flight = 0
        self._loaded_context = loaded_context
        self._limits = limits
        self._abilities = frozenset(ABILITIES) - set(lacks)
        self._clock = clock
        self._health = Health()

    @property
    def record(self) -> ModelRecord | None:
        """The model, as far as it is there."""
        try:
            return self.find()
        except ArrieroError:
            return None

    def missing(self) -> str:
        """Why the model cannot be found; "" where it can."""
        try:
            self.find()
        except ArrieroError as error:
            return error.message
        return ""

    def state(self, num_ctx: int | None) -> SideState:
        """How it is now. num_ctx: tokens of context that a request asks for, which a model here is loaded with."""
        try:
            record = self.find()
        except ArrieroError as error:
            # What it can do is not known: it gets only what the other one cannot be given.
            return SideState(SideFacts(self._abilities), error.message)
        able = {*record.capabilities, "schema"} & self._abilities
        facts = SideFacts(frozenset(able), self._context(record, num_ctx))
        is_out = self._health.out_until_s > self._clock()
        most = self._limits.most_in_flight
        return SideState(facts, self._health.error if is_out else "", most is not None and self.in_flight >= most)

    def is_ready(self) -> bool:
        """Whether an answer can begin at once: the model is loaded, and nobody of this router's uses it."""
        record = self.record
        return record is not None and not self.in_flight and self._loaded_context(record) > 0

    @contextmanager
    def answering(self) -> Iterator[None]:
        """An answer is under way. What goes wrong inside says something about the side."""
        self.in_flight += 1
        try:
            yield
        except ArrieroError as error:
            if is_fault_of_side(error):
                self._health = replace(after_failure(self._health, error, self._clock()), error=_told(error))
            raise
        else:
            self._health = Health()
        finally:
            self.in_flight -= 1

    def _context(self, record: ModelRecord, num_ctx: int | None) -> int | None:
        trained = record.architecture.trained_context
        loaded = self._loaded_context(record)
        if not loaded or trained is None:
            return trained
        return max(loaded, min(num_ctx or 0, trained))


def _told(error: ArrieroError) -> str:
    """What is said of a failure to those whose requests come later."""
    if isinstance(error, EngineFailed) and not isinstance(error, EngineUnreachable | LoadFailed):
        # An engine's words may repeat the request that was somebody else's.
        return "it has failed several times in a row"
    return error.message


def is_fault_of_side(error: ArrieroError) -> bool:
    """Whether the other side may be asked after a failure before the first byte: the request itself is not wrong."""
    match error:
        case PromptTooLong():
            return False
        case ServerBusy() | UpstreamsDown() | ModelNotFound():
            return True
        case EngineFailed(status=status) if status in _REFUSED:
            return True
        case _:
            return retry_after(error) is not Retry.NO
