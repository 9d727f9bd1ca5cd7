import pytest

from arriero.store.sources.hub_reference import HubReference, parse_hub_reference


@pytest.mark.parametrize(
    ("text", "repo", "quant"),
    [
        ("Qwen/Qwen3-0.6B-GGUF", "Qwen/Qwen3-0.6B-GGUF", ""),
        ("Qwen/Qwen3-0.6B-GGUF:q8_0", "Qwen/Qwen3-0.6B-GGUF", "q8_0"),
        ("Qwen/Qwen3-0.6B-GGUF:latest", "Qwen/Qwen3-0.6B-GGUF", ""),
        ("hf.co/a/b:UD-Q4_K_XL", "a/b", "UD-Q4_K_XL"),
        ("huggingface.co/a/b", "a/b", ""),
        ("https://huggingface.co/a/b/", "a/b", ""),
        ("a/b:model-q4.gguf", "a/b", "model-q4.gguf"),
    ],
)
def test_repositories_are_told_by_their_form(text: str, repo: str, quant: str) -> None:
    assert parse_hub_reference(text) == HubReference(repo, quant)


@pytest.mark.parametrize("text", ["", "smollm2", "smollm2:135m", "a/b/c", "../b", "a/..", "ollama.com/a/b", "a b/c"])
def test_what_has_another_form_is_none(text: str) -> None:
    assert parse_hub_reference(text) is None


def test_the_files_may_be_in_a_sibling() -> None:
    assert HubReference("a/b").repos == ("a/b", "a/b-GGUF")
    assert HubReference("a/b-gguf").repos == ("a/b-gguf",)
