import asyncio
import threading

import pytest

from arriero.store.progress import Progress, ProgressCallback
from arriero.store.threads import Abandoned, run_reporting, run_to_end

STEP = Progress("step")


async def test_what_a_thread_reports_arrives_before_its_result() -> None:
    told: list[Progress] = []

    def work(report: ProgressCallback) -> int:
        report(STEP)
        return 1

    assert await run_reporting(work, told.append) == 1
    assert told == [STEP]


async def test_what_a_thread_raises_is_raised() -> None:
    def work(_: ProgressCallback) -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await run_reporting(work, lambda _: None)


async def test_a_thread_that_nobody_waits_for_ends_at_its_next_report() -> None:
    has_begun, is_abandoned = asyncio.Event(), threading.Event()
    may_report = threading.Event()

    def work(report: ProgressCallback) -> None:
        report(STEP)
        may_report.wait(5)
        try:
            report(STEP)
        except Abandoned:
            is_abandoned.set()
            raise

    working = asyncio.ensure_future(run_reporting(work, lambda _: has_begun.set()))
    await has_begun.wait()
    working.cancel()
    await asyncio.wait({working})
    may_report.set()
    assert await asyncio.to_thread(is_abandoned.wait, 5)


async def test_work_that_must_not_be_left_alone_is_waited_for_when_it_is_cancelled() -> None:
    has_begun, may_end = threading.Event(), threading.Event()
    ends: list[str] = []

    def work() -> None:
        has_begun.set()
        may_end.wait(5)
        ends.append("work")

    working = asyncio.ensure_future(run_to_end(work))
    await asyncio.to_thread(has_begun.wait, 5)
    working.cancel()
    await asyncio.sleep(0)
    assert not working.done()
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await working
    assert ends == ["work"]
