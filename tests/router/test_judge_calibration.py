"""A judge's calibration is found by its name, as any server writes it."""

import pytest

from arriero.router.judge_calibration import calibration_for

OTHER = calibration_for("llama3.2")


@pytest.mark.parametrize(
    "names",
    [
        ("smollm2:135m", "HuggingFaceTB/SmolLM2-135M-Instruct", "smollm2-135m-instruct-q4_1"),
        ("qwen2.5-coder:0.5b", "Qwen/Qwen2.5-Coder-0.5B-Instruct"),
        ("gemma3:270m", "google/gemma-3-270m"),
    ],
)
def test_a_known_judge_goes_by_several_names(names: tuple[str, ...]) -> None:
    [line] = {calibration_for(name) for name in names}
    assert line != OTHER
    assert line.a > 0.1


@pytest.mark.parametrize("name", ["", "smollm2:1.7b", "qwen2.5:0.5b", "gemma3:1b"])
def test_any_other_has_one_for_all(name: str) -> None:
    assert calibration_for(name) == OTHER


def test_what_is_as_likely_as_not_to_an_unknown_judge_is_left_open() -> None:
    assert 0.25 < OTHER(0.5) < 0.75
