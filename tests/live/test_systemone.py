"""System One on real models: what is told is what the engine has computed, and the state is computed once."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from math import exp, fsum
from pathlib import Path

import ollama
import pytest

from arriero.engines.base import Launch, NextTokens, Plan
from arriero.engines.labels.book import LabelBook
from arriero.engines.labels.deciding import decide_by_labels
from arriero.engines.llama_cpp.engine import LlamaCppEngine, worker_wire
from arriero.engines.llama_cpp.launch import LlamaCppSettings, launch
from arriero.engines.llama_cpp.next_tokens import Completion, listed
from arriero.runners.worker import WorkerLoader
from arriero.store.fetch import fetch
from arriero.store.layout import layout_from
from arriero.store.records import record_of_file
from arriero.types.chat import TextPrompt
from arriero.types.loading import LoadOptions
from arriero.types.models import ModelRecord
from arriero.types.system_one import Decided, DecisionRequest, Option, Question
from tests.live.launching import MODEL, Server
from tests.live.models import gemma

pytestmark = pytest.mark.live

PLAN = Plan(4096, 2)
WHOLE_VOCABULARY = 1 << 20
MAIL = "My parcel has not come, it was dear, and nobody answers the telephone. I want my money back!"
REFUND = Question(
    "refund", "noul", "Does the customer want money back?", (Option("true", "Yes"), Option("false", "No"))
)
TEAM = Question(
    "team",
    "choice",
    "Who should answer?",
    (Option("billing", "money"), Option("shipping", "parcels"), Option("sales", "sales")),
)
ANGER = Question(
    "anger", "score", "How angry is the customer?", tuple(map(Option, "012", ("calm", "annoyed", "furious")))
)
# More than are among the likeliest tokens.
CITY = Question("city", "choice", "Which city?", tuple(Option(f"city {n}", f"city {n}") for n in range(120)))
QUESTIONS = (REFUND, TEAM, ANGER, CITY)


@dataclass
class Told:
    """What an engine has been asked, and what it has told of that."""

    asked: list[tuple[TextPrompt, Sequence[int]]] = field(default_factory=list)
    told: list[NextTokens] = field(default_factory=list)


class Telling(LlamaCppEngine):
    """An engine that remembers."""

    memory: Told

    async def next_tokens(self, prompt: TextPrompt, tokens: Sequence[int]) -> NextTokens:
        told = await super().next_tokens(prompt, tokens)
        self.memory.asked.append((prompt, tokens))
        self.memory.told.append(told)
        return told

    async def whole_vocabulary(self, prompt: TextPrompt) -> dict[int, float]:
        body = {"prompt": prompt.text, "n_predict": 1, "n_probs": WHOLE_VOCABULARY, "temperature": 0.0}
        return dict(listed(await self._wire.call("/completion", body, Completion)))


def _launch(record: ModelRecord, plan: Plan, port: int, api_key: str) -> Launch:
    def connect() -> Telling:
        return Telling(worker_wire(port, api_key), plan)

    return replace(launch(record, plan, LlamaCppSettings(), port, api_key), connect=connect)


def _plan(record: ModelRecord, options: LoadOptions, free_bytes: int | None) -> Plan:
    del record, options, free_bytes
    return PLAN


@dataclass
class Model:
    """A model that is loaded."""

    engine: Telling
    has_template: bool
    book: LabelBook = field(default_factory=LabelBook)

    async def decide(self, state: str, *questions: Question) -> Decided:
        self.engine.memory = Told()
        request = DecisionRequest(state, questions)
        return await decide_by_labels(self.engine, request, self.book, has_template=self.has_template)


@asynccontextmanager
async def _loaded(record: ModelRecord) -> AsyncIterator[Model]:
    worker = await WorkerLoader(_launch, _plan, 60.0).load(record, PLAN)
    try:
        assert isinstance(worker.engine, Telling)
        yield Model(worker.engine, bool(record.template))
    finally:
        await worker.stop()


@pytest.fixture(params=["smollm2", pytest.param("gemma", marks=pytest.mark.models)])
async def model(request: pytest.FixtureRequest, model_home: Path) -> AsyncIterator[Model]:
    if request.param == "gemma":
        record = replace(record_of_file(gemma(), "gemma"), template="")
    else:
        record = fetch(MODEL, layout_from({"ARRIERO_HOME": str(model_home)}), memory_bytes=1 << 30).record
    async with _loaded(record) as loaded:
        yield loaded


async def test_what_is_told_is_what_the_engine_takes_for_likely(model: Model) -> None:
    for question in QUESTIONS:
        # llama.cpp computes a long piece of a prompt otherwise than a short one: the second time all is computed alike.
        await model.decide(MAIL, question)
        decided = await model.decide(MAIL, question)
        [reading], [(prompt, tokens)] = decided.readings, model.engine.memory.asked
        everything = await model.engine.whole_vocabulary(prompt)
        chances = [exp(everything[token]) for token in tokens]
        assert len(set(tokens)) == len(tokens)
        assert fsum(reading.probabilities) == pytest.approx(1, abs=1e-6)
        assert reading.label_mass == pytest.approx(fsum(chances), abs=1e-4)
        assert reading.probabilities == pytest.approx([each / fsum(chances) for each in chances], abs=1e-4)
        assert [exp(each) for each in model.engine.memory.told[0].logprobs] == pytest.approx(chances, abs=1e-4)


async def test_the_state_is_computed_once(model: Model) -> None:
    for day in range(2):
        state = "".join(f"On day {day}.{number} the customer called, and nobody answered. " for number in range(30))
        await model.decide(state, *QUESTIONS[:3])
    told = model.engine.memory.told
    computed = [each.prompt_tokens - each.cached_tokens for each in told[-2:]]
    assert told[-1].prompt_tokens > 400
    assert max(computed) < 60


async def test_ollamas_client_gets_what_it_asks_for(server: Server) -> None:
    questions: dict[str, object] = {
        "refund": {"type": "noul", "instructions": "Does the customer want money back?"},
        "team": ollama.SystemOneChoiceQuestion(instructions="Who?", criteria={"billing": "money", "shipping": None}),
        "anger": {"type": "score", "instructions": "How angry?", "criteria": ["calm", "annoyed", "furious"]},
    }
    with ollama.Client(server.url) as client:
        answer = client.systemone(MODEL, {"mail": MAIL}, questions, keep_alive="5m")
        with pytest.raises(ollama.ResponseError, match="questions must have 1 to 64 entries") as refused:
            client.systemone(MODEL, MAIL, {})
    assert refused.value.status_code == 400
    async with ollama.AsyncClient(server.url) as async_client:
        again = await async_client.systemone(MODEL, {"mail": MAIL}, questions)
    assert list(answer.answers) == list(again.answers) == list(questions)
    assert answer.usage.output_tokens == 3
    for found, other in zip(answer.answers.values(), again.answers.values(), strict=True):
        assert found.type == other.type
        if not isinstance(found, ollama.SystemOneNoulAnswer):
            assert fsum(found.probabilities.values()) == pytest.approx(1, abs=1e-6)
            assert 0 <= found.confidence <= 1
