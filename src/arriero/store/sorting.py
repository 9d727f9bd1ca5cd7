"""Tells what the files are that a model is to be made of: weights, a projector, an adapter, or nothing we can use."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from arriero.errors import InvalidRequest
from arriero.store.gguf import GgufFile, InvalidGguf, read_gguf

PartKind = Literal["model", "projector", "adapter"]

_GGUF_MAGIC = b"GGUF"
_OTHER_WEIGHTS = (".safetensors", ".bin", ".pt", ".pth")
_MOST_SAFETENSORS_HEADER_BYTES = 100_000_000


@dataclass(frozen=True, slots=True)
class Part:
    """A usable file. name: as the client calls it."""

    name: str
    kind: PartKind
    gguf: GgufFile


def sort_files(files: Mapping[str, Path]) -> list[Part]:
    """Sort the files of a model; what comes beside them in a directory, such as ``config.json``, is passed over.

    Raises InvalidRequest where none is a GGUF file, or one is damaged or in pieces.
    """
    usable = [name for name, path in files.items() if _is_gguf(name, path)]
    if not usable:
        for name, path in files.items():
            _refuse_other_weights(name, path, "convert_hf_to_gguf.py")
        raise InvalidRequest("unknown type")
    return [_sort(name, files[name]) for name in usable]


def sort_adapter(files: Mapping[str, Path]) -> Part:
    """Return the one adapter among files. Raises InvalidRequest where there is none, or more than one."""
    usable = [name for name, path in files.items() if _is_gguf(name, path)]
    if len(usable) > 1:
        raise InvalidRequest("only one adapter is currently supported")
    for name, path in files.items():
        _refuse_other_weights(name, path, "convert_lora_to_gguf.py")
    if not usable:
        raise InvalidRequest("supplied file was not in GGUF format")
    part = _sort(usable[0], files[usable[0]])
    if part.kind != "adapter":
        raise InvalidRequest(f"{part.name} is no LoRA adapter: make one with llama.cpp's convert_lora_to_gguf.py")
    return part


def _sort(name: str, path: Path) -> Part:
    if _start(path, 4) != _GGUF_MAGIC:
        raise InvalidRequest("supplied file was not in GGUF format")
    try:
        gguf = read_gguf(path)
    except InvalidGguf as error:
        raise InvalidRequest(f"{name}: {error.message}") from error
    if not gguf.tensors:
        raise InvalidRequest(f"{name} has no weights in it")
    pieces = gguf.metadata.get("split.count")
    if isinstance(pieces, int) and pieces > 1:
        raise InvalidRequest(f"{name} is one of {pieces} pieces: join them with llama.cpp's llama-gguf-split --merge")
    return Part(name, _kind(gguf), gguf)


def _kind(gguf: GgufFile) -> PartKind:
    stated = gguf.metadata.get("general.type")
    if stated == "adapter":
        return "adapter"
    is_projector = stated == "mmproj" or gguf.metadata.get("general.architecture") == "clip"
    return "projector" if is_projector else "model"


def _is_gguf(name: str, path: Path) -> bool:
    return name.lower().endswith(".gguf") or _start(path, 4) == _GGUF_MAGIC


def _refuse_other_weights(name: str, path: Path, script: str) -> None:
    start = _start(path, 9)
    length = int.from_bytes(start[:8], "little")
    is_safetensors = start[8:] == b"{" and length < _MOST_SAFETENSORS_HEADER_BYTES
    if is_safetensors or (name.lower().endswith(_OTHER_WEIGHTS) and start[:4] != _GGUF_MAGIC):
        raise InvalidRequest(
            f"{name} is not in GGUF format, and arriero converts nothing: use llama.cpp's {script}, "
            "then create the model from what it writes"
        )


def _start(path: Path, size_bytes: int) -> bytes:
    with path.open("rb") as file:
        return file.read(size_bytes)
