"""Multiple-choice questions without their choices."""

import time

import pytest

from arriero.router.choices import without_choices

_CHOSEN = "Which is it?\nA. this\nB. that\n"


@pytest.mark.parametrize("end", ["", "Answer:", "\n\n  Answer : \n", "\nAnswer:\t"])
def test_the_cue_goes_with_the_choices(end: str) -> None:
    body, choices = without_choices(_CHOSEN + end)

    assert (body.strip(), choices) == ("Which is it?", ["this", "that"])


def test_what_says_answer_elsewhere_stays() -> None:
    assert without_choices(f"{_CHOSEN}Answer: in one word")[0].endswith("Answer: in one word")


@pytest.mark.parametrize("blank", [" ", "\n", "\n "])
def test_much_white_space_takes_no_time(blank: str) -> None:
    began_s = time.process_time()
    without_choices(f"{_CHOSEN}{blank * 20_000}end")

    # Looked at from each of its places, it takes seconds.
    assert time.process_time() - began_s < 0.5
