import pytest

from arriero.engines.openai.infill_marks import fills_gaps, infill_text
from arriero.types.chat import InfillPrompt


@pytest.mark.parametrize(
    ("model", "text"),
    [
        ("Qwen/Qwen2.5-Coder-0.5B-Instruct", "<|fim_prefix|>a<|fim_suffix|>b<|fim_middle|>"),
        ("bigcode/starcoder2-3b", "<fim_prefix>a<fim_suffix>b<fim_middle>"),
        ("codellama/CodeLlama-7b-hf", "<PRE> a <SUF>b <MID>"),
        ("Qwen/Qwen2.5-0.5B-Instruct", None),
    ],
)
def test_a_family_has_its_marks(model: str, text: str | None) -> None:
    assert infill_text(model, InfillPrompt("a", "b")) == text
    assert fills_gaps(model) == (text is not None)
