"""What an Ollama tells of its models: all that there is to know is in its list."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import cast, get_args

from msgspec import Struct, field

from arriero.engines.base import ServedModel
from arriero.engines.openai.wire import OpenAIWire
from arriero.engines.upstream.facts import UNTOLD_TEMPLATE, in_order
from arriero.engines.upstream.questions import PROBE_TIMEOUT_S, Questions
from arriero.types.models import Capability, ModelDetails

_KNOWN = frozenset(get_args(Capability))
# Of models that their list tells nothing of: what one look asks at most, so that it stays short.
_MOST_SHOWN = 8
_SHOWING_S = 3.0


class _Details(Struct):
    parent_model: str = ""
    format: str = ""
    family: str = ""
    families: list[str] | None = None
    parameter_size: str = ""
    quantization_level: str = ""
    context_length: int | None = None
    embedding_length: int | None = None


class _Tag(Struct):
    name: str
    modified_at: str = ""
    size: int = 0
    digest: str = ""
    details: _Details = field(default_factory=_Details)
    capabilities: list[str] | None = None


class _Models(Struct):
    models: list[_Tag] | None = None


class _Running(Struct):
    name: str
    size: int = 0
    size_vram: int = 0
    context_length: int | None = None
    expires_at: str = ""


class _RunningModels(Struct):
    models: list[_Running] | None = None


class _Answer(Struct):
    capabilities: list[str] | None = None


class Tags(Struct):
    """What an Ollama has, and what of it is loaded."""

    models: list[_Tag]
    running: list[_Running]


async def list_tags(wire: OpenAIWire, questions: Questions) -> Tags:
    """Look at all that an Ollama has. Raises EngineFailed, EngineDied."""
    tags = await wire.get("/api/tags", _Models, timeout_s=PROBE_TIMEOUT_S)
    running = await questions.get("/api/ps", _RunningModels)
    return Tags(tags.models or [], (running.models if running else None) or [])


class Shown:
    """What models can do, which the list of an older Ollama does not tell: asked for a few at a time, and kept."""

    def __init__(self) -> None:
        self._known: dict[str, Sequence[str]] = {}

    def capabilities(self, tag: _Tag) -> Sequence[str]:
        """What is known of a model by now."""
        return tag.capabilities or self._known.get(_identity(tag), ())

    async def ask(self, tags: Sequence[_Tag], questions: Questions) -> None:
        """Ask for some of what is not known yet."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_SHOWING_S):
                for _ in range(_MOST_SHOWN):
                    if (tag := self._unknown(tags)) is None or not await self._ask(tag, questions):
                        return
        questions.has_more = self._unknown(tags) is not None

    async def _ask(self, tag: _Tag, questions: Questions) -> bool:
        answer = await questions.post("/api/show", {"model": tag.name}, _Answer)
        if questions.is_complete:
            self._known[_identity(tag)] = (answer.capabilities or ()) if isinstance(answer, _Answer) else ()
        return questions.is_complete

    def _unknown(self, tags: Sequence[_Tag]) -> _Tag | None:
        return next((tag for tag in tags if not tag.capabilities and _identity(tag) not in self._known), None)


async def describe(found: Tags, questions: Questions, shown: Shown) -> list[ServedModel]:
    """The models."""
    await shown.ask(found.models, questions)
    running = {model.name: model for model in found.running}
    return [_described(tag, running.get(tag.name), shown.capabilities(tag)) for tag in found.models]


def _identity(tag: _Tag) -> str:
    return tag.digest or tag.name


def _described(tag: _Tag, running: _Running | None, capabilities: Sequence[str]) -> ServedModel:
    details = tag.details
    architecture = details.family or "unknown"
    info: dict[str, object] = {"general.architecture": architecture, "general.basename": tag.name}
    if details.context_length:
        info[f"{architecture}.context_length"] = details.context_length
    return ServedModel(
        name=tag.name,
        context=details.context_length or (running.context_length if running else None),
        capabilities=in_order(cast(Capability, each) for each in capabilities if each in _KNOWN) or ("completion",),
        model_info=info,
        details=ModelDetails(
            details.format,
            details.family,
            tuple(details.families or ()),
            details.parameter_size,
            details.quantization_level,
            details.parent_model,
        ),
        template=UNTOLD_TEMPLATE,
        digest=tag.digest.removeprefix("sha256:"),
        size_bytes=tag.size,
        modified_at=_moment(tag.modified_at),
        embedding_length=details.embedding_length,
        is_loaded=running is not None,
        loaded_context=running.context_length if running else None,
        expires_at=_moment(running.expires_at) if running else None,
        memory_bytes=running.size if running else 0,
        vram_bytes=running.size_vram if running else 0,
    )


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else None
