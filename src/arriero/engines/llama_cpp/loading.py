"""How llama.cpp is told to load a model in another way than its own, but for batches (``llama_cpp_embedding``). Pure.

What nobody has asked for is left out: then llama.cpp chooses.
"""

from typing import Any, Final

from arriero.engines.base import Plan
from arriero.store.ggml_types import GGML_TYPES
from arriero.types.loading import LoadOptions

# llama.h gives these numbers.
_SPLIT_NONE: Final = 0
_LOAD_INTO_MEMORY, _LOAD_MAPPED = 0, 1
_GGML_TYPES: Final = {packed.name.lower(): number for number, packed in GGML_TYPES.items()}


# The wheel's settings have the types of llama.cpp's own struct.
def load_params(plan: Plan, flash_attention: bool | None) -> dict[str, Any]:
    """The wheel's settings."""
    options = plan.options
    kv_cache_type = _GGML_TYPES[plan.kv_cache_type]
    mapped = {None: None, True: _LOAD_MAPPED, False: _LOAD_INTO_MEMORY}
    params = {
        "ctx_shift": options.is_shifting or None,
        "n_gpu_layers": options.gpu_layers,
        "main_gpu": options.main_gpu,
        "split_mode": None if options.main_gpu is None else _SPLIT_NONE,
        "load_mode": mapped[options.is_mapped],
        "cpuparams.n_threads": options.threads,
        "cpuparams_batch.n_threads": options.threads,
        "cache_type_k": kv_cache_type,
        "cache_type_v": kv_cache_type,
        "flash_attn_type": None if flash_attention is None else int(flash_attention),
    }
    return {name: value for name, value in params.items() if value is not None}


def load_flags(options: LoadOptions) -> list[str]:
    """A binary's flags, such as every build has."""
    flags = {
        "--n-gpu-layers": options.gpu_layers,
        "--main-gpu": options.main_gpu,
        "--split-mode": None if options.main_gpu is None else "none",
        "--threads": options.threads,
    }
    words = [word for name, value in flags.items() if value is not None for word in (name, str(value))]
    return [*words, "--no-mmap"] if options.is_mapped is False else words


def load_variables(plan: Plan, flash_attention: bool | None) -> dict[str, str]:
    """A binary's variables: builds have named these flags in different ways."""
    variables = {
        "LLAMA_ARG_CONTEXT_SHIFT": "1" if plan.is_shifting else None,
        "LLAMA_ARG_CACHE_TYPE_K": plan.kv_cache_type,
        "LLAMA_ARG_CACHE_TYPE_V": plan.kv_cache_type,
        "LLAMA_ARG_FLASH_ATTN": None if flash_attention is None else ("on" if flash_attention else "off"),
    }
    return {name: value for name, value in variables.items() if value is not None}
