"""How engines are asked that can do more or less."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from arriero.engines.base import NextTokens
from arriero.engines.deciding import decide
from arriero.engines.fake import FakeEngine, Script
from arriero.engines.labels.book import LabelBook
from arriero.engines.labels.deciding import decide_by_labels
from arriero.errors import EngineDied, EngineFailed
from arriero.types.chat import ChatPrompt, TextPrompt, TextRequest
from arriero.types.events import EventStream, Finished, TextDelta, TokenLogprob, TopLogprob
from arriero.types.system_one import Decided, DecisionRequest, Option, Question, Reading
from arriero.types.usage import Usage

STATE = "word " * 400
YES_NO = (Option("true", "Yes"), Option("false", "No"))
NOUL = Question("sure", "noul", "Is it?", YES_NO)
OTHER = Question("other", "noul", "Is it not?", YES_NO)
MANY = Question("many", "choice", "Which?", tuple(Option(str(n), str(n)) for n in range(21)))
PICTURE = "iVBORw0KGgo="


class Telling(FakeEngine):
    """One that has no more of a prompt than where an earlier one ended, or all, or nothing."""

    def __init__(self, *, forgets: bool, restores: bool = True) -> None:
        super().__init__()
        self.ends: set[str] = set()
        self.asked: list[str] = []
        self.computed: list[int] = []
        self.forgets, self.restores = forgets, restores

    async def next_tokens(self, prompt: TextPrompt, tokens: Sequence[int]) -> NextTokens:
        known = [end for end in self.ends if prompt.text.startswith(end)]
        cached = len(max(known, key=len).split()) if known and self.restores else 0
        if self.asked and not self.forgets:
            cached = 400
        self.ends.add(prompt.text)
        self.asked.append(prompt.text)
        size = await self.count(prompt)
        self.computed.append(size - cached)
        return NextTokens([math.log(0.1)] * len(tokens), size, cached)


@dataclass
class Bare:
    """An engine that generates, and no more."""

    top: tuple[TopLogprob, ...] = (TopLogprob("Yes", math.log(0.5)), TopLogprob("No", math.log(0.25)))
    requests: list[TextRequest] = field(default_factory=list)

    async def generate(self, request: TextRequest) -> EventStream:
        self.requests.append(request)
        logprobs = (TokenLogprob("Yes", -0.5, self.top),) if self.top else ()
        yield [TextDelta("Yes", logprobs), Finished("length", Usage(prompt_tokens=7, cached_tokens=2))]

    async def health(self) -> bool:
        return True

    async def aclose(self) -> None:
        pass


class Deciding(FakeEngine):
    """One that decides by itself, or says why it does not."""

    def __init__(self, answer: Decided | EngineFailed) -> None:
        super().__init__()
        self.answer = answer

    async def decide(self, request: DecisionRequest) -> Decided:
        del request
        if isinstance(self.answer, EngineFailed):
            raise self.answer
        return self.answer


async def test_a_state_that_is_forgotten_is_asked_for_alone_from_then_on() -> None:
    engine, book = Telling(forgets=True), LabelBook()
    request = DecisionRequest(STATE, (NOUL, OTHER))
    for _ in range(2):
        await decide_by_labels(engine, request, book, has_template=True)
    assert len(engine.asked) == 2 + 3
    assert engine.asked[3].startswith(engine.asked[2])
    assert max(engine.computed[3:]) < 40


@pytest.mark.parametrize("engine", [Telling(forgets=False), Telling(forgets=True, restores=False)])
async def test_a_state_is_not_asked_for_where_that_is_of_no_use(engine: Telling) -> None:
    book = LabelBook()
    for _ in range(4):
        await decide_by_labels(engine, DecisionRequest(STATE, (NOUL, OTHER)), book, has_template=True)
    asked_alone = [text for text in engine.asked if "Question: Is it" not in text]
    assert len(asked_alone) <= (0 if not engine.forgets else 2)


async def test_a_model_that_always_thinks_first_is_refused() -> None:
    class Thinking(FakeEngine):
        async def render(self, prompt: ChatPrompt) -> str:
            return await super().render(prompt) + "<think>\n"

    with pytest.raises(EngineFailed, match="has it think before every answer") as refused:
        await decide_by_labels(Thinking(), DecisionRequest("", (NOUL,)), LabelBook(), has_template=True)
    assert refused.value.status == 400


async def test_an_engine_that_only_generates_is_asked_for_its_likeliest_tokens() -> None:
    engine = Bare()
    decided = await decide_by_labels(engine, DecisionRequest("", (NOUL, NOUL)), LabelBook(), has_template=True)
    assert [reading.probabilities for reading in decided.readings] == [pytest.approx((2 / 3, 1 / 3))] * 2
    assert [reading.label_mass for reading in decided.readings] == [pytest.approx(0.75)] * 2
    assert (decided.input_tokens, decided.cached_tokens) == (14, 4)
    [request, _] = engine.requests
    assert (request.sampling.max_tokens, request.sampling.temperature, request.top_logprobs) == (1, 0.0, 20)
    assert isinstance(request.prompt, ChatPrompt)
    assert request.prompt.think is False
    assert not request.is_truncating


async def test_more_options_than_are_listed_are_refused_before_any_is_asked_for() -> None:
    engine = Bare()
    with pytest.raises(EngineFailed, match=r"questions\.many has 21 options") as refused:
        await decide_by_labels(engine, DecisionRequest("", (NOUL, MANY)), LabelBook(), has_template=True)
    assert (refused.value.status, engine.requests) == (400, [])


async def test_an_engine_without_probabilities_is_told() -> None:
    with pytest.raises(EngineFailed, match="tells no probabilities") as refused:
        await decide_by_labels(Bare(top=()), DecisionRequest("", (NOUL,)), LabelBook(), has_template=False)
    assert refused.value.status == 501


async def test_images_go_with_the_question() -> None:
    top = tuple(TopLogprob(text, -1.0) for text in ("Yes", "No"))
    said = [TextDelta("Yes", (TokenLogprob("Yes", -1.0, top),))]
    engine = FakeEngine(Script((said,)))
    await decide_by_labels(engine, DecisionRequest("", (NOUL,), (PICTURE,)), LabelBook(), has_template=True)
    [request] = engine.requests
    assert isinstance(request.prompt, ChatPrompt)
    assert request.prompt.messages[0].images == (PICTURE,)


async def test_an_engine_that_is_too_old_is_asked_for_its_likeliest_tokens() -> None:
    class Old(Bare, FakeEngine):
        async def next_tokens(self, prompt: TextPrompt, tokens: Sequence[int]) -> NextTokens:
            del prompt, tokens
            raise EngineFailed("no such route", 501)

    engine = Old()
    decided = await decide_by_labels(engine, DecisionRequest("", (NOUL,)), LabelBook(), has_template=True)
    assert decided.input_tokens == 7


async def test_a_server_that_decides_is_asked_first() -> None:
    told = Decided((Reading((0.9, 0.1)),), 5)
    assert await decide(Deciding(told), DecisionRequest("", (NOUL,)), LabelBook(), has_template=True) == told


@pytest.mark.parametrize("status", [400, 404, 405, 501])
async def test_where_a_server_does_not_decide_labels_do(status: int) -> None:
    engine = Deciding(EngineFailed("not me", status))
    decided = await decide(engine, DecisionRequest("", (NOUL,)), LabelBook(), has_template=True)
    assert decided.readings[0].label_mass is not None


@pytest.mark.parametrize("error", [EngineFailed("out of memory", 500), EngineDied("gone")])
async def test_a_server_that_fails_is_not_asked_otherwise(error: EngineFailed) -> None:
    with pytest.raises(EngineFailed, match=error.message):
        await decide(Deciding(error), DecisionRequest("", (NOUL,)), LabelBook(), has_template=True)


async def test_what_a_model_refuses_that_was_made_to_decide_is_refused() -> None:
    engine = Deciding(EngineFailed("26 choices at most", 400))
    with pytest.raises(EngineFailed, match="26 choices at most"):
        await decide(engine, DecisionRequest("", (NOUL,)), LabelBook(), has_template=True, is_decider=True)
