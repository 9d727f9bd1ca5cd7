import pytest

from arriero.router.fallback import FallbackScorer
from arriero.router.scoring import ScorerFailed
from tests.router.factories_routing import ScriptedScorer, subject


async def test_the_second_is_not_asked_where_the_first_has_a_score() -> None:
    first, second = ScriptedScorer(name="judge"), ScriptedScorer(name="linear")
    score = await FallbackScorer(first, second).score(subject("hard"))

    assert (score.probability, score.scorer, score.notes, second.asked) == (0.9, "judge", (), [])


async def test_where_the_first_fails_the_score_is_the_seconds_and_says_so() -> None:
    first = ScriptedScorer(name="judge", error=ScorerFailed("slow", "timeout"))
    score = await FallbackScorer(first, ScriptedScorer(name="linear")).score(subject("hard"))

    assert (score.probability, score.scorer, score.notes) == (0.9, "linear", ("judge_timeout",))
    assert score.verdict == ""
    assert score.judge_failure == "timeout"


async def test_where_both_fail_there_is_no_score() -> None:
    broken = ScriptedScorer(error=ScorerFailed("broken"))

    with pytest.raises(ScorerFailed):
        await FallbackScorer(broken, broken).score(subject("hard"))


def test_it_goes_by_the_first_ones_name() -> None:
    assert FallbackScorer(ScriptedScorer(name="judge"), ScriptedScorer()).name == "judge"
