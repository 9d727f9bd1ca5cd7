from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

from arriero.store.describe import (
    chat_template,
    describe_architecture,
    describe_capabilities,
    describe_details,
    model_info,
    parameter_size,
)
from arriero.store.gguf import GgufFile, MetadataValue, read_gguf
from arriero.types.models import Architecture, ModelDetails
from tests.factories_store import JINJA, tiny_gguf

NOTHING: Mapping[str, MetadataValue] = MappingProxyType({})
NONE: Mapping[str, tuple[float, ...]] = MappingProxyType({})


def gguf(
    metadata: Mapping[str, MetadataValue] = NOTHING, small_arrays: Mapping[str, tuple[float, ...]] = NONE
) -> GgufFile:
    values = {"general.architecture": "llama", **metadata}
    return GgufFile(Path("m.gguf"), 1000, 3, values, (), small_arrays=small_arrays)


def test_details_of_a_file(tmp_path: Path) -> None:
    file = read_gguf(tiny_gguf(tmp_path / "m.gguf", {"general.file_type": 15}))
    assert describe_details(file) == ModelDetails("gguf", "llama", ("llama",), "256", "Q4_K_M")


@pytest.mark.parametrize("file_type", [999, "Q4_0", None])
def test_an_unknown_file_type_is_called_unknown(file_type: MetadataValue) -> None:
    assert describe_details(gguf({"general.file_type": file_type})).quantization_level == "unknown"


def test_a_file_that_says_nothing_has_empty_details() -> None:
    nothing = GgufFile(Path("m.gguf"), 24, 3, {}, ())
    assert describe_details(nothing) == ModelDetails("gguf", "", (), "0", "unknown")
    assert describe_architecture(nothing) == Architecture("", 24)


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (134_515_008, "134.52M"),
        (494_032_768, "494.03M"),
        (3_212_749_888, "3.2B"),
        (7_000_000_000, "7B"),
        (2_000_000, "2M"),
        (1_500, "2K"),
        (999, "999"),
    ],
)
def test_counts_of_parameters_are_written_as_ollama_does(count: int, expected: str) -> None:
    assert parameter_size(count) == expected


def test_architecture_of_a_file(tmp_path: Path) -> None:
    path = tiny_gguf(tmp_path / "m.gguf")
    expected = Architecture("llama", path.stat().st_size, 128, 8, kv_bytes_per_token=2 * 2 * (2 + 2) * 2)
    assert describe_architecture(read_gguf(path)) == expected


CACHE: dict[str, MetadataValue] = {
    "llama.block_count": 3,
    "llama.embedding_length": 64,
    "llama.attention.head_count": 8,
}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, 3 * 8 * (8 + 8) * 2),
        ({"llama.attention.head_count_kv": 2}, 3 * 2 * (8 + 8) * 2),
        ({"llama.attention.key_length": 32, "llama.attention.value_length": 16}, 3 * 8 * (32 + 16) * 2),
        ({"llama.attention.head_count": 0}, None),
        ({"llama.block_count": None}, None),
        ({"llama.embedding_length": "?"}, None),
    ],
)
def test_bytes_of_cache_for_a_token(changes: dict[str, MetadataValue], expected: int | None) -> None:
    assert describe_architecture(gguf({**CACHE, **changes})).kv_bytes_per_token == expected


def test_bytes_of_cache_where_layers_differ() -> None:
    file = gguf(CACHE, {"llama.attention.head_count_kv": (4, 0, 2)})
    assert describe_architecture(file).kv_bytes_per_token == (4 + 0 + 2) * (8 + 8) * 2


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        (JINJA, ("completion",)),
        ("<think>{{ x }}</think>", ("thinking", "completion")),
        ("{{ content.split('</think>')[-1] }}", ("thinking", "completion")),
        ("{{ content | replace('</think>', '') }}", ("completion",)),
        ("{% if tools %}<tool_call>{% endif %}", ("tools", "completion")),
    ],
)
def test_capabilities_come_from_the_template(template: str, expected: tuple[str, ...]) -> None:
    assert describe_capabilities(gguf({"tokenizer.chat_template": template})) == expected


def test_a_model_that_pools_embeds_and_does_not_complete() -> None:
    assert describe_capabilities(gguf({"llama.pooling_type": 1})) == ("embedding",)


def test_a_model_that_was_made_to_decide_says_so() -> None:
    assert describe_capabilities(gguf({"llama.decision.type": "pointer"})) == ("completion", "decision")


def test_model_info_has_all_keys_but_name_and_template(tmp_path: Path) -> None:
    info = model_info(read_gguf(tiny_gguf(tmp_path / "m.gguf")))
    assert info == {
        "general.architecture": "llama",
        "general.file_type": 0,
        "general.parameter_count": 256,
        "llama.attention.head_count": 4,
        "llama.attention.head_count_kv": 2,
        "llama.block_count": 2,
        "llama.context_length": 128,
        "llama.embedding_length": 8,
        "tokenizer.ggml.tokens": None,
    }


def test_a_file_without_a_template_has_an_empty_one() -> None:
    assert chat_template(gguf()) == ""


def test_a_file_with_a_vision_part_of_its_own_can_see(tmp_path: Path) -> None:
    file = read_gguf(tiny_gguf(tmp_path / "m.gguf", {"llama.vision.block_count": 2}))
    assert describe_capabilities(file) == ("completion", "vision")
