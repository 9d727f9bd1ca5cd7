import pytest

from arriero.engines.answers.white_space import WhiteSpaceWatch
from arriero.errors import EngineFailed


def watch(*pieces: str) -> None:
    watching = WhiteSpaceWatch()
    for piece in pieces:
        watching.feed(piece)


def test_json_that_goes_on_as_white_space_is_ended() -> None:
    with pytest.raises(EngineFailed, match="only white space"):
        watch('{"a":', *["\n    "] * 200)


def test_white_space_in_a_string_is_text() -> None:
    watch('{"a": "x\\"', *[" "] * 2000, '"}')


def test_a_string_that_has_ended_is_none() -> None:
    with pytest.raises(EngineFailed):
        watch('{"a\\', '\\"', ":", " " * 2000)


def test_deep_indentation_is_no_runaway() -> None:
    watch(*["\n" + " " * 100 + "1,"] * 50)
