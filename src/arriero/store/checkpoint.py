"""Models as SGLang and vLLM load them: what a directory with ``config.json`` and safetensors files tells."""

import hashlib
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from arriero.store.foreign_json import UnusableJson, decode_foreign

CONFIG = "config.json"
# All that is read beside the headers of the weights.
SMALL_FILES = (
    CONFIG,
    "tokenizer_config.json",
    "chat_template.jinja",
    "chat_template.json",
    "generation_config.json",
    "model.safetensors.index.json",
    "modules.json",
)
# Where one is called "other", only the file says which; the card names all others.
_CARD = "README.md"
LICENSE_FILES = ("LICENSE", "LICENSE.txt", "LICENSE.md", _CARD)
_LONGEST_HEADER_BYTES = 64 << 20
_LICENSE_IN_CARD = re.compile(r"\A---\n.*?^license:[ \t]*(\S+)", re.DOTALL | re.MULTILINE)
# What stands beside packed weights, and is no parameter.
_HELPING_TENSORS = re.compile(r"(_scale|scales|scale_inv|qzeros|g_idx|zero_point|weight_shape)$")
_Json = Mapping[str, Any]


class _Tensor(msgspec.Struct):
    dtype: str
    shape: list[int]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What one directory tells; empty and 0 where it does not.

    config, generation: ``config.json`` and ``generation_config.json``, whose keys and types are the model author's.
    template: Jinja. parameter_count, size_bytes: of the weights. fingerprint: changes when a file does.
    is_embedding: it makes vectors, by Sentence Transformers' layout.
    """

    config: _Json
    generation: _Json
    template: str
    license: str
    parameter_count: int
    size_bytes: int
    modified_at: datetime | None
    fingerprint: str
    is_embedding: bool


def read_checkpoint(directory: Path) -> Checkpoint:
    """Read what is there. Files that are missing or damaged count as empty: the engine tells what they lack."""
    config = _json(directory / CONFIG)
    weights = sorted(directory.glob("*.safetensors"))
    count, size_bytes = _size_of_weights(directory, weights, config)
    known = [path for path in (*weights, *(directory / name for name in SMALL_FILES)) if path.exists()]
    modified_s = max((path.stat().st_mtime for path in known), default=None)
    return Checkpoint(
        config=config,
        generation=_json(directory / "generation_config.json"),
        template=_template(directory),
        license=_license(directory),
        parameter_count=count,
        size_bytes=size_bytes,
        modified_at=datetime.fromtimestamp(modified_s, UTC) if modified_s else None,
        fingerprint=_fingerprint(directory, weights),
        is_embedding=(directory / "modules.json").exists(),
    )


def text_config(config: _Json) -> _Json:
    """The part of a configuration that is about text: models that see, too, have it inside."""
    inner = config.get("text_config")
    return {**config, **inner} if isinstance(inner, dict) else config


def whole_number(config: _Json, *names: str) -> int | None:
    """The first of these entries that is a whole number."""
    for name in names:
        value = config.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
    return None


def quantization(config: _Json) -> tuple[str, int | None]:
    """How the weights are packed, as ``quantization_config`` says, and in how many bits; "" for not at all."""
    packed = config.get("quantization_config") or text_config(config).get("quantization_config")
    if not isinstance(packed, dict):
        return "", None
    method = packed.get("quant_method")
    return method if isinstance(method, str) else "", whole_number(packed, "bits", "w_bit")


def _size_of_weights(directory: Path, weights: Sequence[Path], config: _Json) -> tuple[int, int]:
    """Parameters and bytes; by the index where not all files are here yet."""
    index = _json(directory / "model.safetensors.index.json")
    told = index.get("metadata")
    told = told if isinstance(told, dict) else {}
    files = index.get("weight_map")
    expected = set(files.values()) if isinstance(files, dict) else set()
    here = {path.name for path in weights}
    if weights and expected <= here:
        _, bits = quantization(config)
        count = sum(_parameters(tensor, name, bits) for path in weights for name, tensor in _tensors(path))
        return count, sum(path.stat().st_size for path in weights)
    size_bytes = whole_number(told, "total_size") or 0
    return whole_number(told, "total_parameters") or size_bytes // _bytes_per_parameter(config), size_bytes


def _bytes_per_parameter(config: _Json) -> int:
    if quantization(config)[0]:
        return 1
    return 4 if dtype(config) == "float32" else 2


def dtype(config: _Json) -> str:
    """The type of the weights' numbers, as PyTorch calls it; "" where it is not told."""
    found = config.get("torch_dtype") or config.get("dtype") or text_config(config).get("torch_dtype")
    return found if isinstance(found, str) else ""


def _tensors(path: Path) -> Iterator[tuple[str, _Tensor]]:
    """Yield the tensors that a safetensors file's header names; none of one that is damaged."""
    with suppress(OSError, UnusableJson, msgspec.ValidationError), path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length <= _LONGEST_HEADER_BYTES:
            header = decode_foreign(file.read(length), dict[str, Any])
            yield from (
                (name, msgspec.convert(entry, _Tensor)) for name, entry in header.items() if name != "__metadata__"
            )


def _parameters(tensor: _Tensor, name: str, bits: int | None) -> int:
    if _HELPING_TENSORS.search(name):
        return 0
    stored_bits = {"I32": 32, "U8": 8}.get(tensor.dtype)
    return math.prod(tensor.shape) * (stored_bits // bits if stored_bits and bits else 1)


def _template(directory: Path) -> str:
    """The chat template: a file of its own, or the one in the tokenizer's settings; of several, the default."""
    with suppress(OSError):
        return (directory / "chat_template.jinja").read_text("utf-8", "replace")
    for name in ("chat_template.json", "tokenizer_config.json"):
        found = _json(directory / name).get("chat_template")
        if isinstance(found, list):
            named = {entry.get("name"): entry.get("template") for entry in found if isinstance(entry, dict)}
            found = named.get("tool_use") or named.get("default")
        if isinstance(found, str):
            return found
    return ""


def _license(directory: Path) -> str:
    for name in LICENSE_FILES:
        with suppress(OSError):
            text = (directory / name).read_text("utf-8", "replace")
            found = _LICENSE_IN_CARD.search(text)
            return text if name != _CARD else found[1] if found else ""
    return ""


def _fingerprint(directory: Path, weights: Sequence[Path]) -> str:
    """64 hex digits over the small files, and over names and sizes of the large ones."""
    digest = hashlib.sha256()
    for name in SMALL_FILES:
        with suppress(OSError):
            digest.update(f"{name}\n".encode() + (directory / name).read_bytes())
    for path in weights:
        digest.update(f"{path.name} {path.stat().st_size}\n".encode())
    return digest.hexdigest()


def _json(path: Path) -> dict[str, Any]:  # the model author's; see Checkpoint
    try:
        return decode_foreign(path.read_bytes(), dict[str, Any])
    except (OSError, UnusableJson):
        return {}
