"""``/v1/systemone`` with fake engines: what a client gets, and what is refused."""

from collections.abc import AsyncIterator
from pathlib import Path

# Bodies are JSON.
from typing import Any

import ollama
import pytest

from arriero.engines.fake import FakeEngine, Script
from arriero.errors import EngineFailed
from arriero.store.layout import Store
from arriero.types.chat import TextPrompt
from tests.contract.models import store_golden_models
from tests.factories_store import stored
from tests.server.test_disconnect import asked
from tests.serving import FakeLoader, Running, running_server, until
from tests.serving_routers import running_router

PATH = "/v1/systemone"
STATE = "My parcel is late, and I want my money back!"
NOUL: dict[str, Any] = {"type": "noul", "instructions": "Is a refund asked for?"}
CHOICE: dict[str, Any] = {"type": "choice", "instructions": "Who?", "criteria": {"billing": "money", "shipping": None}}
SCORE: dict[str, Any] = {"type": "score", "instructions": {"ask": "How urgent?"}, "criteria": ["not", "some", "very"]}
QUESTIONS = {"refund": NOUL, "team": CHOICE, "urgency": SCORE}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = store_golden_models(tmp_path_factory.mktemp("systemone"))
    stored(Store(home / "models"), "base", {"tokenizer.chat_template": ""})
    return home


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
async def server(root: Path, engine: FakeEngine) -> AsyncIterator[Running]:
    async with running_server(root, FakeLoader({"tool:latest": engine, "base:latest": engine})) as running:
        yield running


async def post(server: Running, **body: Any) -> tuple[int, Any]:
    asks = {"model": "tool", "state": STATE, "questions": QUESTIONS, **body}
    async with server.client.post(PATH, json=asks) as response:
        return response.status, await response.json()


async def refusal(server: Running, **body: Any) -> tuple[int, str]:
    status, answer = await post(server, **body)
    assert answer.keys() == {"error"}
    return status, answer["error"]


async def test_ollamas_client_gets_an_answer_to_each_question(server: Running) -> None:
    client = ollama.AsyncClient(host=server.url)
    answer = await client.systemone("tool", state=STATE, questions=QUESTIONS)
    await client._client.aclose()
    refund, team, urgency = answer.answers.values()
    assert list(answer.answers) == list(QUESTIONS)
    assert answer.model == "tool"
    assert isinstance(refund, ollama.SystemOneNoulAnswer)
    assert 0 < refund.noul < 1
    assert isinstance(team, ollama.SystemOneChoiceAnswer)
    assert list(team.probabilities) == ["billing", "shipping"]
    assert sum(team.probabilities.values()) == pytest.approx(1, abs=1e-9)
    assert team.choice == max(team.probabilities, key=lambda key: team.probabilities[key])
    assert isinstance(urgency, ollama.SystemOneScoreAnswer)
    assert urgency.legend == {"0": "not", "1": "some", "2": "very"}
    assert urgency.score == pytest.approx(urgency.probabilities["1"] + 2 * urgency.probabilities["2"])
    assert answer.usage.output_tokens == 3
    assert answer.usage.input_tokens > 30


async def test_the_state_comes_first_and_is_the_same_for_all_questions(server: Running, engine: FakeEngine) -> None:
    await post(server, state={"mail": [1, "ü"]})
    texts = [request.prompt.text for request in engine.requests if isinstance(request.prompt, TextPrompt)]
    assert [text.startswith('<user>Text:\n{"mail":[1,"ü"]}\n\nQuestion: ') for text in texts] == [True] * 3
    assert texts[0].endswith("Question: Is a refund asked for?\nAnswer Yes or No.\n")
    assert texts[1].endswith("Question: Who?\nA) billing (money)\nB) shipping\nAnswer with the label alone.\n")
    assert 'Question: {"ask":"How urgent?"}\n0) not\n1) some\n2) very\n' in texts[2]


async def test_a_model_without_a_template_completes_a_text(server: Running, engine: FakeEngine) -> None:
    status, _ = await post(server, model="base", questions={"refund": NOUL})
    [request] = engine.requests
    assert status == 200
    assert isinstance(request.prompt, TextPrompt)
    assert request.prompt.text.startswith(f"Text:\n{STATE}\n\nQuestion: ")
    assert request.prompt.text.endswith("\nAnswer:")


async def test_as_many_options_as_are_allowed_have_labels_of_their_own(server: Running) -> None:
    many = {f"option {number}": None for number in range(255)}
    status, answer = await post(server, questions={"all": {**CHOICE, "criteria": many}})
    assert status == 200
    assert list(answer["answers"]["all"]["probabilities"]) == list(many)


async def test_an_engines_failure_is_told(server: Running, engine: FakeEngine) -> None:
    engine.script = Script(error=EngineFailed("out of memory", 500))
    assert await refusal(server) == (500, "out of memory")


async def test_a_client_that_goes_stops_the_work(server: Running, engine: FakeEngine) -> None:
    engine.script = Script(hang=True)
    async with asked(server, PATH, {"model": "tool", "state": STATE, "questions": QUESTIONS}):
        await until(engine, lambda: engine.running == 1)
    await until(engine, lambda: engine.cancelled == 1 and engine.running == 0)


async def test_a_prompt_that_is_too_long_is_refused_and_not_cut(server: Running, engine: FakeEngine) -> None:
    engine.context = 20
    status, error = await refusal(server, state="word " * 30)
    assert status == 400
    assert "exceeds the context of 20 tokens" in error


async def test_a_router_has_its_local_model_decide(tmp_path: Path) -> None:
    near, far = FakeEngine(), FakeEngine()
    body = {"model": "smart", "state": STATE, "questions": QUESTIONS}
    async with running_router(tmp_path, engines={"gen:latest": near, "sys:latest": far}) as server:
        for headers in ({}, {"x-arriero-force": "remote"}):
            async with server.client.post(PATH, json=body, headers=headers) as answer:
                assert answer.status == 200, await answer.text()
    assert (len(near.requests), len(far.requests)) == (3, 3)


@pytest.mark.parametrize(
    ("wrong", "status", "told"),
    [
        ({"model": " "}, 400, "model is required"),
        ({"model": "nope"}, 404, "model 'nope' not found"),
        ({"model": "emb"}, 400, '"emb" does not support decisions'),
        ({"state": None}, 400, "state is required"),
        ({"state": "  "}, 400, "state is required"),
        ({"state": 7}, 400, "state is required"),
        ({"stream": True}, 400, "stream is not supported"),
        ({"videos": ["AAAA"]}, 400, "videos are not supported"),
        ({"images": ["AAAA"]}, 400, '"tool" does not support image input'),
        ({"images": ["?"]}, 400, "images[0] is no base64"),
        ({"keep_alive": "soon"}, 400, "soon"),
        ({"state": "x" * (64 << 10)}, 413, "larger than 64 KiB"),
        ({"questions": {}}, 400, "questions must have 1 to 64 entries, and has 0"),
        ({"questions": {str(number): NOUL for number in range(65)}}, 400, "and has 65"),
        ({"questions": {"": NOUL}}, 400, "questions has an entry without a name"),
        ({"questions": {"a": "b"}}, 400, "questions.a must be an object"),
        ({"questions": {"a": {**NOUL, "type": "poll"}}}, 400, "questions.a.type must be choice, noul or score"),
        ({"questions": {"a": {**NOUL, "instructions": " "}}}, 400, "questions.a.instructions is required"),
        ({"questions": {"a": {"type": "noul"}}}, 400, "questions.a.instructions is required"),
        ({"questions": {"a": {**NOUL, "critera": {}}}}, 400, "questions.a has unknown fields: critera"),
        ({"questions": {"a": {**NOUL, "criteria": {"maybe": "x"}}}}, 400, "and has maybe"),
        ({"questions": {"a": {**NOUL, "criteria": {"true": " "}}}}, 400, "questions.a.criteria.true must be a text"),
        ({"questions": {"a": {**CHOICE, "criteria": ["a", "b"]}}}, 400, "questions.a.criteria must be an object"),
        ({"questions": {"a": {**CHOICE, "criteria": {"one": None}}}}, 400, "must have 2 to 255 entries, and has 1"),
        ({"questions": {"a": {**CHOICE, "criteria": {"": "x", "b": None}}}}, 400, "a choice without a name"),
        ({"questions": {"a": {**CHOICE, "criteria": {str(n): None for n in range(256)}}}}, 400, "and has 256"),
        ({"questions": {"a": {**SCORE, "criteria": ["low", " "]}}}, 400, "questions.a.criteria[1] must be a text"),
        ({"questions": {"a": {**SCORE, "criteria": {"low": 1}}}}, 400, "questions.a.criteria must be an array"),
    ],
)
async def test_what_is_wrong_is_told(server: Running, wrong: dict[str, Any], status: int, told: str) -> None:
    found, error = await refusal(server, **wrong)
    assert found == status
    assert told in error
