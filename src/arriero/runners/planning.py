"""How much of its memory a model gets, and how much of the machine's it takes. Pure."""

from dataclasses import dataclass

from arriero.engines.base import Plan
from arriero.store.ggml_types import GGML_TYPES
from arriero.types.loading import LoadOptions
from arriero.types.models import Architecture, ModelRecord

_NO_OPTIONS = LoadOptions()
_BYTES_PER_NUMBER = {packed.name.lower(): packed.block_bytes / packed.block_elements for packed in GGML_TYPES.values()}
# What a model whose file does not say is taken to need: one of 8 billion parameters with grouped attention.
_TYPICAL_KV_BYTES_PER_TOKEN = 128 * 1024
_TYPICAL_CONTEXT = 4096
_LEAST_CONTEXT = 512
# Where memory allows it, other models make room for so much.
_MODEST_CONTEXT = 4096
# Keys and values may take this share of what is free beside the weights: the rest is for other models and for whatever
# else runs on the machine.
_KV_SHARE = 0.25
# A context beyond this is given only to those who ask for it: on most machines it costs memory that nobody uses.
_LARGEST_DEFAULT_CONTEXT = 32768
# More slots than this decode no more tokens a second on a processor, and each costs a context's memory.
_SLOTS_PER_CORE = 2
_MOST_DEFAULT_SLOTS = 16
# A worker's interpreter and libraries.
_WORKER_BYTES = 64 << 20
# Its buffers for computing grow with the model, but not for ever. Measured beside files and cache, loaded and after
# long prompts: SmolLM2-135M (94 MiB) 56 and 95 MiB, Gemma 3 270M (241 MiB) 100 and 214, Qwen2.5 0.5B (468 MiB) 125
# and 273. So an estimate is 6 to 13 % above what a model takes at first, and 3 to 17 % below what it takes later.
_COMPUTE_SHARE = 4
_MOST_COMPUTE_BYTES = 448 << 20


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the user sets for all models; None leaves it to the model and the memory.

    context: tokens of each slot. kv_cache_type: how keys and values are stored, as llama.cpp names it.
    """

    context: int | None = None
    slots: int | None = None
    kv_cache_type: str = "f16"


def make_plan(
    architecture: Architecture, free_bytes: int, cores: int, wishes: Wishes, options: LoadOptions = _NO_OPTIONS
) -> Plan:
    """Context and slots for a model: what is wished for, else what fits; at least the context that ``options`` want.

    Every slot has its whole context to itself. llama.cpp would also share one cache among more slots than it has room
    for, but when that cache is full, it ends every answer that is under way with an error.
    """
    weights_bytes = architecture.weights_size_bytes
    fitting = max(0, free_bytes - weights_bytes - _overhead_bytes(weights_bytes))
    fitting_tokens = int(fitting / _kv_bytes_per_token(architecture, wishes.kv_cache_type))
    room = int(fitting_tokens * _KV_SHARE)
    for_each = max(room, min(fitting_tokens, _MODEST_CONTEXT * (wishes.slots or 1))) // (wishes.slots or 1)
    automatic = min(_LARGEST_DEFAULT_CONTEXT, max(_LEAST_CONTEXT, for_each))
    context = _clamped(architecture, max(wishes.context or automatic, options.context or 0))
    most = min(_MOST_DEFAULT_SLOTS, max(1, cores) * _SLOTS_PER_CORE)
    slots = wishes.slots or max(1, min(most, room // context))
    return Plan(context, slots, options, wishes.kv_cache_type)


def modest_plan(architecture: Architecture, wishes: Wishes, options: LoadOptions = _NO_OPTIONS) -> Plan:
    """The least that other models are unloaded for: what was asked for, and no more than a useful context."""
    context = _clamped(architecture, max(wishes.context or _MODEST_CONTEXT, options.context or 0))
    return Plan(context, wishes.slots or 1, options, wishes.kv_cache_type)


def estimate_bytes(record: ModelRecord, plan: Plan) -> int:
    """Memory that a model will take: all its files, the keys and values of all slots, and the worker around them.

    Nothing for one whose engine finds the weights itself: that takes what it was told to, on GPUs that it has alone.
    """
    if record.weights is None:
        return 0
    weights = max(record.size_bytes, record.architecture.weights_size_bytes)
    per_token = _kv_bytes_per_token(record.architecture, plan.kv_cache_type)
    return weights + int(plan.context * plan.slots * per_token) + _overhead_bytes(weights)


def _overhead_bytes(weights_bytes: int) -> int:
    return _WORKER_BYTES + min(weights_bytes // _COMPUTE_SHARE, _MOST_COMPUTE_BYTES)


def _kv_bytes_per_token(architecture: Architecture, kv_cache_type: str) -> float:
    """llama.cpp takes a cache whole when it loads, and not as it fills."""
    return (architecture.kv_bytes_per_token or _TYPICAL_KV_BYTES_PER_TOKEN) * _BYTES_PER_NUMBER[kv_cache_type] / 2


def _clamped(architecture: Architecture, context: int) -> int:
    return max(1, min(context, architecture.trained_context or _TYPICAL_CONTEXT))
