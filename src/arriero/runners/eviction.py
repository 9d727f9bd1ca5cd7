"""Which models make room for another. Pure."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Resident(Generic[Key]):
    """A model in memory.

    is_idle: nobody uses it. last_used_s: on any clock that all of them share. is_going: it is being unloaded already.
    """

    key: Key
    memory_bytes: int
    keep_alive_s: float
    is_idle: bool
    last_used_s: float
    is_going: bool = False


@dataclass(frozen=True, slots=True)
class Room:
    """What all models together may take."""

    memory_bytes: int
    models: int


@dataclass(frozen=True, slots=True)
class Eviction(Generic[Key]):
    """Who goes: ``now``, and who gets no new users until it is idle and can go (``when_idle``)."""

    now: tuple[Key, ...] = ()
    when_idle: tuple[Key, ...] = ()


def next_step(residents: Sequence[Resident[Key]], needed_bytes: int, room: Room) -> Eviction[Key] | None:
    """What is to be done before one more model can be loaded: for an empty eviction, wait. None: it can be loaded now.

    One that would not even fit alone is loaded alone: what is measured may be wrong, and it might work.
    """
    if not residents or make_room(residents, needed_bytes, room) == Eviction():
        return None
    staying = [resident for resident in residents if not resident.is_going]
    return make_room(staying, needed_bytes, room) or make_room(staying, 0, Room(0, 1))


def clear(residents: Sequence[Resident[Key]]) -> Eviction[Key] | None:
    """Have all go that are idle, and wait until they are gone. None: that is done."""
    idle = tuple(resident.key for resident in residents if resident.is_idle and not resident.is_going)
    return Eviction(idle) if idle or any(resident.is_going for resident in residents) else None


def make_room(residents: Sequence[Resident[Key]], needed_bytes: int, room: Room) -> Eviction[Key] | None:
    """Whom to unload for one more model; nobody where it fits. None: it would not even fit alone.

    Idle models go before those in use; among them who was to stay for the shortest time, "for ever" last; then who was
    not used for longest. That is Ollama's order. Nobody goes whose memory is not needed.
    """
    if needed_bytes > room.memory_bytes or room.models < 1:
        return None
    chosen: list[Resident[Key]] = []
    for resident in sorted(residents, key=_order):
        if _fits(residents, chosen, needed_bytes, room):
            break
        chosen.append(resident)
    for resident in reversed(chosen):
        others = [other for other in chosen if other is not resident]
        if _fits(residents, others, needed_bytes, room):
            chosen = others
    return Eviction(
        tuple(resident.key for resident in chosen if resident.is_idle),
        tuple(resident.key for resident in chosen if not resident.is_idle),
    )


def _order(resident: Resident[Key]) -> tuple[bool, float, float]:
    return not resident.is_idle, resident.keep_alive_s, resident.last_used_s


def _fits(residents: Sequence[Resident[Key]], gone: Sequence[Resident[Key]], needed_bytes: int, room: Room) -> bool:
    taken_bytes = sum(resident.memory_bytes for resident in residents if resident not in gone)
    return taken_bytes + needed_bytes <= room.memory_bytes and len(residents) - len(gone) < room.models
