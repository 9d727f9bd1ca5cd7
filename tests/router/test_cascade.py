"""The judge is asked only where the first scorer is not sure."""

from dataclasses import dataclass, field

import pytest

from arriero.router.cascade import CascadeScorer
from arriero.router.scoring import ScorerFailed
from arriero.router.subject import Subject
from arriero.types.chat import Message
from arriero.types.routing import Score

SUBJECT = Subject((Message("user", "hi"),))


@dataclass
class Says:
    """A scorer that says one thing, and counts how often."""

    name: str
    answer: Score | ScorerFailed
    asked: list[Subject] = field(default_factory=list)

    async def score(self, subject: Subject) -> Score:
        self.asked.append(subject)
        if isinstance(self.answer, ScorerFailed):
            raise self.answer
        return self.answer


def _cascade(first: float, judge: Score | ScorerFailed) -> tuple[CascadeScorer, Says]:
    asked = Says("judge", judge)
    return CascadeScorer(Says("linear", Score(first, "linear", took_ms=0.1)), asked, band=(0.3, 0.7)), asked


@pytest.mark.parametrize("probability", [0.0, 0.29, 0.71, 1.0])
async def test_outside_the_band_nobody_asks_the_judge(probability: float) -> None:
    cascade, judge = _cascade(probability, Score(0.5, "judge"))
    score = await cascade.score(SUBJECT)

    assert judge.asked == []
    assert score == Score(probability, "linear", took_ms=0.1)


@pytest.mark.parametrize("probability", [0.3, 0.5, 0.7])
async def test_inside_the_band_both_count(probability: float) -> None:
    cascade, judge = _cascade(probability, Score(0.9, "judge", 20.0, "COMPLEX", ("bounded",)))
    score = await cascade.score(SUBJECT)

    assert judge.asked == [SUBJECT]
    assert probability < score.probability < 0.9
    assert (score.scorer, score.verdict, score.notes) == ("cascade", "COMPLEX", ("bounded",))
    assert score.took_ms == pytest.approx(20.1)


async def test_two_that_disagree_alike_leave_it_open() -> None:
    cascade, _ = _cascade(0.4, Score(0.6, "judge"))
    assert 0.4 < (await cascade.score(SUBJECT)).probability < 0.6


@pytest.mark.parametrize("judged", [0.0, 1.0])
async def test_a_judge_that_is_certain_breaks_nothing(judged: float) -> None:
    cascade, _ = _cascade(0.5, Score(judged, "judge"))
    assert 0.0 < (await cascade.score(SUBJECT)).probability < 1.0


async def test_where_the_judge_fails_the_first_score_holds_and_says_so() -> None:
    cascade, _ = _cascade(0.6, ScorerFailed("the judge has given no verdict", "unclear"))
    score = await cascade.score(SUBJECT)

    assert (score.probability, score.scorer, score.verdict) == (0.6, "linear", "")
    assert score.notes == ("judge_unclear",)
