"""A verdict in words is read strictly, and what was said is remembered."""

import pytest

from arriero.router.label_tokens import Labels
from arriero.router.verdicts import VerdictCache, parse_verdict
from arriero.types.routing import Score

EASY = Labels("easy", "hard")


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("hard", "COMPLEX"),
        (" Easy.\n", "SIMPLE"),
        ("**COMPLEX**", "COMPLEX"),
        ("Category: SIMPLE", "SIMPLE"),
        ("<think>Not COMPLEX, or is it?</think>\n\nSIMPLE", "SIMPLE"),
        ("SIMPLE SIMPLE", "SIMPLE"),
        ("This is not COMPLEX, so SIMPLE", None),
        ("SIMPLE or COMPLEX", None),
        ("It is not hard", None),
        ("It isn't complex", None),
        ("complexity", None),
        ("hardly", None),
        ("SIMPLE_COMPLEX", None),
        ("<think>Okay, the user wants something COMPLEX", None),
        ("so it is SIMPLE</think>", None),
        ("", None),
        ("Sure! Here is a poem", None),
    ],
)
def test_a_verdict_is_one_of_the_two_words_and_nothing_else(text: str, verdict: str | None) -> None:
    assert parse_verdict(text, EASY) == verdict


def test_the_cache_forgets_what_was_not_asked_for_the_longest_time() -> None:
    cache = VerdictCache(most=2)
    for number, text in enumerate(("one", "two")):
        cache.put(text, Score(number / 10, "judge"))
    assert cache.get("one") is not None
    cache.put("three", Score(0.3, "judge"))

    assert cache.get("two") is None
    assert cache.get("one") == Score(0.0, "judge")
    assert len(cache) == 2


def test_a_cache_of_nothing_remembers_nothing() -> None:
    cache = VerdictCache(most=0)
    cache.put("one", Score(0.1, "judge"))
    assert cache.get("one") is None


def test_any_text_can_be_a_key() -> None:
    cache = VerdictCache(most=1)
    cache.put("\ud800", Score(0.1, "judge"))
    assert cache.get("\ud800") is not None
