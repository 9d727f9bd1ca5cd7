"""The judge: one token's probabilities, and what happens where they cannot be had."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import pytest

from arriero.errors import EngineDied, EngineFailed
from arriero.router.calibration import Platt
from arriero.router.judge import Ask, JudgeScorer, JudgeSettings
from arriero.router.scoring import ScorerFailed
from arriero.router.subject import Subject
from arriero.types.chat import Message, TextPrompt, TextRequest
from arriero.types.events import Event, Finished, TextDelta, ThinkingDelta, TokenLogprob, TopLogprob
from arriero.types.system_one import Decided, DecisionRequest, Reading
from arriero.types.usage import Usage

UNCHANGED = Platt()


def _subject(text: str = "hi") -> Subject:
    return Subject((Message("user", text),))


def _listed(**chances: float) -> list[Event]:
    """An answer of one token, with what else it might have been."""
    top = tuple(TopLogprob(f" {token}", math.log(chance)) for token, chance in chances.items())
    token = TokenLogprob(top[0].token, top[0].logprob, top)
    return [TextDelta(top[0].token, (token,)), Finished("length", Usage())]


def _said(text: str) -> list[Event]:
    return [TextDelta(text), Finished("stop", Usage())]


@dataclass
class Judge:
    """An engine that answers one thing after the other, the last one for ever."""

    answers: Sequence[Sequence[Event] | Exception]
    requests: list[TextRequest] = field(default_factory=list)

    async def __call__(self, request: TextRequest) -> Sequence[Event]:
        self.requests.append(request)
        answer = self.answers[min(len(self.requests), len(self.answers)) - 1]
        if isinstance(answer, Exception):
            raise answer
        return answer


def _scorer(ask: Ask, tokenize: Callable[[str], Awaitable[Sequence[int]]] | None = None) -> JudgeScorer:
    return JudgeScorer(ask, tokenize, UNCHANGED)


async def test_one_token_is_asked_for_and_its_odds_are_the_score() -> None:
    judge = Judge([_listed(hard=0.6, easy=0.2)])
    score = await _scorer(judge).score(_subject())

    assert score.probability == pytest.approx(0.75)
    assert (score.scorer, score.verdict, score.notes) == ("judge", "COMPLEX", ())
    [request] = judge.requests
    assert (request.sampling.max_tokens, request.sampling.temperature, request.top_logprobs) == (1, 0.0, 20)
    assert isinstance(request.prompt, TextPrompt)
    assert request.prompt.text.endswith('Request: "hi"\nDifficulty:')


async def test_the_calibration_decides_the_verdict() -> None:
    scorer = JudgeScorer(Judge([_listed(hard=0.6, easy=0.2)]), calibration=Platt(1.0, -3.0))
    assert (await scorer.score(_subject())).verdict == "SIMPLE"


async def test_a_label_that_is_not_listed_is_noted() -> None:
    score = await _scorer(Judge([_listed(easy=0.9, the=0.01)])).score(_subject())
    assert score.probability < 0.02
    assert score.notes == ("bounded",)


@pytest.mark.parametrize("first", [_said(" hard"), _listed(the=0.9)])
async def test_where_no_odds_can_be_had_the_verdict_is_read(first: Sequence[Event]) -> None:
    judge = Judge([first, [ThinkingDelta("COMPLEX?"), *_said(" easy")]])
    score = await _scorer(judge).score(_subject())

    assert (score.verdict, score.notes) == ("SIMPLE", ("text",))
    assert score.probability < 0.5
    assert judge.requests[1].sampling.max_tokens == 16
    assert judge.requests[1].top_logprobs is None


@pytest.mark.parametrize("text", ["This is not COMPLEX, so SIMPLE", "SIMPLE or COMPLEX", "", "<think>SIMPLE"])
async def test_a_verdict_that_is_none_is_no_decision(text: str) -> None:
    with pytest.raises(ScorerFailed, match="no verdict"):
        await _scorer(Judge([_said(text)])).score(_subject())


@pytest.mark.parametrize("error", [EngineFailed("the model is gone", 404), EngineDied("the worker died")])
async def test_an_engine_that_fails_is_no_decision(error: EngineFailed) -> None:
    with pytest.raises(ScorerFailed, match=error.message):
        await _scorer(Judge([error])).score(_subject())


async def test_a_judge_that_is_slow_is_no_decision() -> None:
    async def never(request: TextRequest) -> Sequence[Event]:
        del request
        await asyncio.Event().wait()
        return []

    scorer = JudgeScorer(never, settings=JudgeSettings(timeout_s=0.01))
    with pytest.raises(ScorerFailed, match=r"within 0\.01 s"):
        await scorer.score(_subject())


async def test_what_was_judged_is_not_asked_again() -> None:
    judge = Judge([_listed(hard=0.6, easy=0.2)])
    scorer = _scorer(judge)
    first = await scorer.score(_subject())
    again = await scorer.score(_subject(" hi\n"))

    assert len(judge.requests) == 1
    assert again.notes == ("cached",)
    assert (again.probability, again.verdict) == (first.probability, first.verdict)


async def test_what_failed_is_asked_again() -> None:
    judge = Judge([EngineDied("the worker died"), _listed(hard=0.6, easy=0.2)])
    scorer = _scorer(judge)
    with pytest.raises(ScorerFailed):
        await scorer.score(_subject())
    assert (await scorer.score(_subject())).verdict == "COMPLEX"


async def test_nothing_to_judge_costs_nothing() -> None:
    judge = Judge([])
    score = await _scorer(judge).score(Subject(()))
    assert (score.notes, score.verdict, judge.requests) == (("empty",), "", [])
    assert score.probability < 0.1


async def test_labels_are_checked_once_with_the_tokenizer() -> None:
    asked = []

    async def tokenize(text: str) -> Sequence[int]:
        asked.append(text)
        return [hash(word) for word in text.replace("easy", "ea sy").split()]

    judge = Judge([_listed(high=0.6, low=0.2)])
    scorer = _scorer(judge, tokenize)
    assert (await scorer.score(_subject())).verdict == "COMPLEX"
    number = len(asked)
    await scorer.score(_subject("another"))
    assert len(asked) == number


async def test_a_server_without_a_tokenizer_is_judged_by_as_well() -> None:
    async def tokenize(text: str) -> Sequence[int]:
        raise EngineFailed(f"no such route for {text}", 404)

    assert (await _scorer(Judge([_listed(hard=0.6, easy=0.2)]), tokenize).score(_subject())).verdict == "COMPLEX"


@dataclass
class Decider:
    """An engine that decides by itself, or says why it does not."""

    answer: Decided | EngineFailed
    asked: list[tuple[str, str, Sequence[str]]] = field(default_factory=list)

    async def __call__(self, request: DecisionRequest) -> Decided:
        [question] = request.questions
        self.asked.append((request.state, question.instructions, [option.name for option in question.options]))
        if isinstance(self.answer, EngineFailed):
            raise self.answer
        return self.answer


async def test_an_engine_that_decides_by_itself_is_asked_first() -> None:
    judge, decider = Judge([]), Decider(Decided((Reading((0.25, 0.75)),)))
    score = await JudgeScorer(judge, calibration=UNCHANGED, decides=decider).score(_subject())

    assert score.probability == pytest.approx(0.75)
    assert score.notes == ("decided",)
    assert decider.asked == [("hi", "How hard is this request to answer?", ["easy", "hard"])]


@pytest.mark.parametrize("answer", [EngineFailed("no such route", 404), EngineFailed("no decision model", 501)])
async def test_where_no_decision_is_had_labels_are(answer: EngineFailed) -> None:
    judge, decider = Judge([_listed(hard=0.6, easy=0.2)]), Decider(answer)
    scorer = JudgeScorer(judge, calibration=UNCHANGED, decides=decider)
    for text in ("one", "two"):
        assert (await scorer.score(_subject(text))).notes == ()
    assert len(decider.asked) == 1


async def test_an_engine_that_fails_to_decide_is_no_decision() -> None:
    scorer = JudgeScorer(Judge([]), decides=Decider(EngineFailed("out of memory", 500)))
    with pytest.raises(ScorerFailed, match="out of memory"):
        await scorer.score(_subject())
