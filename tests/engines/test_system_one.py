"""System One between servers: what is asked, and how the answers of several kinds are read."""

# Answers are JSON.
from typing import Any

import msgspec
import pytest

from arriero.engines.system_one import ServerAnswer, read_answer, request_body
from arriero.errors import EngineFailed
from arriero.types.system_one import DecisionRequest, Option, Question, Reading

NOUL = Question("sure", "noul", "Is it?", (Option("true", "Yes"), Option("false", "No")))
TEAM = Question("team", "choice", "Who?", (Option("billing", "money"), Option("sales", "sales")))
HOW = Question("how", "score", "How?", (Option("0", "low"), Option("1", "high")))
REQUEST = DecisionRequest("state", (NOUL, TEAM, HOW))


def read(answers: dict[str, Any], **more: Any) -> tuple[Reading, ...]:
    whole = {"model": "m", "answers": answers, "usage": {"input_tokens": 3, "output_tokens": 3}, **more}
    return read_answer(REQUEST, msgspec.convert(whole, ServerAnswer)).readings


def chances(first: float, *names: str) -> dict[str, float]:
    return dict(zip(names, (first, 1 - first), strict=True))


SGLANG = {
    "sure": {"type": "noul", "noul": 0.25, "x_label_mass": 0.5},
    "team": {"type": "choice", "choice": "sales", "probabilities": chances(0.4, "billing", "sales"), "confidence": 0.1},
    "how": {"type": "score", "score": 0.1, "legend": {}, "probabilities": chances(0.75, "0", "1"), "x_label_mass": 0.6},
}


def test_a_question_is_asked_as_it_came() -> None:
    assert request_body("m", DecisionRequest("state", (NOUL, TEAM, HOW), ("AAAA",)), lambda image: f"data:{image}") == {
        "model": "m",
        "state": "state",
        "questions": {
            "sure": {"type": "noul", "instructions": "Is it?", "criteria": {"true": "Yes", "false": "No"}},
            "team": {"type": "choice", "instructions": "Who?", "criteria": {"billing": "money", "sales": None}},
            "how": {"type": "score", "instructions": "How?", "criteria": ["low", "high"]},
        },
        "images": ["data:AAAA"],
    }


def test_a_server_with_one_model_is_told_no_name() -> None:
    assert request_body("", REQUEST).keys() == {"state", "questions"}


def test_the_answers_of_sglang_are_read() -> None:
    assert read(SGLANG) == (
        Reading((0.25, 0.75), 0.5),
        Reading((0.4, 0.6)),
        Reading((0.75, 0.25), 0.6),
    )


def test_the_mass_of_vllm_stands_elsewhere() -> None:
    readings = read(SGLANG, diagnostics={"team": {"label_mass": 0.3, "argmax_is_label": True}})
    assert readings[1] == Reading((0.4, 0.6), 0.3)


def test_probabilities_are_one_together_whatever_was_said() -> None:
    rounded = {**SGLANG, "team": {"type": "choice", "probabilities": {"billing": 0.6, "sales": 0.6}}}
    assert read(rounded)[1].probabilities == (0.5, 0.5)


@pytest.mark.parametrize(
    "team", [None, {}, {"probabilities": {"billing": 0.4}}, {"probabilities": {"billing": 0, "sales": 0}}]
)
def test_an_answer_without_the_options_is_none(team: dict[str, Any] | None) -> None:
    answers = {name: each for name, each in {**SGLANG, "team": team}.items() if each is not None}
    with pytest.raises(EngineFailed, match=r"questions\.team"):
        read(answers)


def test_what_rounding_adds_is_taken_off() -> None:
    sure, *_ = read({**SGLANG, "sure": {"noul": 1.0000001, "x_label_mass": 1.0003}})
    assert sure == Reading((1.0, 0.0), 1.0)


@pytest.mark.parametrize("likely", [1.5, -0.5, 1e308])
def test_what_is_no_probability_is_refused(likely: float) -> None:
    with pytest.raises(EngineFailed, match=r"questions\.sure"):
        read({**SGLANG, "sure": {"noul": likely}})
    with pytest.raises(EngineFailed, match=r"questions\.team"):
        read({**SGLANG, "team": {"probabilities": {"billing": likely, "sales": 1e308}}})
