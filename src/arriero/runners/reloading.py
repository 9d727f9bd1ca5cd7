"""When a model that is loaded must be loaded anew, and how. Pure."""

from collections.abc import Iterable
from dataclasses import replace
from typing import TypeVar

from arriero.engines.base import Plan
from arriero.types.loading import LoadOptions

Value = TypeVar("Value", int, bool)

_NOTHING = LoadOptions()


def reload_options(loaded: Plan, wanted: LoadOptions, trained_context: int | None) -> LoadOptions | None:
    """How to load a model anew so that it does what is wanted; None: it does already.

    It goes on doing all that it did: the context only grows, and shifting stays. A context is compared with what was
    asked for before, too: where a plan could not grant that, asking again does not help.
    """
    if wanted == _NOTHING:
        return None
    if wanted.context is not None and trained_context:
        wanted = replace(wanted, context=min(wanted.context, trained_context))
    largest = _largest_context(loaded)
    has_context = wanted.context is None or wanted.context <= largest
    merged = merge_options([wanted, loaded.options])
    if has_context and replace(merged, context=None) == replace(loaded.options, context=None):
        return None
    return replace(merged, context=max(largest, wanted.context or 0))


def kept_options(loaded: Plan) -> LoadOptions:
    """What a model that is loaded anew must go on doing."""
    return replace(loaded.options, context=_largest_context(loaded))


def merge_options(wanted: Iterable[LoadOptions]) -> LoadOptions:
    """What serves all of several: the largest context, shifting if any shifts; of the rest, what comes first."""
    merged = _NOTHING
    for options in wanted:
        merged = LoadOptions(
            context=max(merged.context or 0, options.context or 0) or None,
            is_shifting=merged.is_shifting or options.is_shifting,
            batch=_first(merged.batch, options.batch),
            gpu_layers=_first(merged.gpu_layers, options.gpu_layers),
            main_gpu=_first(merged.main_gpu, options.main_gpu),
            is_mapped=_first(merged.is_mapped, options.is_mapped),
            threads=_first(merged.threads, options.threads),
        )
    return merged


def _largest_context(loaded: Plan) -> int:
    return max(loaded.context, loaded.options.context or 0)


def _first(one: Value | None, other: Value | None) -> Value | None:
    return other if one is None else one
