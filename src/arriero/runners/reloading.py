"""When a model that is loaded must be loaded anew, and how. Pure."""

from collections.abc import Iterable
from dataclasses import replace

from arriero.engines.base import Plan
from arriero.types.loading import LoadOptions

_NOTHING = LoadOptions()


def reload_options(loaded: Plan, wanted: LoadOptions | None, trained_context: int | None) -> LoadOptions | None:
    """How to load a model anew so that it does what is wanted; None: it does already.

    The context only grows, and shifting stays: whoever wants less is served, too. The rest is as this request wants it,
    which may be the default: nobody has to live with what others have asked for. A context is compared with what was
    asked for before, too: where a plan could not grant that, asking again does not help.
    """
    if wanted is None or wanted == loaded.options:
        return None
    if wanted.context is not None and trained_context:
        wanted = replace(wanted, context=min(wanted.context, trained_context))
    largest = _largest_context(loaded)
    is_shifting = wanted.is_shifting or loaded.options.is_shifting
    target = replace(wanted, context=max(largest, wanted.context or 0), is_shifting=is_shifting)
    return None if target == kept_options(loaded) else target


def kept_options(loaded: Plan) -> LoadOptions:
    """What a model that is loaded anew must go on doing."""
    return replace(loaded.options, context=_largest_context(loaded))


def merge_options(wanted: Iterable[LoadOptions | None]) -> LoadOptions:
    """What serves several: the largest context, shifting if any shifts; the rest as the first who cares wants it."""
    found = [options for options in wanted if options is not None]
    if not found:
        return _NOTHING
    context = max(options.context or 0 for options in found) or None
    return replace(found[0], context=context, is_shifting=any(options.is_shifting for options in found))


def _largest_context(loaded: Plan) -> int:
    return max(loaded.context, loaded.options.context or 0)
