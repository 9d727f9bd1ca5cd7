"""Asks a model how hard a request is: one prefill and one token, whose probabilities tell."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from arriero.engines.labels.choosing import Tokenize
from arriero.errors import ArrieroError, EngineFailed
from arriero.router.digest import digest
from arriero.router.judge_calibration import calibration_for
from arriero.router.judge_prompt import CUE, NEXT, QUESTION, criteria, judge_prompt
from arriero.router.label_tokens import CANDIDATES, Labels, choose_labels, label_odds
from arriero.router.scoring import ScorerFailed
from arriero.router.subject import Subject
from arriero.router.verdicts import VerdictCache, parse_verdict
from arriero.types.chat import TextPrompt, TextRequest
from arriero.types.events import Event, TextDelta, TopLogprob, text_and_thinking
from arriero.types.routing import Score
from arriero.types.sampling import SamplingParams
from arriero.types.system_one import Decided, DecisionRequest, Option, Question

_T = TypeVar("_T")
# All events of the answer to a request. Raises ArrieroError.
Ask = Callable[[TextRequest], Awaitable[Sequence[Event]]]
# Has questions answered by a model that was made to decide (System One). Raises EngineFailed, with status 404, 405 or
# 501 where there is none. Not for one that only has a route for it: without examples, models for chat decide no better
# than a coin.
Decide = Callable[[DecisionRequest], Awaitable[Decided]]
# A probability as a model has it, made one that is right as often as it says.
Calibration = Callable[[float], float]
# What is said in a word says nothing of how sure it is.
_TEXT_PROBABILITY = 0.8
_EMPTY_PROBABILITY = 0.05
_TEXT_TOKENS = 16


class JudgeSettings(Struct, frozen=True):
    """How a judge is asked.

    model: its name, by which its calibration is found. timeout_s: how long is waited for it. top_logprobs: how many of
    the likeliest tokens are looked at: 20 are what every server gives. most_cached: verdicts that are remembered.
    """

    model: str = ""
    timeout_s: float = 2.0
    top_logprobs: int = 20
    most_cached: int = 4096


class JudgeScorer:
    """Scores by what a model takes for likelier (see ``Scorer``).

    ask: puts a request to it. tokenize: tells the tokens of a text, where its engine can; with it, labels are chosen
    that are one token each. calibration: None takes what is known of the model. decides: asks it, where it may be one
    that was made to decide; that is asked first, and not again once it says that it cannot.
    """

    name = "judge"

    def __init__(
        self,
        ask: Ask,
        tokenize: Tokenize | None = None,
        calibration: Calibration | None = None,
        settings: JudgeSettings = JudgeSettings(),  # noqa: B008  # frozen
        decides: Decide | None = None,
    ) -> None:
        self._ask = ask
        self._tokenize = tokenize
        self._calibration = calibration or calibration_for(settings.model)
        self._settings = settings
        self._decides = decides
        self._labels: Labels | None = None if tokenize else CANDIDATES[0]
        self._cache = VerdictCache(settings.most_cached)

    async def score(self, subject: Subject) -> Score:
        """The probability, and what it cost. Raises ScorerFailed where the judge is down, slow or unclear."""
        began_ns = time.perf_counter_ns()
        digested = digest(subject)
        if not digested:
            return Score(_EMPTY_PROBABILITY, self.name, _since(began_ns), notes=("empty",))
        known = self._cache.get(digested)
        if known is not None:
            return replace(known, took_ms=_since(began_ns), notes=(*known.notes, "cached"))
        probability, notes = await _within(self._settings.timeout_s, self._judged(digested))
        verdict = "COMPLEX" if probability >= 0.5 else "SIMPLE"
        score = Score(probability, self.name, _since(began_ns), verdict, notes)
        self._cache.put(digested, score)
        return score

    async def _judged(self, digested: str) -> tuple[float, tuple[str, ...]]:
        """The calibrated probability that a request is complex, and what is to be known of it."""
        labels = await self._known_labels()
        decided = await self._decided(digested, labels)
        if decided is not None:
            return decided, ("decided",)
        prompt = judge_prompt(digested, labels)
        odds = label_odds(await self._first_tokens(prompt), labels)
        if odds is None:
            return await self._said(prompt, labels), ("text",)
        return self._calibration(_logistic(odds.log_odds)), ("bounded",) if odds.is_bounded else ()

    async def _known_labels(self) -> Labels:
        if self._labels is None:
            assert self._tokenize is not None
            try:
                self._labels = await choose_labels(self._tokenize, CUE)
            except EngineFailed as error:
                if not error.has_no_route:
                    raise
                self._labels = CANDIDATES[0]
        return self._labels

    async def _decided(self, digested: str, labels: Labels) -> float | None:
        if self._decides is None:
            return None
        try:
            decided = await self._decides(_question(digested, labels))
        except EngineFailed as error:
            if not error.has_no_route:
                raise
            self._decides = None
            return None
        _, hard = decided.readings[0].probabilities
        return hard

    async def _first_tokens(self, prompt: str) -> Sequence[TopLogprob]:
        """What the answer might begin with, the likeliest first."""
        sampling = SamplingParams(max_tokens=1, temperature=0.0)
        events = await self._ask(_request(prompt, sampling, self._settings.top_logprobs))
        tokens = (token for event in events if isinstance(event, TextDelta) for token in event.logprobs)
        return next((token.top for token in tokens), ())

    async def _said(self, prompt: str, labels: Labels) -> float:
        """The probability by the judge's own words. Raises ScorerFailed where they are no verdict."""
        sampling = SamplingParams(max_tokens=_TEXT_TOKENS, temperature=0.0, stop=(NEXT,))
        text, _ = text_and_thinking(await self._ask(_request(prompt, sampling)))
        match parse_verdict(text, labels):
            case "COMPLEX":
                return _TEXT_PROBABILITY
            case "SIMPLE":
                return 1 - _TEXT_PROBABILITY
            case None:
                raise ScorerFailed("the judge has given no verdict", "unclear")


async def _within(timeout_s: float, answering: Awaitable[_T]) -> _T:
    """What comes of asking, in time. Raises ScorerFailed for all that an engine can do wrong."""
    try:
        async with asyncio.timeout(timeout_s):
            return await answering
    except TimeoutError as error:
        raise ScorerFailed(f"the judge has not answered within {timeout_s:g} s", "timeout") from error
    except ScorerFailed:
        raise
    except ArrieroError as error:
        raise ScorerFailed(f"the judge cannot be asked: {error.message}", "down") from error


def _request(prompt: str, sampling: SamplingParams, top_logprobs: int | None = None) -> TextRequest:
    return TextRequest(TextPrompt(prompt), sampling, top_logprobs=top_logprobs, is_truncating=False)


def _question(digested: str, labels: Labels) -> DecisionRequest:
    """What a model is asked that was made to decide."""
    options = tuple(Option(word, meaning) for word, meaning in criteria(labels).items())
    return DecisionRequest(digested, (Question("difficulty", "choice", QUESTION, options),))


def _logistic(log_odds: float) -> float:
    return 1 / (1 + math.exp(-log_odds)) if log_odds >= 0 else math.exp(log_odds) / (1 + math.exp(log_odds))


def _since(began_ns: int) -> float:
    return (time.perf_counter_ns() - began_ns) / 1e6
