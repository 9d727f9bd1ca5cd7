"""The files of a model that another server runs, where they can be read on this machine, too."""

from pathlib import Path

from arriero.engines.upstream.facts import NO_WEIGHTS, Weights
from arriero.errors import ArrieroError
from arriero.store.checkpoint import CONFIG
from arriero.store.checkpoint_record import record_of_checkpoint

_BY_DEFAULT = {"general.architecture", "general.basename", "general.parameter_count"}


def read_weights(path: str) -> Weights:
    """What a model's file or directory tells; nothing where there is none here, or it cannot be read."""
    place = Path(path)
    try:
        # A name of a hub's is not asked for there: what is known must not depend on who can be reached.
        if not place.is_absolute() or not (place.is_file() or (place / CONFIG).is_file()):
            return NO_WEIGHTS
        record = record_of_checkpoint(path, place.name)
    except (ArrieroError, OSError):
        return NO_WEIGHTS
    count = record.model_info.get("general.parameter_count")
    return Weights(
        architecture=record.details.family,
        format=record.details.format,
        parameter_count=count if isinstance(count, int) else 0,
        quantization=record.details.quantization_level,
        template=record.template,
        size_bytes=record.size_bytes,
        modified_at=record.modified_at,
        embedding_length=record.architecture.embedding_length,
        model_info={key: value for key, value in record.model_info.items() if key not in _BY_DEFAULT},
    )
