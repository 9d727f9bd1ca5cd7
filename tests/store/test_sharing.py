import asyncio

import pytest

from arriero.store.progress import Progress, ProgressCallback, ignore_progress
from arriero.store.sharing import Sharing

HALF = Progress("half", 2, 1)


class Work:
    """Work that goes on until it is let go, and takes its time to end when it is cancelled."""

    def __init__(self) -> None:
        self.begun = 0
        self.has_begun = asyncio.Event()
        self.may_finish = asyncio.Event()
        self.may_end = asyncio.Event()
        self.may_end.set()
        self.is_ending = asyncio.Event()

    async def __call__(self, tell: ProgressCallback) -> None:
        self.begun += 1
        tell(HALF)
        self.has_begun.set()
        try:
            await self.may_finish.wait()
        except asyncio.CancelledError:
            self.is_ending.set()
            await self.may_end.wait()
            raise


async def test_it_is_done_once_and_who_comes_later_hears_how_far_it_is() -> None:
    sharing, work = Sharing(), Work()
    told: list[Progress] = []
    first = asyncio.ensure_future(sharing.run("key", work, ignore_progress))
    await work.has_begun.wait()
    second = asyncio.ensure_future(sharing.run("key", work, told.append))
    work.may_finish.set()
    await asyncio.gather(first, second)
    assert (work.begun, told) == (1, [HALF])


async def test_when_it_is_done_it_can_be_done_again() -> None:
    sharing, work = Sharing(), Work()
    work.may_finish.set()
    await sharing.run("key", work, ignore_progress)
    await sharing.run("key", work, ignore_progress)
    assert work.begun == 2


async def test_who_comes_while_it_is_given_up_waits_for_its_end_and_begins_anew() -> None:
    sharing, work = Sharing(), Work()
    work.may_end.clear()
    first = asyncio.ensure_future(sharing.run("key", work, ignore_progress))
    await work.has_begun.wait()
    first.cancel()
    await work.is_ending.wait()
    second = asyncio.ensure_future(sharing.run("key", work, ignore_progress))
    await asyncio.sleep(0)
    assert work.begun == 1
    work.may_end.set()
    work.may_finish.set()
    await second
    assert work.begun == 2
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_a_failure_reaches_everybody_and_is_not_kept() -> None:
    async def fail(_: ProgressCallback) -> None:
        raise ValueError("no")

    sharing, work = Sharing(), Work()
    for _ in range(2):
        with pytest.raises(ValueError, match="no"):
            await sharing.run("key", fail, ignore_progress)
    work.may_finish.set()
    await sharing.run("key", work, ignore_progress)
