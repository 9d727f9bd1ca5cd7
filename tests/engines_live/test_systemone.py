"""System One of real engines: vLLM at ``ARRIERO_TEST_VLLM``, SGLang at ``ARRIERO_TEST_SGLANG`` (URLs)."""

import math

import pytest

from arriero.engines.base import Decides
from arriero.engines.deciding import decide
from arriero.engines.labels.book import LabelBook
from arriero.engines.labels.deciding import decide_by_labels
from arriero.engines.labels.listed import decide_by_list
from arriero.errors import EngineFailed, PromptTooLong
from arriero.types.system_one import Decided, DecisionRequest, Option, Question
from tests.engines_live.test_adapters import Served, served

__all__ = ["served"]

pytestmark = pytest.mark.engines

MAIL = "My parcel has not come, it was dear, and nobody answers the telephone. I want my money back!"
REFUND = Question("refund", "noul", "Is money wanted back?", (Option("true", "Yes"), Option("false", "No")))
TEAM = Question("team", "choice", "Who should answer?", (Option("billing", "money"), Option("shipping", "parcels")))
LEVELS = Question("levels", "score", "How angry?", tuple(Option(str(level), f"level {level}") for level in range(12)))
MANY = Question("many", "choice", "Which city?", tuple(Option(f"city {n}", f"city {n}") for n in range(100)))
REQUEST = DecisionRequest(MAIL, (REFUND, TEAM))


def check(decided: Decided, request: DecisionRequest) -> None:
    assert decided.input_tokens > 30 * len(request.questions)
    for question, reading in zip(request.questions, decided.readings, strict=True):
        assert len(reading.probabilities) == len(question.options)
        assert math.fsum(reading.probabilities) == pytest.approx(1, abs=1e-6)
        assert reading.label_mass is not None
        assert 0 < reading.label_mass <= 1
        assert not reading.is_bounded


async def test_questions_are_answered_by_the_server_or_by_labels(served: Served) -> None:
    check(await decide(served.engine, REQUEST, LabelBook(), has_template=True), REQUEST)


async def test_labels_alone_are_exact(served: Served) -> None:
    exact = await decide_by_labels(served.engine, REQUEST, LabelBook(), has_template=True)
    check(exact, REQUEST)
    listed = await decide_by_list(served.engine, REQUEST, has_template=True)
    for one, other in zip(exact.readings, listed.readings, strict=True):
        # Their numbers differ with what is in the cache.
        assert one.probabilities == pytest.approx(other.probabilities, abs=0.05)


async def test_a_model_without_a_template_is_asked_in_running_text(served: Served) -> None:
    check(await decide_by_labels(served.engine, REQUEST, LabelBook(), has_template=False), REQUEST)


async def test_what_the_server_does_not_take_labels_do(served: Served) -> None:
    request = DecisionRequest(MAIL, (LEVELS, MANY))
    check(await decide(served.engine, request, LabelBook(), has_template=True), request)


async def test_sglang_decides_by_itself_and_vllm_with_few_models(served: Served) -> None:
    assert isinstance(served.engine, Decides)
    if served.kind == "sglang":
        check(await served.engine.decide(REQUEST), REQUEST)
    else:
        with pytest.raises(EngineFailed, match="does not support"):
            await served.engine.decide(REQUEST)


async def test_a_state_that_is_too_long_is_refused(served: Served) -> None:
    request = DecisionRequest("word " * 3000, (REFUND,))
    with pytest.raises(PromptTooLong):
        await decide(served.engine, request, LabelBook(), has_template=True)
