"""Which of several servers answers a request, and whether another one is asked after a failure. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

from arriero.errors import ArrieroError, EngineDied, EngineFailed, EngineUnreachable, UpstreamsDown

# A conversation stays where its prefix is cached as long as that server has at most so many answers under way more
# than twice what the idlest has: reading a prompt again costs less than waiting behind others.
_PREFIX_SLACK = 4
# Seconds that a server is left alone after a failure: twice as long each time.
_FIRST_COOL_DOWN_S = 1.0
_LONGEST_COOL_DOWN_S = 30.0
# One broken answer may be the request's own fault; so many in a row are not.
_MOST_FAILURES = 3
# Statuses that say "not now" or "not here", of the server itself or of one in front of it.
_BUSY = frozenset({429, 502, 503, 504})
_NOT_HERE = 404
# What a server cannot do it will not be able to do a second time, nor will those that are like it.
_NOT_ABLE = 501


@dataclass(frozen=True, slots=True)
class Health:
    """What is known of a server's health.

    failures: in a row. out_until_s: it gets no requests before then, if others can take them (``time.monotonic``).
    error: why, in words.
    """

    failures: int = 0
    out_until_s: float = 0.0
    error: str = ""


def after_failure(health: Health, error: ArrieroError, now_s: float) -> Health:
    """A server's health after one more failure: one that cannot be reached is left alone at once."""
    failures = health.failures + 1
    is_out = isinstance(error, EngineUnreachable | UpstreamsDown) or failures >= _MOST_FAILURES
    # A server may be away for days: a power of two of that many looks is no number.
    cool_down_s = min(_LONGEST_COOL_DOWN_S, _FIRST_COOL_DOWN_S * 2.0 ** min(failures - 1, 10)) if is_out else 0.0
    return Health(failures, now_s + cool_down_s if is_out else health.out_until_s, error.message)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A server that has the model.

    in_flight: answers under way. last_asked: a number that grows with each request, of whichever server. out_until_s:
    see ``Health``. is_reachable: it is left alone for its answers, if at all.
    """

    key: str
    in_flight: int
    last_asked: int
    out_until_s: float = 0.0
    is_reachable: bool = True


def choose(candidates: Sequence[Candidate], preferred: str | None, now_s: float) -> Candidate | None:
    """Who answers; None where there is nobody. preferred: whose cache has the beginning of the conversation.

    Where all are left alone, those are asked that can be reached; else the one that comes back first: it may be well.
    """
    if not candidates:
        return None
    pool = [each for each in candidates if each.out_until_s <= now_s]
    pool = pool or [each for each in candidates if each.is_reachable]
    if not pool:
        return min(candidates, key=lambda each: each.out_until_s)
    idlest = min(pool, key=lambda each: (each.in_flight, each.last_asked))
    for each in pool:
        if each.key == preferred and each.in_flight <= 2 * idlest.in_flight + _PREFIX_SLACK:
            return each
    return idlest


class Retry(Enum):
    """What another server may be asked after a failure before the first byte."""

    NO = auto()
    ONCE = auto()
    """The request may be what broke the first one."""
    YES = auto()


def retry_after(error: ArrieroError) -> Retry:
    """Whether another server is asked. A request that is itself wrong is wrong everywhere."""
    match error:
        case EngineUnreachable():
            return Retry.YES
        case EngineDied():
            return Retry.ONCE
        case EngineFailed(status=status) if status in _BUSY or status == _NOT_HERE:
            return Retry.YES
        case EngineFailed(status=status) if status >= 500 and status != _NOT_ABLE:
            return Retry.ONCE
        case _:
            return Retry.NO


def is_fault(error: ArrieroError) -> bool:
    """Whether a failure says something about the server, and not about the request or about what it has."""
    return retry_after(error) is not Retry.NO and not is_not_here(error)


def is_not_here(error: ArrieroError) -> bool:
    """Whether the server says that it has not got the model."""
    return isinstance(error, EngineFailed) and error.status == _NOT_HERE
