"""What a judge is asked: the same bytes first, the request last, and fenced."""

from hypothesis import given
from hypothesis import strategies as st

from arriero.router.digest import plain
from arriero.router.judge_prompt import CUE, judge_prompt, static_part
from arriero.router.label_tokens import CANDIDATES, Labels

LABELS = CANDIDATES[0]


def test_everything_but_the_request_comes_first_and_never_changes() -> None:
    static = static_part(LABELS)
    assert judge_prompt("hi", LABELS) == f'{static}Request: "hi"\n{CUE}'
    assert judge_prompt("something else", LABELS).startswith(static)


def test_the_examples_are_balanced_and_use_the_labels() -> None:
    static = static_part(Labels("low", "high"))
    assert static.count(f"{CUE} low\n") == static.count(f"{CUE} high\n") == 6
    assert "easy" not in static


@given(st.text(max_size=200))
def test_no_request_leaves_its_fence(text: str) -> None:
    asked = judge_prompt(plain(text), LABELS).removeprefix(static_part(LABELS))
    line, cue = asked.split("\n")
    assert cue == CUE
    assert line.startswith('Request: "')
    assert line.endswith('"')
    assert line.count('"') == 2
