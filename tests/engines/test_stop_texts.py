import pytest
from hypothesis import given
from hypothesis import strategies as st

from arriero.engines.answers.stop_texts import StopTexts


def run(stops: list[str], *pieces: str) -> tuple[str, str]:
    """What is left of an answer, and what ended it."""
    texts = StopTexts(stops)
    said = ""
    for piece in pieces:
        said += texts.feed(piece)
        if texts.found:
            return said, texts.found
    return said + texts.close(), ""


@pytest.mark.parametrize(
    ("stops", "pieces", "said", "found"),
    [
        (["END"], ["one EN", "D two"], "one ", "END"),
        (["END"], ["one EN", "X"], "one ENX", ""),
        (["END"], ["one EN"], "one EN", ""),
        (["b", "abc"], ["xabc"], "x", "abc"),
        (["abc", "ab"], ["xab", "c"], "x", "ab"),
        (["\n\n"], ["a\n", "\n"], "a", "\n\n"),
        (["", "x"], ["ax"], "a", "x"),
        (["aab"], ["aa", "ab"], "a", "aab"),
    ],
)
def test_an_answer_ends_before_the_first_of_the_texts(
    stops: list[str], pieces: list[str], said: str, found: str
) -> None:
    assert run(stops, *pieces) == (said, found)


def test_what_cannot_become_a_text_is_handed_on_at_once() -> None:
    texts = StopTexts(["END"])
    assert [texts.feed("one E"), texts.feed("xit")] == ["one ", "Exit"]


@given(st.lists(st.text("abc", max_size=3), max_size=8), st.lists(st.text("abc", min_size=1, max_size=3), min_size=1))
def test_where_pieces_are_split_makes_no_difference_to_what_is_left(pieces: list[str], stops: list[str]) -> None:
    text = "".join(pieces)
    places = [place for stop in stops if (place := text.find(stop)) >= 0]
    said, found = run(stops, *pieces)
    assert bool(found) == bool(places)
    # A shorter text may be seen before a longer one that begins earlier is whole.
    assert text.startswith(said)
    assert not places or text[len(said) :].startswith(found)
    assert found or said == text
