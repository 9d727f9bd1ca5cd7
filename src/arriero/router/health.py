"""Which side can take a request just now. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from arriero.router.rules import SideFacts, Verdict
from arriero.types.routing import SIDES, Reason, Side, other


@dataclass(frozen=True, slots=True)
class SideState:
    """A side as it is now. error: why it is left alone for a while, if it is. is_full: it has enough to do."""

    facts: SideFacts = field(default_factory=SideFacts)
    error: str = ""
    is_full: bool = False


States = Mapping[Side, SideState]


def by_health(states: States) -> Verdict | None:
    """The only side that is well; of two that are, the only one that has room."""
    for reason, told in ((Reason.UNHEALTHY, _errors(states)), (Reason.BUSY, _loads(states))):
        out = [side for side in SIDES if told[side]]
        if len(out) == 1:
            return Verdict(other(out[0]), reason, f"{out[0]}: {told[out[0]]}")
        if out:
            return None
    return None


def _errors(states: States) -> dict[Side, str]:
    return {side: states[side].error for side in SIDES}


def _loads(states: States) -> dict[Side, str]:
    return {side: "as much as it may have is under way" if states[side].is_full else "" for side in SIDES}
