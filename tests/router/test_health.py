import pytest

from arriero.router.health import SideState, by_health
from arriero.types.routing import Reason, Side
from tests.router.factories_routing import ABLE, WELL, sides

OUT = SideState(ABLE, "connection refused")
FULL = SideState(ABLE, is_full=True)


def test_nothing_is_said_where_both_sides_are_well() -> None:
    assert by_health(WELL) is None


@pytest.mark.parametrize(
    ("local", "remote", "side", "reason"),
    [
        (OUT, None, "remote", Reason.UNHEALTHY),
        (None, OUT, "local", Reason.UNHEALTHY),
        (FULL, None, "remote", Reason.BUSY),
        (None, FULL, "local", Reason.BUSY),
        (OUT, FULL, "remote", Reason.UNHEALTHY),
        (FULL, OUT, "local", Reason.UNHEALTHY),
    ],
)
def test_the_other_side_is_taken(local: SideState | None, remote: SideState | None, side: Side, reason: Reason) -> None:
    found = by_health(sides(local=local, remote=remote))

    assert found
    assert (found.side, found.reason, found.is_private) == (side, reason, False)


def test_why_is_told_with_the_side_that_is_left_alone() -> None:
    found = by_health(sides(remote=OUT))

    assert found
    assert found.detail == "remote: connection refused"


@pytest.mark.parametrize("state", [OUT, FULL])
def test_where_both_are_the_same_health_says_nothing(state: SideState) -> None:
    assert by_health(sides(local=state, remote=state)) is None


def test_of_two_that_fail_none_is_taken_because_the_other_is_full() -> None:
    assert by_health(sides(local=OUT, remote=SideState(ABLE, "down", is_full=True))) is None
