"""No fault of SGLang's own Ollama layer is arriero's, in front of the same SGLang: ``-k 12-`` looks at one.

``ARRIERO_TEST_SGLANG`` names an SGLang that runs, with SmolLM2 as ``smollm2``; others are started.
"""

import os
from collections.abc import Iterator

import pytest

from tests.engines_live.fault import Fault, Stage, look
from tests.engines_live.faults import FAULTS, NOT_SHOWN
from tests.engines_live.stages import Stages

pytestmark = pytest.mark.engines

_VARIABLE = "ARRIERO_TEST_SGLANG"


@pytest.fixture(scope="module")
def stages() -> Iterator[Stages]:
    given: dict[Stage, str] = {"plain": os.environ[_VARIABLE]} if _VARIABLE in os.environ else {}
    with Stages(given) as running:
        yield running


def name(fault: Fault) -> str:
    return f"{fault.number}-{fault.claim.replace(' ', '-')}"


@pytest.mark.parametrize("fault", FAULTS, ids=name)
def test_it_is_not_arrieros(fault: Fault, stages: Stages) -> None:
    found = look(fault, stages.subjects(fault.stage)[0])

    assert not found.is_there, found.measured


@pytest.mark.parametrize("fault", FAULTS, ids=name)
def test_it_is_the_others(fault: Fault, stages: Stages) -> None:
    found = look(fault, stages.subjects(fault.stage)[1])

    assert found.is_there == (fault.number not in NOT_SHOWN), found.measured
