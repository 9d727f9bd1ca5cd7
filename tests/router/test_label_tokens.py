"""Labels are single tokens, and their probabilities are read from what is listed."""

import math
from collections.abc import Sequence

import pytest

from arriero.router.label_tokens import CANDIDATES, Labels, choose_labels, label_odds
from arriero.types.events import TopLogprob

EASY = Labels("easy", "hard")


def _top(**chances: float) -> list[TopLogprob]:
    return [TopLogprob(token.replace("_", " "), math.log(chance)) for token, chance in chances.items()]


def test_odds_are_those_of_the_two_labels() -> None:
    odds = label_odds(_top(_hard=0.6, _easy=0.2), EASY)
    assert odds is not None
    assert odds.log_odds == pytest.approx(math.log(3))
    assert not odds.is_bounded


def test_ways_of_writing_a_label_count_together() -> None:
    odds = label_odds(_top(_easy=0.4, _hard=0.2, Hard=0.1, _HARD=0.1, _hardly=0.1), EASY)
    assert odds is not None
    assert odds.log_odds == pytest.approx(0.0)


def test_a_label_that_is_not_listed_is_as_likely_as_the_last_one_listed() -> None:
    odds = label_odds(_top(_hard=0.9, _the=0.05, _a=0.01), EASY)
    assert odds is not None
    assert odds.log_odds == pytest.approx(math.log(90))
    assert odds.is_bounded


@pytest.mark.parametrize("top", [[], _top(_the=0.9), _top(_the=0.9, _hard=0.002, _easy=0.001)])
def test_a_judge_that_hardly_speaks_of_the_labels_says_nothing(top: Sequence[TopLogprob]) -> None:
    assert label_odds(top, EASY) is None


async def _by_words(text: str) -> Sequence[int]:
    return [hash(word) for word in text.split()]


async def test_labels_are_the_first_that_are_one_token_each() -> None:
    async def tokenize(text: str) -> Sequence[int]:
        return await _by_words(text.replace("hard", "ha rd"))

    assert await choose_labels(_by_words, "Difficulty:") == CANDIDATES[0]
    assert await choose_labels(tokenize, "Difficulty:") == CANDIDATES[1]


async def test_labels_that_are_the_same_token_are_not_chosen() -> None:
    async def tokenize(text: str) -> Sequence[int]:
        return await _by_words(text.replace("easy", "unknown").replace("hard", "unknown"))

    assert await choose_labels(tokenize, "Difficulty:") == CANDIDATES[1]


async def test_labels_that_change_the_tokens_before_them_are_not_chosen() -> None:
    async def tokenize(text: str) -> Sequence[int]:
        return await _by_words(text.replace(": easy", ":easy -"))

    assert await choose_labels(tokenize, "Difficulty:") == CANDIDATES[1]


async def test_without_any_that_are_single_tokens_the_first_are_taken() -> None:
    async def tokenize(text: str) -> Sequence[int]:
        return [ord(letter) for letter in text]

    assert await choose_labels(tokenize, "Difficulty:") == CANDIDATES[0]
