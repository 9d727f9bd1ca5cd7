"""The record of a model that servers elsewhere have. Pure."""

import hashlib
from collections.abc import Sequence
from datetime import datetime

from arriero.engines.base import ServedModel
from arriero.types.models import Architecture, ModelRecord


def record_of(name: str, served: Sequence[ServedModel], since: datetime) -> ModelRecord:
    """A model as all the servers together have it, at least one: any of them may answer.

    since: when the servers were first asked, for models of which nobody knows how old they are.
    """
    first = served[0]
    contexts = [model.context for model in served if model.context]
    context = min(contexts) if contexts else None
    family = first.model_info.get("general.architecture") or first.details.family
    return ModelRecord(
        name=name,
        weights=None,
        digest=first.digest or hashlib.sha256(name.encode()).hexdigest(),
        size_bytes=first.size_bytes,
        modified_at=first.modified_at or since,
        details=first.details,
        architecture=Architecture(str(family), first.size_bytes, context, first.embedding_length),
        capabilities=tuple(each for each in first.capabilities if all(each in model.capabilities for model in served)),
        template=first.template,
        carrier="upstream",
        reference=first.name,
        model_info=first.model_info,
    )
