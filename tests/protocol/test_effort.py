"""OpenAI's words for how hard to think."""

import pytest

from arriero.errors import InvalidRequest
from arriero.protocol.effort import read_effort


@pytest.mark.parametrize(
    ("effort", "think"),
    [("", None), ("none", False), ("minimal", "low"), ("low", "low"), ("medium", "medium"), ("high", "high")]
    + [(effort, "max") for effort in ("xhigh", "ultra", "max")],
)
def test_an_effort_is_a_level_of_thinking(effort: str, think: object) -> None:
    assert read_effort(effort) == think


def test_an_unknown_effort_is_refused() -> None:
    with pytest.raises(InvalidRequest, match=r'^invalid reasoning value: "banana" \(must be "minimal"'):
        read_effort("banana")
