"""``/v1/models``, as servers of every kind answer it."""

import time
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, TypeGuard

from msgspec import Struct, field

from arriero.engines.openai.wire import OpenAIWire
from arriero.engines.upstream.questions import PROBE_TIMEOUT_S
from arriero.types.upstreams import UpstreamSettings

_RECENT_S = 24 * 3600

# Under names that differ from server to server, and with types that are not to be relied on.
_Foreign: TypeAlias = Any


class Listed(Struct):
    """One model. id: its name; what has none is left out. Two lists are the same when the server has not changed.

    created: seconds; None where it is no date: SGLang, vLLM and llama.cpp say "now" each time. parent: of an adapter:
    the model that it belongs to.
    """

    id: _Foreign = None
    owned_by: str | None = None
    root: str | None = None
    parent: str | None = None
    created: _Foreign = None
    max_model_len: _Foreign = None
    context_length: _Foreign = None
    context_window: _Foreign = None
    max_context_length: _Foreign = None
    meta: _Foreign = None
    architecture: _Foreign = None
    supported_parameters: _Foreign = None
    capabilities: _Foreign = None
    type: _Foreign = None


class _Models(Struct):
    # An Ollama without models answers null.
    data: list[Listed] | None = field(default_factory=list)


async def list_models(wire: OpenAIWire) -> list[Listed]:
    """The models of a server, in the order of their names. Raises EngineFailed, EngineDied."""
    # Some servers leave out what is around the list.
    answer = await wire.get("/v1/models", _MODELS, timeout_s=PROBE_TIMEOUT_S)
    listed = (answer.data or []) if isinstance(answer, _Models) else answer
    found = [model for model in listed if isinstance(model.id, str)]
    now_s = time.time()
    for model in found:
        if not is_count(model.created) or model.created > now_s - _RECENT_S:
            model.created = None
    return sorted(found, key=lambda model: model.id)


def wanted(listed: Sequence[Listed], settings: UpstreamSettings) -> list[Listed]:
    """Those that the user wants."""
    return [model for model in listed if not settings.models or model.id in settings.models.values()]


# mypy takes no union for a type.
_MODELS: Any = _Models | list[Listed]


def context_of(model: Listed) -> int | None:
    """Tokens of context, where the list tells."""
    meta = model.meta if isinstance(model.meta, Mapping) else {}
    numbers = (
        model.max_model_len,
        model.context_length,
        model.context_window,
        model.max_context_length,
        meta.get("n_ctx"),
        meta.get("context_length"),
    )
    return next((int(number) for number in numbers if is_count(number)), None)


def is_count(number: object) -> TypeGuard[int | float]:
    """Whether something that a server says is a number of things."""
    return isinstance(number, int | float) and not isinstance(number, bool) and 0 < number < float("inf")
