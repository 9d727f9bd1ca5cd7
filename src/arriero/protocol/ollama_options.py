"""Ollama's ``options``: which there are, of what type, and what they mean to the sampler."""

from collections.abc import Mapping
from typing import Any

from arriero.errors import InvalidRequest
from arriero.types.loading import LoadOptions
from arriero.types.models import ModelRecord
from arriero.types.sampling import SamplingParams

_INTEGER = "integer"
_FLOAT = "float32"
_BOOLEAN = "boolean"
_ARRAY = "array"

# Options of the sampler, then those that say how a model is loaded. Any other key is ignored, as Ollama does.
OPTION_TYPES = {
    "num_keep": _INTEGER,
    "seed": _INTEGER,
    "num_predict": _INTEGER,
    "top_k": _INTEGER,
    "top_p": _FLOAT,
    "min_p": _FLOAT,
    "typical_p": _FLOAT,
    "repeat_last_n": _INTEGER,
    "temperature": _FLOAT,
    "repeat_penalty": _FLOAT,
    "presence_penalty": _FLOAT,
    "frequency_penalty": _FLOAT,
    "stop": _ARRAY,
    "num_ctx": _INTEGER,
    "num_batch": _INTEGER,
    "num_gpu": _INTEGER,
    "main_gpu": _INTEGER,
    "use_mmap": _BOOLEAN,
    "num_thread": _INTEGER,
    "draft_num_predict": _INTEGER,
}

# Ollama's own defaults, which are not llama.cpp's: a client sees the same model answer alike on both.
DEFAULT_OPTIONS: Mapping[str, Any] = {
    "temperature": 0.8,
    "top_k": 40,
    "top_p": 0.9,
    "min_p": 0.0,
    "typical_p": 1.0,
    "repeat_last_n": 64,
    "repeat_penalty": 1.0,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
    "num_keep": 4,
    "num_predict": -1,
}


# The engine's own numbers have no more bits.
_LARGEST_INTEGER = 2**31 - 1
# Ollama's engine is never started with less.
LEAST_CONTEXT = 4


def options_for(record: ModelRecord, *asked: Mapping[str, Any]) -> dict[str, Any]:
    """What was asked of a model, over what it says itself, over the defaults; see ``merge_options``.

    An engine that finds a model's weights itself knows the defaults of their author: there Ollama's have no place.
    """
    defaults = DEFAULT_OPTIONS if record.weights is not None else {}
    return merge_options(record.parameters, *asked, defaults=defaults)


def merge_options(*layers: Mapping[str, Any], defaults: Mapping[str, Any] = DEFAULT_OPTIONS) -> dict[str, Any]:
    """Check options and lay them over the defaults and over each other, the last winning.

    Nulls and unknown keys fall out. Raises InvalidRequest in Ollama's words where a value has the wrong type.
    """
    merged = dict(defaults)
    for layer in layers:
        for key, value in layer.items():
            kind = OPTION_TYPES.get(key)
            if kind is not None and value is not None:
                merged[key] = _checked(key, value, kind)
    return merged


def to_sampling(options: Mapping[str, Any]) -> SamplingParams:
    """Sampling parameters of merged options.

    A negative ``num_predict`` is no limit, and so is 0: Ollama means either by it, depending on the path.
    """
    num_predict = options.get("num_predict", -1)
    return SamplingParams(
        max_tokens=num_predict if num_predict > 0 else None,
        temperature=options.get("temperature"),
        top_k=options.get("top_k"),
        top_p=options.get("top_p"),
        min_p=options.get("min_p"),
        typical_p=options.get("typical_p"),
        repeat_penalty=options.get("repeat_penalty"),
        repeat_last_n=options.get("repeat_last_n"),
        presence_penalty=options.get("presence_penalty"),
        frequency_penalty=options.get("frequency_penalty"),
        num_keep=options.get("num_keep"),
        seed=options.get("seed"),
        # An empty text would end every answer before it begins.
        stop=tuple(text for text in options.get("stop", ()) if text),
    )


def to_load_options(options: Mapping[str, Any], *, is_shifting: bool = False) -> LoadOptions:
    """What merged options want of the loaded model; values that mean "automatic" want nothing.

    Raises InvalidRequest for numbers that no engine takes.
    """
    for key in ("num_batch", "num_gpu", "main_gpu"):
        if abs(options.get(key, 0)) > _LARGEST_INTEGER:
            raise InvalidRequest(f'option "{key}" is too large')
    return LoadOptions(
        context=to_num_ctx(options),
        is_shifting=is_shifting,
        batch=_positive(options.get("num_batch")),
        gpu_layers=None if (layers := options.get("num_gpu")) is None or layers < 0 else layers,
        main_gpu=options.get("main_gpu"),
        is_mapped=options.get("use_mmap"),
        threads=_positive(options.get("num_thread")),
    )


def to_num_ctx(options: Mapping[str, Any]) -> int | None:
    """The tokens that prompt and answer may take together; None where the options do not say."""
    num_ctx = _positive(options.get("num_ctx"))
    return num_ctx and max(LEAST_CONTEXT, num_ctx)


def _positive(value: int | None) -> int | None:
    return value if value is not None and value > 0 else None


# An option's value is whatever JSON the caller wrote until it has been checked here.
def _checked(key: str, value: Any, kind: str) -> Any:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if kind == _INTEGER and is_number:
        return int(value)
    if kind == _FLOAT and is_number:
        try:
            return float(value)
        except OverflowError as error:
            raise InvalidRequest(f'option "{key}" is too large') from error
    if kind == _BOOLEAN and isinstance(value, bool):
        return value
    if kind == _ARRAY and isinstance(value, list):
        if all(isinstance(item, str) for item in value):
            return value
        raise InvalidRequest(f'option "{key}" must be of an array of strings')
    raise InvalidRequest(f'option "{key}" must be of type {kind}')
