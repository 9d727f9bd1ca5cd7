"""What is known of a model that runs elsewhere, and how it is told. Pure."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from arriero.engines.base import ServedModel
from arriero.store.describe import parameter_size
from arriero.types.models import Capability, ModelDetails

_ORDER: tuple[Capability, ...] = ("completion", "vision", "tools", "insert", "thinking", "embedding", "decision")
# Clients take a model without an architecture for a fault.
_UNKNOWN = "unknown"
# In place of a template that nobody tells: it is one, of which nothing comes.
UNTOLD_TEMPLATE = "{# The server that runs this model has its chat template, and does not tell it. #}"


@dataclass(frozen=True, slots=True)
class Weights:
    """What a model's files tell. "", 0, None: not known.

    quantization: as it is shown, such as ``BF16``. model_info: on top of what ``told`` says of any model.
    """

    architecture: str = ""
    format: str = ""
    parameter_count: int = 0
    quantization: str = ""
    template: str = ""
    size_bytes: int = 0
    modified_at: datetime | None = None
    embedding_length: int | None = None
    # Its keys and types are the model author's.
    model_info: Mapping[str, Any] = field(default_factory=dict)


NO_WEIGHTS = Weights()


@dataclass(frozen=True, slots=True)
class Known:
    """What a server tells of a model. path: where its files lie there."""

    name: str
    context: int | None = None
    capabilities: Iterable[Capability] = ("completion",)
    weights: Weights = NO_WEIGHTS
    path: str = ""
    has_template: bool = True
    memory_bytes: int = 0
    vram_bytes: int = 0


def told(known: Known) -> ServedModel:
    """A model as it is offered."""
    weights = known.weights
    return ServedModel(
        name=known.name,
        context=known.context,
        capabilities=in_order(known.capabilities),
        model_info=_model_info(known),
        details=ModelDetails(
            format=weights.format,
            family=weights.architecture,
            families=(weights.architecture,) if weights.architecture else (),
            parameter_size=parameter_size(weights.parameter_count) if weights.parameter_count else "",
            quantization_level=weights.quantization,
        ),
        template=(weights.template or UNTOLD_TEMPLATE) if known.has_template else "",
        # The same wherever the model runs, as often as it is started.
        digest=hashlib.sha256(f"{known.name}\n{known.path}".encode()).hexdigest(),
        size_bytes=weights.size_bytes,
        modified_at=weights.modified_at,
        embedding_length=weights.embedding_length,
        memory_bytes=known.memory_bytes,
        vram_bytes=known.vram_bytes,
    )


def in_order(capabilities: Iterable[Capability]) -> tuple[Capability, ...]:
    """Each of them once, in the order in which they are listed."""
    found = set(capabilities)
    return tuple(capability for capability in _ORDER if capability in found)


def _model_info(known: Known) -> dict[str, Any]:
    weights = known.weights
    architecture = weights.architecture or _UNKNOWN
    info: dict[str, Any] = {"general.architecture": architecture, "general.basename": known.name}
    if weights.parameter_count:
        info["general.parameter_count"] = weights.parameter_count
    info |= weights.model_info
    if known.context:
        # What the server takes, which may be less than the model was made for.
        info[f"{architecture}.context_length"] = known.context
    return info
