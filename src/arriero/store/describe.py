"""What a GGUF file's header means: details, capabilities and numbers, in Ollama's terms. Pure functions."""

import math
import re

from arriero.store.ggml_types import FILE_TYPES
from arriero.store.gguf import GgufFile, MetadataValue
from arriero.types.models import Architecture, Capability, ModelDetails

CHAT_TEMPLATE = "tokenizer.chat_template"

_NOT_IN_MODEL_INFO = frozenset({"general.name", CHAT_TEMPLATE})
_CACHE_NUMBER_BYTES = 2  # a key's or value's element at 16 bit
_SPLITS_OFF_THINKING = re.compile(r"split\(\s*['\"]</think>")


def describe_details(gguf: GgufFile) -> ModelDetails:
    """Return what ``/api/show`` and ``/api/tags`` tell under ``details``."""
    family = _family(gguf)
    return ModelDetails(
        format="gguf",
        family=family,
        families=(family,) if family else (),
        parameter_size=parameter_size(gguf.parameter_count),
        quantization_level=quantization_level(gguf),
    )


def describe_architecture(gguf: GgufFile) -> Architecture:
    """Return the numbers that decide how much memory the model takes."""
    return Architecture(
        name=_family(gguf),
        weights_size_bytes=gguf.size_bytes,
        trained_context=_number(gguf, "context_length"),
        embedding_length=_number(gguf, "embedding_length"),
        kv_bytes_per_token=_kv_bytes_per_token(gguf),
        pooling_type=_number(gguf, "pooling_type"),
    )


def describe_capabilities(gguf: GgufFile) -> tuple[Capability, ...]:
    """Return what the model can do, in the order in which Ollama lists it."""
    found = template_capabilities(chat_template(gguf))
    found.append("embedding" if f"{_family(gguf)}.pooling_type" in gguf.metadata else "completion")
    if gguf.has_infill_tokens:
        found.append("insert")
    if f"{_family(gguf)}.vision.block_count" in gguf.metadata:
        found.append("vision")
    if f"{_family(gguf)}.decision.type" in gguf.metadata:
        found.append("decision")
    return tuple(found)


def can_see(projector: GgufFile) -> bool:
    """Whether a projector is for images: some are for sound only, and old ones do not say."""
    return projector.metadata.get("clip.has_vision_encoder", True) is True


def template_capabilities(template: str) -> list[Capability]:
    """Return what a model can do because its Jinja template provides for it."""
    found: list[Capability] = ["tools"] if "tools" in template or "tool_call" in template else []
    return [*found, "thinking"] if _thinks(template) else found


def chat_template(gguf: GgufFile) -> str:
    """Return the file's own Jinja chat template, or ``""``."""
    return _text(gguf, CHAT_TEMPLATE)


def model_info(gguf: GgufFile) -> dict[str, MetadataValue]:
    """Return ``model_info`` of ``/api/show``: the metadata but for name and template, and the count of parameters."""
    shown = {key: value for key, value in gguf.metadata.items() if key not in _NOT_IN_MODEL_INFO}
    return {**shown, "general.parameter_count": gguf.parameter_count}


def parameter_size(count: int) -> str:
    """Write a count of parameters as Ollama does: ``134.52M``, ``3.2B``, ``7B``, ``512K``."""
    for unit, letter, decimals in ((10**9, "B", 1), (10**6, "M", 2), (10**3, "K", 0)):
        if count >= unit:
            return f"{count / unit:.{0 if count % unit == 0 else decimals}f}{letter}"
    return str(count)


def quantization_level(gguf: GgufFile) -> str:
    """Return the name of the file's quantisation, such as ``Q4_K_M``; ``unknown`` where the file does not say."""
    file_type = gguf.metadata.get("general.file_type")
    return FILE_TYPES.get(file_type, "unknown") if isinstance(file_type, int) else "unknown"


def _thinks(template: str) -> bool:
    # Some templates (DeepSeek's, Qwen's) only cut the thinking off earlier turns; the model writes the opening tag.
    return "</think>" in template and ("<think>" in template or bool(_SPLITS_OFF_THINKING.search(template)))


def _kv_bytes_per_token(gguf: GgufFile) -> int | None:
    layers = _number(gguf, "block_count")
    heads = _per_layer(gguf, "attention.head_count")
    kv_heads = _per_layer(gguf, "attention.head_count_kv") or heads
    if layers is None or not kv_heads:
        return None
    head_length = _head_length(gguf, heads)
    key_length = _number(gguf, "attention.key_length") or head_length
    value_length = _number(gguf, "attention.value_length") or head_length
    if key_length is None or value_length is None:
        return None
    all_heads = sum(kv_heads) if len(kv_heads) > 1 else kv_heads[0] * layers
    return all_heads * (key_length + value_length) * _CACHE_NUMBER_BYTES


def _head_length(gguf: GgufFile, heads: tuple[int, ...]) -> int | None:
    embedding_length = _number(gguf, "embedding_length")
    most_heads = max(heads, default=0)
    return embedding_length // most_heads if embedding_length and most_heads > 0 else None


def _per_layer(gguf: GgufFile, key: str) -> tuple[int, ...]:
    """Return one number for all layers or one for each; empty where the file does not say."""
    single = _number(gguf, key)
    if single is not None:
        return (single,)
    numbers = gguf.small_arrays.get(f"{_family(gguf)}.{key}", ())
    return tuple(int(number) for number in numbers if math.isfinite(number))


def _number(gguf: GgufFile, key: str) -> int | None:
    value = gguf.metadata.get(f"{_family(gguf)}.{key}")
    return value if isinstance(value, int) else None


def _family(gguf: GgufFile) -> str:
    return _text(gguf, "general.architecture")


def _text(gguf: GgufFile, key: str) -> str:
    value = gguf.metadata.get(key)
    return value if isinstance(value, str) else ""
