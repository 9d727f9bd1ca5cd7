"""An answer that is begun before it is known whether it is wanted."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress

from arriero.errors import ArrieroError
from arriero.runners.carrier import Answer

logger = logging.getLogger(__name__)

# Enters what the answer holds into the stack, and returns its first events.
Begin = Callable[[AsyncExitStack], Awaitable[Answer]]
_Begun = tuple[AsyncExitStack, Answer]


class Ahead:
    """``start`` it, then either ``take`` it or ``drop`` it; what was never started costs nothing."""

    def __init__(self, begin: Begin) -> None:
        self._begin = begin
        self._task: asyncio.Task[_Begun] | None = None

    @property
    def is_started(self) -> bool:
        """Whether somebody has thought it worth while."""
        return self._task is not None

    def start(self) -> None:
        """Begin."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="answer ahead")

    async def take(self, stack: AsyncExitStack) -> Answer:
        """The answer, and into the stack all that it holds. Raises what beginning it has raised."""
        assert self._task is not None
        task, self._task = self._task, None
        try:
            held, answer = await task
        except asyncio.CancelledError:
            await _ended(task)
            raise
        stack.push_async_exit(held)
        return answer

    async def drop(self) -> None:
        """Stop it, and wait until it has given back all that it holds, even where this itself is cancelled."""
        if self._task is not None:
            task, self._task = self._task, None
            await _ended(task)

    async def _run(self) -> _Begun:
        async with AsyncExitStack() as stack:
            answer = await self._begin(stack)
            return stack.pop_all(), answer


async def _ended(task: "asyncio.Task[_Begun]") -> None:
    task.cancel()
    ending = asyncio.create_task(_give_back(task), name="end of an answer ahead")
    try:
        await asyncio.shield(ending)
    except asyncio.CancelledError:
        # Who wanted the answer is gone: that is known once nothing is held any more.
        await asyncio.wait({ending})
        raise


async def _give_back(task: "asyncio.Task[_Begun]") -> None:
    await asyncio.wait({task})
    if task.cancelled():
        return
    if error := task.exception():
        if not isinstance(error, ArrieroError):
            logger.error("an answer ahead has failed", exc_info=error)
        return
    held, _ = task.result()
    with suppress(ArrieroError):
        await held.aclose()
