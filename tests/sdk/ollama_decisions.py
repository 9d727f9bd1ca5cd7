"""System One with Ollama's client: decisions with their probabilities, of any model that chats."""

import asyncio
import math
from collections.abc import Mapping
from typing import Any

import ollama
import pytest
from ollama._types import SystemOneChoiceAnswer, SystemOneNoulAnswer, SystemOneScoreAnswer

from tests.sdk.clients import ollama_client
from tests.sdk.scenario import scenarios

SDK = "ollama for Python, System One"
STATE = "A customer writes: my parcel has not arrived, and I want my money back."
# Questions are any JSON.
CHOICE: dict[str, Any] = {
    "type": "choice",
    "instructions": "Who should answer?",
    "criteria": {"shipping": "Where parcels are", "billing": "Money and refunds", "sales": None},
}
NOUL: dict[str, Any] = {"type": "noul", "instructions": "Is the customer content?"}
SCORE: dict[str, Any] = {
    "type": "score",
    "instructions": "How urgent is it?",
    "criteria": ["It can wait", "Soon", "At once"],
}


def is_whole(probabilities: Mapping[str, float]) -> bool:
    """Whether they are those of all that can be."""
    return math.isclose(sum(probabilities.values()), 1, abs_tol=1e-6) and min(probabilities.values()) >= 0


async def a_choice_has_probabilities(client: ollama.AsyncClient, model: str) -> str:
    answered = await client.systemone(model, STATE, {"team": CHOICE})
    answer = answered.answers["team"]
    assert isinstance(answer, SystemOneChoiceAnswer)
    assert list(answer.probabilities) == list(CHOICE["criteria"])
    assert is_whole(answer.probabilities), answer
    assert answer.choice == max(answer.probabilities, key=lambda name: answer.probabilities[name])
    assert 0 <= answer.confidence <= 1
    assert answered.model == model
    return f"{answer.choice!r} of {_shown(answer.probabilities)}"


async def yes_or_no_is_a_probability(client: ollama.AsyncClient, model: str) -> str:
    plain = (await client.systemone(model, STATE, {"content": NOUL})).answers["content"]
    worded: Any = {**NOUL, "criteria": {"true": "The customer is happy", "false": "The customer complains"}}
    other = (await client.systemone(model, STATE, {"content": worded})).answers["content"]
    for answer in (plain, other):
        assert isinstance(answer, SystemOneNoulAnswer)
        assert 0 <= answer.noul <= 1
        assert answer.noul != 0.5, "an exact half is what is told where neither answer was seen"
    return f"{plain['noul']:.3f}, and {other['noul']:.3f} in words of ours"


async def a_score_is_what_is_expected(client: ollama.AsyncClient, model: str) -> str:
    answer = (await client.systemone(model, STATE, {"urgency": SCORE})).answers["urgency"]
    assert isinstance(answer, SystemOneScoreAnswer)
    assert answer.legend == dict(zip("012", SCORE["criteria"], strict=True))
    assert is_whole(answer.probabilities), answer
    expected = sum(int(level) * probability for level, probability in answer.probabilities.items())
    assert math.isclose(answer.score, expected, abs_tol=1e-6)
    return f"{answer.score:.3f} of {_shown(answer.probabilities)}"


async def questions_are_answered_in_their_order(client: ollama.AsyncClient, model: str) -> str:
    questions = {"z": NOUL, "team": CHOICE, "a": SCORE}
    answered = await client.systemone(model, {"mail": STATE, "tags": ["parcel", "refund"]}, questions, keep_alive="5m")
    assert list(answered.answers) == list(questions)
    assert [answer.type for answer in answered.answers.values()] == ["noul", "choice", "score"]
    assert answered.usage.input_tokens > 20
    assert answered.usage.output_tokens == 3
    return f"three, {answered.usage.input_tokens} tokens"


async def the_same_is_decided_again(client: ollama.AsyncClient, model: str) -> str:
    first, second = [(await client.systemone(model, STATE, {"n": NOUL})).answers["n"]["noul"] for _ in range(2)]
    # What is computed beside others' requests, or from a cache, differs in its last digits.
    assert math.isclose(first, second, abs_tol=0.02), (first, second)
    return f"{first:.4f}, {second:.4f}"


async def the_client_that_waits_decides_too(client: ollama.AsyncClient, model: str) -> str:
    url = str(client._client.base_url)
    with ollama.Client(url) as waiting:
        answered = await asyncio.to_thread(waiting.systemone, model, STATE, {"team": CHOICE})
    answer = answered.answers["team"]
    assert isinstance(answer, SystemOneChoiceAnswer)
    assert is_whole(answer.probabilities)
    return repr(answer.choice)


async def wrong_questions_are_refused(client: ollama.AsyncClient, model: str) -> str:
    wrong: list[tuple[int, str, dict[str, Any]]] = [
        (404, "nobody", {"team": CHOICE}),
        (400, model, {}),
        (400, model, {"team": {**CHOICE, "criteria": {"only": None}}}),
        (400, model, {"a": {**SCORE, "criteria": ["only"]}}),
        (400, model, {"n": {**NOUL, "instructions": " "}}),
    ]
    for status, name, questions in wrong:
        with pytest.raises(ollama.ResponseError) as caught:
            await client.systemone(name, STATE, questions)
        assert caught.value.status_code == status, (questions, caught.value)
        assert caught.value.error, questions
    return f"{len(wrong)}; the last: 400 {caught.value.error!r}"


def _shown(probabilities: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {probability:.3f}" for name, probability in probabilities.items())


DECISIONS = (
    *scenarios(SDK, "choice", ollama_client, {"plain": (a_choice_has_probabilities,)}),
    *scenarios(SDK, "noul", ollama_client, {"plain": (yes_or_no_is_a_probability,)}),
    *scenarios(SDK, "score", ollama_client, {"plain": (a_score_is_what_is_expected,)}),
    *scenarios(
        SDK,
        "several questions",
        ollama_client,
        {
            "plain": (
                questions_are_answered_in_their_order,
                the_same_is_decided_again,
                the_client_that_waits_decides_too,
            ),
            "able": (a_choice_has_probabilities,),
        },
    ),
    *scenarios(SDK, "errors", ollama_client, {"plain": (wrong_questions_are_refused,)}),
)
