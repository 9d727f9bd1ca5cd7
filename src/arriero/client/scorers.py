"""What gives a program's requests their score: a judge that is always asked, unless something else is wanted."""

import asyncio
from collections.abc import Callable

from arriero.client.verbose import commentary
from arriero.router.judge import JudgeScorer, JudgeSettings
from arriero.router.scoring import Scorer, ScorerFailed
from arriero.router.settings import RouterSettings
from arriero.router.subject import Subject
from arriero.runners.carrier import Carrier
from arriero.runners.judging import ask_judge, decide_judge, tokenize_judge
from arriero.runners.routers import Find, make_scorer
from arriero.types.routing import Score


class PatientJudge:
    """A judge that is given more time while its model may have to be loaded first (see ``Scorer``).

    is_loaded: whether the model is known to be in memory. timeout_s: of a judge that is warm; load_timeout_s: of any
    other. One that was waited for so long in vain is not waited for again before it has answered.
    """

    name = "judge"

    def __init__(self, judge: Scorer, is_loaded: Callable[[], bool], timeout_s: float, load_timeout_s: float) -> None:
        self._judge = judge
        self._is_loaded = is_loaded
        self._timeout_s = timeout_s
        self._load_timeout_s = load_timeout_s
        self._has_answered = False
        self._is_hung = False

    async def score(self, subject: Subject) -> Score:
        """The judge's score. Raises ScorerFailed, which the verbose lines tell."""
        is_warm = self._is_hung or (self._has_answered and self._is_loaded())
        timeout_s = self._timeout_s if is_warm else max(self._timeout_s, self._load_timeout_s)
        try:
            score = await self._within(timeout_s, subject)
        except ScorerFailed as error:
            commentary.get().judge_failed(error)
            raise
        if score.verdict:
            self._has_answered, self._is_hung = True, False
        return score

    async def _within(self, timeout_s: float, subject: Subject) -> Score:
        try:
            async with asyncio.timeout(timeout_s):
                return await self._judge.score(subject)
        except TimeoutError as error:
            self._is_hung = True
            raise ScorerFailed(f"no answer within {timeout_s:g} s", "timeout") from error


def scorer_of(
    settings: RouterSettings, load_timeout_s: float, find: Find, carrier: Carrier, is_loaded: Callable[[], bool]
) -> Scorer:
    """Who scores; the linear scorer stands in where that fails. Raises ConfigError for one that there is not."""
    if settings.scorer not in {"judge", "cascade"} or settings.judge is None:
        return make_scorer(settings, find, carrier)
    name = settings.judge
    most_s = max(settings.judge_timeout_s, load_timeout_s)
    asked = JudgeScorer(
        ask_judge(lambda: find(name), carrier),
        tokenize_judge(lambda: find(name), carrier),
        # It is given its time here.
        settings=JudgeSettings(name, timeout_s=2 * most_s),
        decides=decide_judge(lambda: find(name), carrier),
    )
    judge = PatientJudge(asked, is_loaded, settings.judge_timeout_s, load_timeout_s)
    return make_scorer(settings, find, carrier, judge)
