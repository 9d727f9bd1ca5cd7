"""A router as a model among models. Pure."""

import hashlib
from collections.abc import Iterator
from datetime import datetime
from typing import get_args

import msgspec

from arriero.router.settings import RouterSettings
from arriero.types.models import Architecture, Capability, ModelDetails, ModelRecord
from arriero.types.names import DEFAULT_TAG
from arriero.types.routing import SIDES, Side

_ARCHITECTURE = "router"
# Vectors of two models do not go together.
_NOT_ROUTED = frozenset({"embedding"})
# In place of a template: requests to the router are chats, whatever its models make of them.
_TEMPLATE = "{# Each of the two models has its own chat template. #}"


def names_of(router: str) -> Iterator[tuple[str, Side | None]]:
    """All names that a router answers to, in lower case, and the side that each asks for."""
    name = router.strip().lower()
    has_tag = ":" in name.rpartition("/")[2]
    for stem in (name,) if has_tag else (name, f"{name}:{DEFAULT_TAG}"):
        yield stem, None
        for side in SIDES:
            yield f"{stem}:{side}", side


def record_of_router(
    settings: RouterSettings, local: ModelRecord | None, remote: ModelRecord | None, since: datetime
) -> ModelRecord:
    """What is told of a router: it can do what at least one of its models can. None: that one is not there now."""
    models = [model for model in (local, remote) if model is not None]
    context = max((model.architecture.trained_context or 0 for model in models), default=0)
    able = {each for model in models for each in model.capabilities} - _NOT_ROUTED
    sizes = [model.details.parameter_size for model in models if model.details.parameter_size]
    info: dict[str, object] = {"general.architecture": _ARCHITECTURE, "general.basename": settings.name}
    if context:
        info[f"{_ARCHITECTURE}.context_length"] = context
    names = [settings.name, settings.local, settings.remote, settings.judge or ""]
    return ModelRecord(
        name=settings.name,
        weights=None,
        digest=hashlib.sha256(msgspec.json.encode(names)).hexdigest(),
        size_bytes=sum(model.size_bytes for model in models),
        modified_at=since,
        details=ModelDetails(
            format="router",
            family=_ARCHITECTURE,
            families=(_ARCHITECTURE,),
            parameter_size=" or ".join(sizes) or "unknown",
            quantization_level=" or ".join(dict.fromkeys(m.details.quantization_level or "unknown" for m in models))
            or "unknown",
        ),
        architecture=Architecture(_ARCHITECTURE, 0, context or None),
        capabilities=tuple(each for each in get_args(Capability) if each in able) or ("completion",),
        template=_TEMPLATE,
        carrier="router",
        model_info=info,
    )
