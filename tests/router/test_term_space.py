"""Where texts lie among words."""

from math import hypot

import pytest
from msgspec import json, structs

from arriero.errors import ConfigError
from arriero.router.term_space import shipped, space_from
from tests.router.factories_fitting import space, viewer


def test_terms_are_of_length_one_whatever_the_length_of_the_text() -> None:
    for text in ("integral", "integral cake unheard", "integral " * 50 + "cake"):
        assert hypot(*viewer().look(text).terms.values()) == pytest.approx(1.0)


def test_a_text_is_near_the_landmark_of_its_words() -> None:
    near = viewer().look("integral theorem").nearness

    assert near[0][0] > 0.9 > near[0][1]
    assert near[1][0] > 0.9 > near[1][1]


def test_a_text_of_unknown_words_is_as_near_to_all_landmarks() -> None:
    near = viewer().look("zzyzx").nearness

    assert near[0][0] == near[0][1]


def test_the_lean_is_in_log_odds_and_nothing_where_nobody_leans() -> None:
    assert viewer().look("cake").lean == 0.0
    assert viewer(lambda text: 0.9 if text else 0.1).look("cake").lean == pytest.approx(2.197, abs=0.01)


@pytest.mark.parametrize("text", ["", " \n", "\x00", "é" * 9000, "?" * 9000])
def test_any_text_can_be_looked_at(text: str) -> None:
    seen = shipped().look(text)

    assert len(seen.nearness) == len(shipped().space.widths)


def test_the_shipped_space_knows_what_words_have_in_common() -> None:
    def likeness(one: str, other: str) -> float:
        pairs = zip(shipped().look(one).nearness, shipped().look(other).nearness, strict=True)
        return -sum(abs(a - b) for ones, others in pairs for a, b in zip(ones, others, strict=True))

    assert likeness("enzyme protein", "bacteria virus") > likeness("enzyme protein", "court plaintiff")


def test_what_is_no_space_is_refused() -> None:
    with pytest.raises(ConfigError, match="Install arriero again"):
        space_from(b"{}")
    with pytest.raises(ConfigError, match="another version"):
        space_from(json.encode(structs.replace(space(), format=99)))
