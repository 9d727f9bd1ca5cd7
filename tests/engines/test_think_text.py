from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arriero.engines.answers.think_text import ThinkText, ThinkTrim
from arriero.types.events import text_and_thinking


def split(*pieces: str, is_open: bool = False) -> tuple[str, str]:
    splitter = ThinkText(is_open=is_open)
    events = [event for piece in pieces for event in splitter.feed(piece)] + splitter.close()
    return text_and_thinking(events)


@pytest.mark.parametrize(
    ("answer", "is_open", "text", "thinking"),
    [
        ("<think>Hm.</think>Hello.", False, "Hello.", "Hm."),
        ("\n<think>\nHm.\n\n</think>\n\nHello.\n", False, "Hello.\n", "Hm."),
        ("Hm. < 3\n</think>\n\nHello.", True, "Hello.", "Hm. < 3"),
        ("Hello <think>no</think>.", False, "Hello <think>no</think>.", ""),
        ("<thin", False, "<thin", ""),
        ("<think>never closed </thi", False, "", "never closed </thi"),
        ("</think>Hello.", True, "Hello.", ""),
        ("<think></think>", False, "", ""),
        ("  indented", False, "  indented", ""),
        ("", False, "", ""),
    ],
)
def test_thinking_is_told_apart(answer: str, is_open: bool, text: str, thinking: str) -> None:
    assert split(answer, is_open=is_open) == (text, thinking)
    assert split(*answer, is_open=is_open) == (text, thinking)


@given(
    st.lists(st.sampled_from(["<think>", "</think>", "a", " ", "\n", "<", "</", ">", "think"]), max_size=12),
    st.booleans(),
    st.randoms(use_true_random=False),
)
def test_where_the_pieces_are_cut_does_not_matter(parts: list[str], is_open: bool, random: Any) -> None:
    answer = "".join(parts)
    cuts = sorted(random.randint(0, len(answer)) for _ in range(4))
    pieces = [answer[a:b] for a, b in zip([0, *cuts], [*cuts, len(answer)], strict=True)]
    assert split(answer, is_open=is_open) == split(*pieces, is_open=is_open)


def test_white_space_around_thinking_belongs_to_neither_side() -> None:
    trim = ThinkTrim()
    assert [trim.think(piece) for piece in ("\n", " Hm", ". \n", "So", "\n\n")] == ["", "Hm", ".", " \nSo", ""]
    assert [trim.say(piece) for piece in ("", "\n", " \nHello", " ", "you")] == ["", "", "Hello", " ", "you"]


def test_an_answer_without_thinking_is_left_alone() -> None:
    trim = ThinkTrim()
    assert [trim.say(piece) for piece in ("\n", " Hello")] == ["\n", " Hello"]
