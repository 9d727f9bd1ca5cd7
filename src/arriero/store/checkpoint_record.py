"""Records of models that SGLang or vLLM loads by itself."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from arriero.store.checkpoint import Checkpoint, dtype, quantization, read_checkpoint, text_config, whole_number
from arriero.store.checkpoint_source import find_checkpoint
from arriero.store.describe import model_info as gguf_model_info
from arriero.store.describe import parameter_size, template_capabilities
from arriero.store.gguf import read_gguf
from arriero.store.records import record_of_file
from arriero.types.models import Architecture, Capability, ModelDetails, ModelRecord

_LEVELS = {"bfloat16": "BF16", "float16": "F16", "float32": "F32"}
# Ollama's names for entries of config.json, behind the name of the architecture.
_NUMBERS = {
    "block_count": ("num_hidden_layers", "n_layer"),
    "context_length": ("max_position_embeddings", "n_positions"),
    "embedding_length": ("hidden_size", "n_embd"),
    "feed_forward_length": ("intermediate_size",),
    "attention.head_count": ("num_attention_heads", "n_head"),
    "attention.head_count_kv": ("num_key_value_heads",),
    "attention.key_length": ("head_dim",),
    "expert_count": ("num_local_experts", "num_experts", "n_routed_experts"),
    "expert_used_count": ("num_experts_per_tok",),
    "vocab_size": ("vocab_size",),
}
_OPTIONS = {
    "temperature": "temperature",
    "top_k": "top_k",
    "top_p": "top_p",
    "min_p": "min_p",
    "repetition_penalty": "repeat_penalty",
}


def record_of_checkpoint(reference: str, name: str, revision: str = "") -> ModelRecord:
    """Describe a model that an engine loads by itself, as far as it can be known before it runs.

    reference: what the engine is started with: an absolute path, or ``user/repo`` of the Hugging Face Hub, of which the
    small files are fetched where that is possible.
    """
    if Path(reference).is_file():
        return _record_of_gguf(Path(reference), name)
    directory = find_checkpoint(reference, revision)
    if directory is None:
        return _unknown(reference, name)
    return _described(read_checkpoint(directory), reference, name)


def _unknown(reference: str, name: str) -> ModelRecord:
    return ModelRecord(
        name=name,
        weights=None,
        digest=_digest(reference),
        size_bytes=0,
        modified_at=datetime.now(UTC),
        details=ModelDetails(format="safetensors"),
        architecture=Architecture("", 0),
        reference=reference,
    )


def _record_of_gguf(path: Path, name: str) -> ModelRecord:
    record = record_of_file(path, name)
    digest = _digest(f"{path} {record.size_bytes} {record.modified_at.isoformat()}")
    return replace(
        record, weights=None, digest=digest, reference=str(path), model_info=gguf_model_info(read_gguf(path))
    )


def _described(checkpoint: Checkpoint, reference: str, name: str) -> ModelRecord:
    config = text_config(checkpoint.config)
    model_type = checkpoint.config.get("model_type")
    family = model_type if isinstance(model_type, str) else ""
    return ModelRecord(
        name=name,
        weights=None,
        digest=_digest(f"{Path(reference).name} {checkpoint.fingerprint}"),
        size_bytes=checkpoint.size_bytes,
        modified_at=checkpoint.modified_at or datetime.now(UTC),
        details=ModelDetails(
            format="safetensors",
            family=family,
            families=(family,) if family else (),
            parameter_size=parameter_size(checkpoint.parameter_count) if checkpoint.parameter_count else "",
            quantization_level=_quantization_level(checkpoint.config),
        ),
        architecture=Architecture(
            family,
            checkpoint.size_bytes,
            trained_context=whole_number(config, *_NUMBERS["context_length"]),
            embedding_length=whole_number(config, *_NUMBERS["embedding_length"]),
        ),
        capabilities=_capabilities(checkpoint),
        template=checkpoint.template,
        parameters=_parameters(checkpoint.generation),
        licenses=(checkpoint.license,) if checkpoint.license else (),
        reference=reference,
        model_info=_model_info(checkpoint, family, reference),
    )


def _capabilities(checkpoint: Checkpoint) -> tuple[Capability, ...]:
    if checkpoint.is_embedding:
        return ("embedding",)
    sees: tuple[Capability, ...] = ("vision",) if "vision_config" in checkpoint.config else ()
    return (*template_capabilities(checkpoint.template), "completion", *sees)


def _model_info(checkpoint: Checkpoint, family: str, reference: str) -> Mapping[str, Any]:
    """Return what ``/api/show`` tells, under the keys that a GGUF file would have."""
    config = text_config(checkpoint.config)
    numbers = {f"{family}.{key}": whole_number(config, *names) for key, names in _NUMBERS.items()}
    known: dict[str, Any] = {key: value for key, value in numbers.items() if value is not None}
    return {
        "general.architecture": family,
        "general.basename": Path(reference).name,
        **({"general.parameter_count": checkpoint.parameter_count} if checkpoint.parameter_count else {}),
        **(known if family else {}),
    }


def _quantization_level(config: Mapping[str, Any]) -> str:
    method, bits = quantization(config)
    if method:
        return f"{method.upper()}-{bits}BIT" if bits and str(bits) not in method else method.upper()
    return _LEVELS.get(dtype(config), "unknown")


def _parameters(generation: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that the model's author recommends, under Ollama's names."""
    found = {ours: generation.get(theirs) for theirs, ours in _OPTIONS.items()}
    return {name: value for name, value in found.items() if isinstance(value, int | float)}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
