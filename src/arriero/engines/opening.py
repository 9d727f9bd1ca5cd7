"""Streams whose beginning takes some doing, and whose rest is another stream's as it is."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Sequence
from types import TracebackType

# What generators are thrown.
from typing import Any

from arriero.types.events import Event, EventStream

# The first events, and the stream that the others come from.
Beginning = tuple[Sequence[Event], EventStream]


class Opening(AsyncGenerator[Sequence[Event], None]):
    """Yields what ``begin`` returns first, and then what the stream yields that it returns beside it.

    A generator that handed on what another one yields would take a turn of its own for each event.
    """

    __slots__ = ("_begin", "_rest")

    def __init__(self, begin: Callable[[], Awaitable[Beginning]]) -> None:
        self._begin: Callable[[], Awaitable[Beginning]] | None = begin
        self._rest: EventStream | None = None

    def __anext__(self) -> Coroutine[Any, Any, Sequence[Event]]:
        """The next events."""
        return self._first() if self._rest is None else self._rest.__anext__()

    async def asend(self, value: None) -> Sequence[Event]:
        """The next events."""
        del value
        return await anext(self)

    async def athrow(
        self,
        typ: type[BaseException] | BaseException,
        val: object = None,
        tb: TracebackType | None = None,
    ) -> Sequence[Event]:
        """End the stream with an error."""
        del val, tb
        await self.aclose()
        raise typ

    async def aclose(self) -> None:
        """End the stream."""
        rest, self._rest, self._begin = self._rest, None, None
        if rest is not None:
            await rest.aclose()

    async def _first(self) -> Sequence[Event]:
        begin, self._begin = self._begin, None
        if begin is None:
            raise StopAsyncIteration
        first, rest = await begin()
        # Of streams within each other, the innermost is asked at once.
        self._rest = rest._rest if isinstance(rest, Opening) and rest._rest is not None else rest  # noqa: SLF001
        return first
