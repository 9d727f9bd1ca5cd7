"""The tables of models: of those that are here, and of those that are loaded."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from arriero.cli.tables import aligned
from arriero.cli.units import moment_text, size_text

if TYPE_CHECKING:
    from ollama import ListResponse, ProcessResponse

_DIGEST_DIGITS = 12


def list_text(models: "Sequence[ListResponse.Model]", prefix: str, now: datetime) -> str:
    """The table of ``arriero list``, in the order of the server's answer."""
    rows = [
        (
            model.model or "",
            (model.digest or "")[:_DIGEST_DIGITS],
            size_text(model.size or 0),
            _ago(model.modified_at, now),
        )
        for model in models
        if (model.model or "").lower().startswith(prefix.lower())
    ]
    return aligned([("NAME", "ID", "SIZE", "MODIFIED"), *rows])


def ps_text(models: "Sequence[ProcessResponse.Model]", prefix: str, now: datetime) -> str:
    """The table of ``arriero ps``."""
    rows = [
        (
            model.name or model.model or "",
            (model.digest or "")[:_DIGEST_DIGITS],
            size_text(model.size or 0),
            processor_text(model.size or 0, model.size_vram or 0),
            str(model.context_length or 0),
            _until(model.expires_at, now),
        )
        for model in models
        if (model.name or model.model or "").lower().startswith(prefix.lower())
    ]
    return aligned([("NAME", "ID", "SIZE", "PROCESSOR", "CONTEXT", "UNTIL"), *rows])


def processor_text(size_bytes: int, gpu_bytes: int) -> str:
    """Where a model's memory is: ``100% CPU``, ``100% GPU``, or ``48%/52% CPU/GPU``."""
    if gpu_bytes == 0:
        return "100% CPU"
    if gpu_bytes > size_bytes:
        return "Unknown"
    if gpu_bytes == size_bytes:
        return "100% GPU"
    cpu_percent = round((size_bytes - gpu_bytes) / size_bytes * 100)
    return f"{cpu_percent}%/{100 - cpu_percent}% CPU/GPU"


def _ago(moment: datetime | None, now: datetime) -> str:
    return moment_text(moment, now) if moment else "Never"


def _until(moment: datetime | None, now: datetime) -> str:
    if moment is None:
        return "Never"
    return moment_text(moment, now) if moment > now else "Stopping..."
