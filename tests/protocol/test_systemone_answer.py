"""What the endpoint answers, of readings."""

import msgspec
import pytest

from arriero.protocol.systemone_answer import to_response
from arriero.types.system_one import Decided, DecisionRequest, Option, Question, Reading

NOUL = Question("sure", "noul", "?", (Option("true", "Yes"), Option("false", "No")))
TEAM = Question("team", "choice", "?", (Option("b", "money"), Option("a", "a"), Option("c", "c")))


def test_an_engine_that_tells_no_mass_has_none_in_its_answer() -> None:
    answer = to_response("m", DecisionRequest("", (NOUL,)), Decided((Reading((0.75, 0.25)),), 12))
    assert msgspec.json.encode(answer) == (
        b'{"model":"m","answers":{"sure":{"type":"noul","noul":0.75}},"usage":{"input_tokens":12,"output_tokens":1}}'
    )


def test_what_is_bounded_says_so() -> None:
    reading = Reading((0.2, 0.4, 0.4), 0.5, is_bounded=True)
    answer = to_response("m", DecisionRequest("", (TEAM,)), Decided((reading,)))
    found = msgspec.to_builtins(answer)["answers"]["team"]
    assert list(found) == ["type", "choice", "probabilities", "confidence", "x_label_mass", "x_bounded"]
    assert (found["choice"], found["x_label_mass"], found["x_bounded"]) == ("a", 0.5, True)
    assert found["confidence"] == pytest.approx(0.0398, abs=1e-3)
