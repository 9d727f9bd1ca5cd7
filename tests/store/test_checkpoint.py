"""Models as SGLang and vLLM load them."""

import json
import struct
from pathlib import Path
from typing import Any

import pytest

from arriero.errors import ConfigError
from arriero.store.checkpoint import read_checkpoint
from arriero.store.checkpoint_record import record_of_checkpoint
from arriero.store.checkpoint_source import engine_reference, find_checkpoint, is_gguf_reference
from arriero.types.models import ModelRecord
from tests.factories_store import stored, tiny_gguf, tiny_layout

TEMPLATE = "{% if tools %}<tool_call>{% endif %}<think></think>"
CONFIG = {
    "model_type": "qwen3",
    "torch_dtype": "bfloat16",
    "num_hidden_layers": 2,
    "max_position_embeddings": 4096,
    "hidden_size": 8,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
}
TENSORS = {"a": {"dtype": "BF16", "shape": [8, 32]}, "b": {"dtype": "BF16", "shape": [4]}}


def safetensors(path: Path, tensors: dict[str, Any]) -> None:
    header = json.dumps({"__metadata__": {"format": "pt"}, **tensors}).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header + b"weights")


def checkpoint(directory: Path, **files: object) -> Path:
    """A model's directory; files: what is in it beside the configuration, ``.`` as ``__`` in a name."""
    directory.mkdir(exist_ok=True)
    for name, content in {"config__json": CONFIG, **files}.items():
        text = content if isinstance(content, str) else json.dumps(content)
        (directory / name.replace("__", ".")).write_text(text)
    return directory


def described(directory: Path) -> ModelRecord:
    return record_of_checkpoint(str(directory), "tiny")


def test_a_directory_is_told_as_a_file_would_be(tmp_path: Path) -> None:
    model = checkpoint(
        tmp_path / "Tiny-1M",
        chat_template__jinja=TEMPLATE,
        generation_config__json={"temperature": 0.6, "repetition_penalty": 1.1, "eos_token_id": 2, "top_k": None},
        LICENSE="Do as you like.",
    )
    safetensors(model / "model.safetensors", TENSORS)
    record = described(model)

    assert (record.weights, record.carrier, record.reference) == (None, "process", str(model))
    assert record.capabilities == ("tools", "thinking", "completion")
    assert record.template == TEMPLATE
    assert record.parameters == {"temperature": 0.6, "repeat_penalty": 1.1}
    assert record.licenses == ("Do as you like.",)
    assert record.size_bytes == (model / "model.safetensors").stat().st_size
    assert (record.details.format, record.details.family) == ("safetensors", "qwen3")
    assert (record.details.parameter_size, record.details.quantization_level) == ("260", "BF16")
    assert (record.architecture.trained_context, record.architecture.embedding_length) == (4096, 8)
    assert record.model_info == {
        "general.architecture": "qwen3",
        "general.basename": "Tiny-1M",
        "general.parameter_count": 260,
        "qwen3.block_count": 2,
        "qwen3.context_length": 4096,
        "qwen3.embedding_length": 8,
        "qwen3.attention.head_count": 4,
        "qwen3.attention.head_count_kv": 2,
    }


def test_a_digest_has_64_digits_and_changes_with_the_files_alone(tmp_path: Path) -> None:
    model = checkpoint(tmp_path / "m")
    first = described(model).digest
    assert len(bytes.fromhex(first)) == 32
    assert described(model).digest == first
    assert described(checkpoint(model, chat_template__jinja=TEMPLATE)).digest != first


@pytest.mark.parametrize(
    "files",
    [
        {"tokenizer_config__json": {"chat_template": TEMPLATE}},
        {"chat_template__json": {"chat_template": TEMPLATE}},
        {"tokenizer_config__json": {"chat_template": [{"name": "default", "template": TEMPLATE}]}},
    ],
)
def test_a_template_is_found_wherever_it_is_kept(tmp_path: Path, files: dict[str, object]) -> None:
    assert read_checkpoint(checkpoint(tmp_path / "m", **files)).template == TEMPLATE


def test_parts_that_are_not_here_yet_are_counted_by_the_index(tmp_path: Path) -> None:
    index = {"metadata": {"total_size": 2000}, "weight_map": {"a": "1.safetensors", "b": "2.safetensors"}}
    model = checkpoint(tmp_path / "m", model__safetensors__index__json=index)
    safetensors(model / "1.safetensors", TENSORS)
    found = read_checkpoint(model)
    assert (found.parameter_count, found.size_bytes) == (1000, 2000)


def test_packed_weights_are_counted_as_what_they_stand_for(tmp_path: Path) -> None:
    packed = {"quantization_config": {"quant_method": "gptq", "bits": 4}}
    model = checkpoint(tmp_path / "m", config__json={**CONFIG, **packed})
    tensors = {"a.qweight": {"dtype": "I32", "shape": [4, 8]}, "a.scales": {"dtype": "F16", "shape": [8]}}
    safetensors(model / "model.safetensors", tensors)
    assert read_checkpoint(model).parameter_count == 256
    assert described(model).details.quantization_level == "GPTQ-4BIT"


def test_a_model_that_sees_has_its_numbers_inside(tmp_path: Path) -> None:
    seeing = {"model_type": "mistral3", "vision_config": {}, "text_config": {"max_position_embeddings": 99}}
    record = described(checkpoint(tmp_path / "m", config__json=seeing))
    assert record.capabilities == ("completion", "vision")
    assert record.architecture.trained_context == 99


def test_a_model_of_vectors_is_told_by_its_modules(tmp_path: Path) -> None:
    assert described(checkpoint(tmp_path / "m", modules__json=[])).capabilities == ("embedding",)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"model_type": 7, "hidden_size": "x", "text_config": []}'])
def test_a_damaged_configuration_tells_nothing(tmp_path: Path, content: str) -> None:
    model = checkpoint(tmp_path / "m", config__json=content)
    (model / "model.safetensors").write_bytes(b"\xff" * 100)
    record = described(model)
    assert (record.architecture.name, record.details.parameter_size) == ("", "")


def test_the_license_of_a_card_is_its_name(tmp_path: Path) -> None:
    card = "---\nlanguage: en\nlicense: apache-2.0\n---\n# Tiny\n"
    assert read_checkpoint(checkpoint(tmp_path / "m", README__md=card)).license == "apache-2.0"


def test_a_gguf_file_can_be_served_by_these_engines_too(tmp_path: Path) -> None:
    record = record_of_checkpoint(str(tiny_gguf(tmp_path / "tiny.gguf")), "tiny")
    assert (record.weights, record.reference) == (None, str(tmp_path / "tiny.gguf"))
    assert record.model_info["llama.context_length"] == 128
    assert len(record.digest) == 64


def test_what_the_hubs_cache_has_is_read_without_any_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = tmp_path / "models--user--tiny"
    (cache / "refs").mkdir(parents=True)
    (cache / "refs" / "main").write_text("c0ffee")
    (cache / "snapshots").mkdir()
    snapshot = checkpoint(cache / "snapshots" / "c0ffee")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    assert find_checkpoint("user/tiny") == snapshot


def test_a_model_of_which_nothing_is_known_can_be_served_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    record = record_of_checkpoint("user/tiny", "user/tiny")
    assert (record.name, record.reference, record.capabilities) == ("user/tiny", "user/tiny", ("completion",))
    assert len(record.digest) == 64


@pytest.mark.parametrize(
    ("reference", "is_gguf"),
    [
        ("smollm2:135m", True),
        ("in-the-store", True),
        ("user/in-the-store", True),
        ("./x.gguf", True),
        ("user/repo:Q4_K_M", True),
        ("hf.co/user/repo-GGUF", True),
        ("Qwen/Qwen2.5-1.5B-Instruct", False),
        ("hf.co/user/repo", False),
        (".", False),
    ],
)
def test_a_reference_says_whether_it_means_a_gguf_file(tmp_path: Path, reference: str, *, is_gguf: bool) -> None:
    layout = tiny_layout(tmp_path)
    for name in ("in-the-store", "user/in-the-store"):
        stored(layout.own, name)
    assert is_gguf_reference(reference, layout) is is_gguf


def test_an_engine_is_given_a_path_or_a_repository(tmp_path: Path) -> None:
    assert engine_reference(str(tmp_path)) == str(tmp_path)
    assert engine_reference("https://huggingface.co/user/repo") == "user/repo"
    for reference in ("smollm2:135m", "user/repo:Q4_0", "/nowhere/at/all"):
        with pytest.raises(ConfigError, match="take a directory with"):
            engine_reference(reference)
