from pathlib import Path

import pytest

from arriero.errors import InvalidRequest
from arriero.store.sorting import sort_adapter, sort_files
from tests.factories_store import tiny_gguf

SAFETENSORS = (2).to_bytes(8, "little") + b"{}"


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_files_are_told_apart_by_what_is_in_them(tmp_path: Path) -> None:
    files = {
        "weights.bin": tiny_gguf(tmp_path / "m"),
        "old.gguf": tiny_gguf(tmp_path / "p", architecture="clip"),
        "new.gguf": tiny_gguf(tmp_path / "q", {"general.type": "mmproj"}),
        "lora.gguf": tiny_gguf(tmp_path / "a", {"general.type": "adapter"}),
        "config.json": write(tmp_path / "c", b"{}"),
    }
    assert {part.name: part.kind for part in sort_files(files)} == {
        "weights.bin": "model",
        "old.gguf": "projector",
        "new.gguf": "projector",
        "lora.gguf": "adapter",
    }


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("m.gguf", b"not at all", "^supplied file was not in GGUF format$"),
        ("m.gguf", b"GGUF\x03\0\0\0", "m.gguf: .* is not a GGUF file"),
        ("m", b"what is this", "^unknown type$"),
        ("config.json", b"{}", "^unknown type$"),
        ("model.safetensors", SAFETENSORS, r"model.safetensors is not in GGUF format.*convert_hf_to_gguf\.py"),
        ("model", SAFETENSORS, r"convert_hf_to_gguf\.py"),
        ("pytorch_model.bin", b"PK", r"convert_hf_to_gguf\.py"),
    ],
)
def test_what_cannot_be_used_is_refused(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        sort_files({name: write(tmp_path / "file", content)})


def test_a_file_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    path = tiny_gguf(tmp_path / "m")
    path.write_bytes(path.read_bytes()[:-64])
    with pytest.raises(InvalidRequest, match=r"m.gguf: .* fetch it again"):
        sort_files({"m.gguf": path})


def test_a_file_in_pieces_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match=r"one of 3 pieces.*llama-gguf-split --merge"):
        sort_files({"m.gguf": tiny_gguf(tmp_path / "m", {"split.count": 3})})


def test_there_is_one_adapter(tmp_path: Path) -> None:
    adapter = tiny_gguf(tmp_path / "a", {"general.type": "adapter"})
    assert sort_adapter({"a.gguf": adapter, "adapter_config.json": write(tmp_path / "c", b"{}")}).name == "a.gguf"
    with pytest.raises(InvalidRequest, match="only one adapter is currently supported"):
        sort_adapter({"a.gguf": adapter, "b.gguf": adapter})
    with pytest.raises(InvalidRequest, match="no LoRA adapter"):
        sort_adapter({"m.gguf": tiny_gguf(tmp_path / "m")})
    with pytest.raises(InvalidRequest, match=r"convert_lora_to_gguf\.py"):
        sort_adapter({"adapter_model.safetensors": write(tmp_path / "s", SAFETENSORS)})
