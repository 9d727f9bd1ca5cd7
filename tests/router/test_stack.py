"""Several scorers as one."""

import pytest

from arriero.errors import ConfigError
from arriero.router.scoring import ScorerFailed
from arriero.router.stack import StackScorer
from arriero.router.subject import Subject
from arriero.types.chat import Message
from arriero.types.routing import Score

SUBJECT = Subject((Message("user", "Where is Lima?"),))


class Says:
    """A scorer that always says the same."""

    def __init__(self, name: str, probability: float, *notes: str, verdict: str = "") -> None:
        self.name = name
        self._score = Score(probability, name, took_ms=2.0, verdict=verdict, notes=notes)

    async def score(self, subject: Subject) -> Score:
        assert subject.text
        return self._score


class Fails:
    """A scorer that has nothing to say."""

    name = "judge"

    async def score(self, subject: Subject) -> Score:
        raise ScorerFailed(f"nobody answers {subject.text!r}")


async def test_the_mean_is_of_log_odds_by_weight() -> None:
    found = await StackScorer([(Says("a", 0.9), 1.0), (Says("b", 0.1), 1.0)]).score(SUBJECT)
    heavy = await StackScorer([(Says("a", 0.9), 3.0), (Says("b", 0.1), 1.0)]).score(SUBJECT)

    assert found.probability == pytest.approx(0.5)
    assert heavy.probability == pytest.approx(0.75)
    assert found.scorer == "stack"


async def test_it_takes_as_long_as_all_together() -> None:
    found = await StackScorer([(Says("a", 0.9), 1.0), (Says("b", 0.1), 1.0)]).score(SUBJECT)

    assert found.took_ms == 4.0


async def test_one_that_fails_is_left_out_and_noted() -> None:
    found = await StackScorer([(Fails(), 5.0), (Says("linear", 0.3), 1.0)]).score(SUBJECT)

    assert found.probability == pytest.approx(0.3)
    assert found.notes == ("judge_failed",)
    assert found.took_ms >= 2.0


async def test_it_fails_only_where_all_fail() -> None:
    with pytest.raises(ScorerFailed, match="judge: nobody answers"):
        await StackScorer([(Fails(), 1.0)]).score(SUBJECT)


async def test_a_scorer_that_is_quite_sure_does_not_silence_the_others() -> None:
    found = await StackScorer([(Says("a", 1.0), 1.0), (Says("b", 0.0), 1.0)]).score(SUBJECT)

    assert found.probability == pytest.approx(0.5)


async def test_what_each_has_noted_is_kept_under_its_name_and_a_judges_verdict_too() -> None:
    judge = Says("judge", 0.8, "cached", verdict="COMPLEX")
    found = await StackScorer([(Says("linear", 0.5), 1.0), (judge, 1.0)]).score(SUBJECT)

    assert found.notes == ("judge_cached",)
    assert found.verdict == "COMPLEX"


@pytest.mark.parametrize("weights", [(), (0.0,), (1.0, -1.0)])
def test_a_stack_of_nothing_or_without_weight_is_refused(weights: tuple[float, ...]) -> None:
    with pytest.raises(ConfigError, match="weight above 0"):
        StackScorer([(Says("a", 0.5), weight) for weight in weights])


async def test_what_a_judge_has_noted_is_no_failure_and_that_it_has_failed_is_one() -> None:
    noted = await StackScorer([(Says("linear", 0.2), 1.0), (Says("judge", 0.8, "cached", "text"), 1.0)]).score(SUBJECT)
    failed = await StackScorer([(Says("linear", 0.2), 1.0), (Fails(), 1.0)]).score(SUBJECT)

    assert (noted.judge_failure, failed.judge_failure) == ("", "failed")
