import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

from arriero.store.holds import Holds


def held(holds: Holds) -> set[str]:
    with holds.frozen() as found:
        return set(found)


def test_what_two_hold_is_held_until_both_let_go() -> None:
    holds = Holds()
    with holds.hold(["a", "b"]):
        with holds.hold(["a"]):
            assert held(holds) == {"a", "b"}
        assert held(holds) == {"a", "b"}
    assert held(holds) == set()


def test_a_failure_lets_go() -> None:
    holds = Holds()
    with pytest.raises(ValueError, match="broken"), holds.hold(["a"]):
        raise ValueError("broken")
    assert held(holds) == set()


def test_who_watches_sees_what_was_held_meanwhile_too() -> None:
    holds = Holds()
    with holds.watched() as watch, holds.watched() as other:
        with holds.hold(["a"]):
            pass
        assert watch == other == {"a"}
    with holds.hold(["b"]):
        assert watch == {"a"}


def test_nobody_takes_hold_while_somebody_removes() -> None:
    holds = Holds()
    hold = holds.hold(["a"])
    with ThreadPoolExecutor(1) as pool:
        with holds.frozen():
            taking = pool.submit(hold.__enter__)
            assert not taking.done()
        taking.result(timeout=5)
    assert held(holds) == {"a"}


async def test_the_loop_runs_on_while_a_coroutine_waits_for_its_hold() -> None:
    holds = Holds()

    async def hold() -> None:
        async with holds.hold_off_loop(["a"]):
            assert held(holds) == {"a"}

    with holds.frozen():
        holding = asyncio.ensure_future(hold())
        await asyncio.sleep(0)
        assert not holding.done()
    await holding
    assert held(holds) == set()


async def test_a_coroutine_that_is_cancelled_before_it_has_its_hold_keeps_none() -> None:
    holds = Holds()

    async def hold() -> None:
        async with holds.hold_off_loop(["a"]):
            raise AssertionError

    with holds.frozen():
        holding = asyncio.ensure_future(hold())
        await asyncio.sleep(0)
        holding.cancel()
        await asyncio.sleep(0)
    await asyncio.wait({holding})
    assert holding.cancelled()
    assert held(holds) == set()
