"""Labels are distinct single tokens where the answer begins, or others are taken."""

import asyncio
import re
from collections.abc import Sequence

import pytest

from arriero.engines.labels.choosing import Checked, Place, choose_labels
from arriero.engines.labels.pools import pool
from arriero.errors import EngineFailed
from arriero.types.system_one import Option, Question, QuestionKind

PLACE = Place("Answer:", " ")


def question(kind: QuestionKind, count: int) -> Question:
    return Question("q", kind, "?", tuple(Option(str(number), "") for number in range(count)))


async def by_words(text: str) -> Sequence[int]:
    return [hash(word) for word in text.split()]


async def by_letters(text: str) -> Sequence[int]:
    return [ord(letter) for letter in text if letter != " "]


async def chosen(kind: QuestionKind, count: int) -> list[str]:
    return [label.text for label in await choose_labels(Checked(PLACE), by_words, question(kind, count))]


async def test_each_kind_has_labels_of_its_own() -> None:
    assert await chosen("noul", 2) == ["Yes", "No"]
    assert await chosen("choice", 3) == ["A", "B", "C"]
    assert await chosen("score", 10) == list("0123456789")
    assert await chosen("score", 11) == list("ABCDEFGHIJK")
    assert (await chosen("choice", 54))[-3:] == ["z", "AA", "AB"]


async def test_labels_that_are_several_tokens_are_not_taken() -> None:
    labels = await choose_labels(Checked(PLACE), by_letters, question("noul", 2))
    assert [(label.text, label.token) for label in labels] == [("A", ord("A")), ("B", ord("B"))]


async def test_labels_that_are_one_token_together_are_told_apart() -> None:
    async def in_one_case(text: str) -> Sequence[int]:
        return await by_words(text.lower())

    labels = await choose_labels(Checked(PLACE), in_one_case, question("choice", 28))
    assert len({label.token for label in labels}) == 28
    assert [label.text for label in labels][-2:] == ["AA", "AB"]


async def test_labels_that_change_the_tokens_before_them_are_not_taken() -> None:
    async def tokenize(text: str) -> Sequence[int]:
        return await by_words(text.replace(": A", ":A x"))

    labels = await choose_labels(Checked(PLACE), tokenize, question("choice", 2))
    assert [label.text for label in labels] == ["B", "C"]


async def test_a_prompt_that_ends_in_much_space_is_looked_at_with_less() -> None:
    async def tokenize(text: str) -> Sequence[int]:
        # Two lines are one token, unless a word follows.
        return [hash(part) for part in re.findall(r"\n\n$|\n|\S+", text)]

    labels = await choose_labels(Checked(Place("</think>\n\n")), tokenize, question("choice", 3))
    assert [(label.text, label.token) for label in labels] == [(text, hash(text)) for text in "ABC"]


async def test_a_vocabulary_with_too_few_is_told() -> None:
    with pytest.raises(EngineFailed, match=r"questions\.q has 63 options") as refused:
        await choose_labels(Checked(PLACE), by_letters, question("choice", 63))
    assert refused.value.status == 400
    assert "62 apart" in refused.value.message


async def test_what_is_known_is_not_asked_again() -> None:
    asked = []

    async def tokenize(text: str) -> Sequence[int]:
        asked.append(text)
        return await by_words(text)

    checked = Checked(PLACE)
    for _ in range(2):
        await choose_labels(checked, tokenize, question("choice", 5))
    assert len(asked) == 6


async def test_requests_at_once_get_the_same_labels() -> None:
    async def slowly(text: str) -> Sequence[int]:
        await asyncio.sleep(0)
        return await by_words(text)

    checked = Checked(PLACE)
    found = await asyncio.gather(*(choose_labels(checked, slowly, question("noul", 2)) for _ in range(4)))
    assert [[label.text for label in labels] for labels in found] == [["Yes", "No"]] * 4


async def test_a_tokenizer_that_has_failed_is_asked_again() -> None:
    fails = iter([False, True])

    async def tokenize(text: str) -> Sequence[int]:
        if next(fails, False):
            raise EngineFailed("busy", 503)
        return await by_words(text)

    checked = Checked(PLACE)
    with pytest.raises(EngineFailed, match="busy"):
        await choose_labels(checked, tokenize, question("noul", 2))
    assert [label.text for label in await choose_labels(checked, tokenize, question("noul", 2))] == ["Yes", "No"]


def test_there_are_more_labels_than_options() -> None:
    labels = list(pool())
    assert len(set(labels)) == len(labels) > 2 * 255
