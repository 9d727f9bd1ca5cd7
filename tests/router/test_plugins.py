import math

import pytest

from arriero.errors import ConfigError
from arriero.router.plugins import CallableScorer, Callback, load_scorer
from arriero.router.scoring import ScorerFailed
from tests.router.factories_routing import subject


def length(text: str) -> float:
    return min(1.0, len(text) / 10)


async def later(text: str) -> float:
    return length(text)


def broken(text: str) -> float:
    raise KeyError(text)


def says(value: object) -> Callback:
    # What others write keeps to no type.
    return lambda _: value  # type: ignore[return-value]


@pytest.mark.parametrize("function", [length, later])
async def test_a_function_of_a_prompt_is_a_scorer(function: Callback) -> None:
    score = await CallableScorer("mine", function).score(subject("hello"))

    assert (score.probability, score.scorer) == (0.5, "mine")
    assert score.took_ms >= 0


@pytest.mark.parametrize(
    "function", [broken, *map(says, (None, "much", math.nan, math.inf, -0.1, 1.1, 10**400, [0.5]))]
)
async def test_what_is_no_probability_is_no_score(function: Callback) -> None:
    with pytest.raises(ScorerFailed, match="mine"):
        await CallableScorer("mine", function).score(subject("hello"))


@pytest.mark.parametrize("value", [0, 1, True, "0.5"])
async def test_what_can_be_read_as_a_probability_is_one(value: object) -> None:
    score = await CallableScorer("mine", says(value)).score(subject("hello"))

    assert score.probability == float(str(int(value) if isinstance(value, bool) else value))


def test_a_scorer_that_nobody_has_installed_is_told_with_those_that_there_are() -> None:
    with pytest.raises(ConfigError, match=r"'mine'.*cascade.*linear"):
        load_scorer("mine")
