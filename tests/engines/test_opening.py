from collections.abc import AsyncIterator

import pytest

from arriero.engines.opening import Beginning, Opening
from arriero.errors import EngineFailed
from arriero.types.events import Event, EventStream, TextDelta

A, B, C = TextDelta("a"), TextDelta("b"), TextDelta("c")


class Told:
    """A stream that tells whether it has been closed."""

    def __init__(self) -> None:
        self.is_closed = False

    async def stream(self) -> EventStream:
        try:
            yield [B]
            yield [C]
        finally:
            self.is_closed = True

    async def begin(self) -> Beginning:
        return [A], self.stream()


async def all_of(stream: AsyncIterator[object]) -> list[object]:
    return [events async for events in stream]


async def test_what_it_begins_with_comes_before_the_rest() -> None:
    assert await all_of(Opening(Told().begin)) == [[A], [B], [C]]


async def test_one_within_another_tells_the_same() -> None:
    async def outer() -> Beginning:
        stream = Opening(Told().begin)
        return await anext(stream), stream

    assert await all_of(Opening(outer)) == [[A], [B], [C]]


async def test_closing_it_closes_the_rest() -> None:
    told = Told()
    stream = Opening(told.begin)
    assert [await anext(stream), await stream.asend(None)] == [[A], [B]]
    await stream.aclose()
    assert told.is_closed
    assert await all_of(stream) == []


async def test_one_that_is_closed_before_it_begins_does_nothing() -> None:
    begun: list[Event] = []

    async def begin() -> Beginning:
        begun.append(A)
        return [A], Told().stream()

    stream = Opening(begin)
    await stream.aclose()
    assert await all_of(stream) == begun == []


async def test_what_fails_in_the_beginning_is_raised_and_ends_it() -> None:
    async def fail() -> Beginning:
        raise EngineFailed("no")

    stream = Opening(fail)
    with pytest.raises(EngineFailed, match="no"):
        await anext(stream)
    assert await all_of(stream) == []


async def test_what_is_thrown_at_it_closes_it() -> None:
    told = Told()
    stream = Opening(told.begin)
    await anext(stream)
    await anext(stream)
    with pytest.raises(EngineFailed, match="enough"):
        await stream.athrow(EngineFailed("enough"))
    assert told.is_closed
