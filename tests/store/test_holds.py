from concurrent.futures import ThreadPoolExecutor

import pytest

from arriero.store.holds import Holds


def test_what_two_hold_is_held_until_both_let_go() -> None:
    holds = Holds()
    with holds.hold(["a", "b"]):
        with holds.hold(["a"]), holds.frozen() as held:
            assert held == {"a", "b"}
        with holds.frozen() as held:
            assert held == {"a", "b"}
    with holds.frozen() as held:
        assert held == frozenset()


def test_a_failure_lets_go() -> None:
    holds = Holds()
    with pytest.raises(ValueError, match="broken"), holds.hold(["a"]):
        raise ValueError("broken")
    with holds.frozen() as held:
        assert held == frozenset()


def test_nobody_takes_hold_while_somebody_decides() -> None:
    holds = Holds()
    hold = holds.hold(["a"])
    with ThreadPoolExecutor(1) as pool:
        with holds.frozen():
            taking = pool.submit(hold.__enter__)
            assert not taking.done()
        taking.result(timeout=5)
    with holds.frozen() as held:
        assert held == {"a"}
