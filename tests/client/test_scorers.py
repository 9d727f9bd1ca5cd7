import asyncio

import pytest

from arriero.client.scorers import PatientJudge
from arriero.router.scoring import ScorerFailed
from arriero.router.subject import Subject
from arriero.types.chat import Message
from arriero.types.routing import Score

SUBJECT = Subject((Message("user", "Hi"),))


class Judge:
    """Answers after so many seconds."""

    name = "judge"

    def __init__(self, takes_s: float) -> None:
        self.takes_s = takes_s

    async def score(self, _subject: Subject) -> Score:
        await asyncio.sleep(self.takes_s)
        return Score(0.2, self.name, verdict="SIMPLE")


async def test_a_judge_whose_model_is_not_loaded_is_given_time_each_time() -> None:
    patient = PatientJudge(Judge(0.02), lambda: False, timeout_s=0.001, load_timeout_s=10.0)
    for _ in range(2):
        assert (await patient.score(SUBJECT)).verdict == "SIMPLE"


async def test_a_judge_that_has_answered_and_is_loaded_is_not() -> None:
    judge = Judge(0.0)
    patient = PatientJudge(judge, lambda: True, timeout_s=0.02, load_timeout_s=10.0)
    await patient.score(SUBJECT)
    judge.takes_s = 100.0
    with pytest.raises(ScorerFailed, match=r"no answer within 0.02 s") as failed:
        await patient.score(SUBJECT)
    assert failed.value.kind == "timeout"
