import pytest
from hypothesis import given
from hypothesis import strategies as st

from arriero.store.parts import Part, is_whole, plan_parts

MB = 1_000_000


@given(st.integers(0, 100_000 * MB))
def test_parts_are_the_whole_blob(size_bytes: int) -> None:
    parts = plan_parts(size_bytes)
    assert is_whole(parts, size_bytes)
    assert [part.n for part in parts] == list(range(len(parts)))


@pytest.mark.parametrize(
    ("size_bytes", "first", "count"),
    [(0, 0, 0), (1, 1, 1), (250 * MB, 100 * MB, 3), (4800 * MB, 300 * MB, 16), (40_000 * MB, 1000 * MB, 40)],
)
def test_their_sizes_are_ollamas(size_bytes: int, first: int, count: int) -> None:
    parts = plan_parts(size_bytes)
    assert len(parts) == count
    assert [part.size for part in parts[:1]] == ([first] if count else [])


@pytest.mark.parametrize(
    "parts",
    [
        [],
        [Part(0, 0, 9)],
        [Part(0, 0, 11)],
        [Part(0, 1, 9)],
        [Part(0, 0, 5), Part(1, 6, 4)],
        [Part(0, 0, 6), Part(1, 5, 5)],
        [Part(0, 0, 10, 11)],
        [Part(0, 0, 10, -1)],
        [Part(0, 0, 10), Part(1, 10, 0)],
    ],
)
def test_parts_with_holes_overlaps_or_too_much_are_not(parts: list[Part]) -> None:
    assert not is_whole(parts, 10)
