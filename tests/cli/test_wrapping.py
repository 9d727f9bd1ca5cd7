from hypothesis import given
from hypothesis import strategies as st

from arriero.cli.wrapping import WordWrap

TEXTS = st.text(st.sampled_from("abc  \n\t'-語é"), max_size=200)


def wrapped(text: str, width: int, piece: int = 3) -> str:
    wrap = WordWrap(width)
    pieces = [text[at : at + piece] for at in range(0, len(text), piece)]
    return "".join(map(wrap.feed, pieces)) + wrap.flush()


def test_lines_break_before_the_word_that_does_not_fit() -> None:
    assert wrapped("the quick brown fox", 10) == "the quick \nbrown fox"
    assert wrapped("one\ntwo three", 8) == "one\ntwo \nthree"


def test_a_word_wider_than_the_line_is_left_to_the_terminal() -> None:
    assert wrapped("a bbbbbbbbbbbbbbb c", 5) == "a \nbbbbbbbbbbbbbbb \nc"


def test_writing_without_blanks_is_not_held_back() -> None:
    assert WordWrap(20).feed("語語") == "語語"
    assert wrapped("語語語", 5) == "語語\n語"


def test_a_word_is_held_back_until_it_is_complete() -> None:
    wrap = WordWrap(10)
    assert [wrap.feed("Hel"), wrap.feed("lo "), wrap.feed("you"), wrap.flush()] == ["", "Hello ", "", "you"]


@given(TEXTS, st.integers(1, 20), st.integers(1, 7))
def test_nothing_is_lost_and_only_line_feeds_are_added(text: str, width: int, piece: int) -> None:
    found = iter(wrapped(text, width, piece))

    for character in text:
        assert character == next(each for each in found if each == character or each != "\n")
    assert list(found) == []


@given(TEXTS, st.integers(1, 20))
def test_the_pieces_do_not_matter(text: str, width: int) -> None:
    assert wrapped(text, width, 1) == wrapped(text, width, 50)
