"""Models, stores and wheels in miniature, as the tests of the store need them."""

import hashlib
import zipfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

import numpy as np
from gguf import GGUFWriter

from arriero.store.blobs import Blobs
from arriero.store.holds import Holds
from arriero.store.install import Parts, install
from arriero.store.layout import Layout, Store
from arriero.store.sources.package_index import WheelModel
from arriero.types.models import Architecture, ModelDetails, ModelRecord
from arriero.types.names import parse_name

Value = str | int | float | bool | list[int] | list[float] | list[str]

JINJA = "{% for message in messages %}{{ message['content'] }}{% endfor %}"
NOTHING: Mapping[str, Value] = MappingProxyType({})
TOKENS = ("<unk>", "<s>", "hello", "world")


def tiny_gguf(
    path: Path,
    metadata: Mapping[str, Value] = NOTHING,
    *,
    architecture: str = "llama",
    tokens: Sequence[str] = TOKENS,
) -> Path:
    """Write a GGUF file of 8 x 32 numbers in one tensor, and return its path. ``metadata`` overrides the defaults."""
    values: dict[str, Value] = {
        "general.name": "Tiny",
        "general.file_type": 0,
        f"{architecture}.block_count": 2,
        f"{architecture}.context_length": 128,
        f"{architecture}.embedding_length": 8,
        f"{architecture}.attention.head_count": 4,
        f"{architecture}.attention.head_count_kv": 2,
        "tokenizer.chat_template": JINJA,
        "tokenizer.ggml.tokens": list(tokens),
        **metadata,
    }
    writer = GGUFWriter(path, architecture)
    for key, value in values.items():
        _add(writer, key, value)
    writer.add_tensor("token_embd.weight", np.zeros((8, 32), dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _add(writer: GGUFWriter, key: str, value: Value) -> None:
    if isinstance(value, list):
        writer.add_array(key, value)
    elif isinstance(value, bool):
        writer.add_bool(key, value)
    elif isinstance(value, int):
        writer.add_uint32(key, value)
    elif isinstance(value, float):
        writer.add_float32(key, value)
    else:
        writer.add_string(key, value)


def tiny_layout(tmp_path: Path) -> Layout:
    """Return a layout below a test's own directory."""
    return Layout(tmp_path / "data", Store(tmp_path / "data" / "models"))


def stored(store: Store, name: str, metadata: Mapping[str, Value] = NOTHING) -> Path:
    """Put a tiny model into a store under a name and return its manifest's path."""
    store.root.mkdir(parents=True, exist_ok=True)
    # Each model its own blob, as real ones have: the name is part of the file.
    weights = Blobs(store.blobs).adopt(tiny_gguf(store.root / "new.gguf", {"general.name": name, **metadata}))
    return install(store, parse_name(name), Parts(weights), Holds())


def record(name: str = "tiny", **changes: object) -> ModelRecord:
    """Return a record of a model that lies nowhere."""
    values: dict[str, object] = {
        "name": name,
        "weights": Path("/nowhere/tiny.gguf"),
        "digest": "",
        "size_bytes": 1024,
        "modified_at": datetime(2025, 1, 1, tzinfo=UTC),
        "details": ModelDetails(format="gguf", family="llama", families=("llama",)),
        "architecture": Architecture("llama", 1024),
        **changes,
    }
    return ModelRecord(**values)  # type: ignore[arg-type]  # the caller names fields of ModelRecord


def tiny_wheel(directory: Path, content: bytes) -> WheelModel:
    """Write a wheel with a model in it, and return what is known of it."""
    directory.mkdir(parents=True, exist_ok=True)
    info = "llm_tiny-1.0.dist-info"
    members = {
        "llm_tiny/tiny.gguf": content,
        f"{info}/LICENSE": b"Do as you like.",
        f"{info}/METADATA": b"Metadata-Version: 2.1\nName: llm-tiny\nVersion: 1.0\n",
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": b"",
    }
    with zipfile.ZipFile(directory / "llm_tiny-1.0-py3-none-any.whl", "w") as wheel:
        for name, member in members.items():
            wheel.writestr(name, member)
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    return WheelModel("llm-tiny==1.0", "llm_tiny/tiny.gguf", digest, len(content), f"{info}/LICENSE")
