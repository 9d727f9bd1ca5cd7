"""What an smg tells of the models of its workers."""

import asyncio
from collections.abc import Sequence
from typing import Any

from msgspec import Struct, field

from arriero.engines.base import ServedModel
from arriero.engines.upstream.facts import Known, Weights, told
from arriero.engines.upstream.list import Listed, is_count
from arriero.engines.upstream.names import says_thinking
from arriero.engines.upstream.questions import Questions
from arriero.engines.upstream.weights import read_weights
from arriero.types.models import Capability


class _Card(Struct):
    """A model of a worker's. model_type: what it can do."""

    id: str
    # A list of words; older ones send one word.
    model_type: Any = None
    hf_model_type: str | None = None
    context_length: int | None = None


class _Labels(Struct):
    """What the worker itself has told, all as texts."""

    model_path: str = ""
    model_type: str = ""
    max_model_len: str = ""
    reasoning_parser: str = ""
    has_image_understanding: str = ""


class Worker(Struct):
    """One worker."""

    model_id: str = ""
    models: list[_Card] = field(default_factory=list)
    labels: _Labels = field(default_factory=_Labels)


class _Workers(Struct):
    workers: list[Worker] = field(default_factory=list)


async def list_workers(questions: Questions) -> list[Worker]:
    """The workers; none where they may not be looked at."""
    found = await questions.get("/workers", _Workers) or _Workers()
    return sorted(
        found.workers, key=lambda worker: (worker.model_id, worker.labels.model_path, worker.labels.max_model_len)
    )


async def describe(listed: Sequence[Listed], found: Sequence[Worker]) -> list[ServedModel]:
    """The models, each as those workers that have it can all do it."""
    models = []
    for model in listed:
        having = [worker for worker in found if _card(worker, model.id)]
        path = next((worker.labels.model_path for worker in having if worker.labels.model_path), "")
        weights = await asyncio.to_thread(read_weights, path)
        if not weights.architecture:
            weights = Weights(architecture=next((_architecture(worker, model.id) for worker in having), ""))
        contexts = [context for worker in having if (context := _context(worker, model.id))]
        capabilities = [_capabilities(worker, model.id) for worker in having] or [{"completion", "tools"}]
        models.append(
            told(
                Known(
                    name=model.id,
                    context=min(contexts, default=None),
                    capabilities=set.intersection(*map(set, capabilities)),
                    weights=weights,
                    path=path,
                )
            )
        )
    return models


def _card(worker: Worker, model: str) -> _Card | None:
    if not worker.models and worker.model_id == model:
        return _Card(model)
    return next((card for card in worker.models if card.id == model), None)


def _context(worker: Worker, model: str) -> int | None:
    card = _card(worker, model)
    if card and is_count(card.context_length):
        return int(card.context_length)
    return int(worker.labels.max_model_len) if worker.labels.max_model_len.isdecimal() else None


def _architecture(worker: Worker, model: str) -> str:
    card = _card(worker, model)
    return (card.hf_model_type if card else None) or worker.labels.model_type


def _capabilities(worker: Worker, model: str) -> set[Capability]:
    card = _card(worker, model)
    kinds = card.model_type if card and isinstance(card.model_type, list) else []
    if "embeddings" in kinds and "chat" not in kinds:
        return {"embedding"}
    # smg says "tools" of any model that chats, and has its own parsers for calls.
    found: set[Capability] = {"completion", "tools"}
    if worker.labels.reasoning_parser or "reasoning" in kinds or says_thinking(model):
        found.add("thinking")
    if worker.labels.has_image_understanding == "true" or "vision" in kinds:
        found.add("vision")
    return found
