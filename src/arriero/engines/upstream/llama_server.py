"""What a llama-server tells of its model."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import PurePath
from typing import Any

from msgspec import Struct, field

from arriero.engines.base import ServedModel
from arriero.engines.upstream.facts import Known, Weights, told
from arriero.engines.upstream.list import Listed, is_count
from arriero.engines.upstream.names import says_embedding
from arriero.engines.upstream.questions import Questions
from arriero.engines.upstream.weights import read_weights
from arriero.store.describe import template_capabilities
from arriero.types.models import Capability
from arriero.types.upstreams import UpstreamSettings


class _Generation(Struct):
    n_ctx: int = 0


class _Modalities(Struct):
    vision: bool = False


class Props(Struct):
    """``/props``. n_ctx: of each slot."""

    default_generation_settings: _Generation = field(default_factory=_Generation)
    model_path: str = ""
    model_ftype: str = ""
    modalities: _Modalities = field(default_factory=_Modalities)
    chat_template: str = ""


async def describe(
    listed: Sequence[Listed], props: Props, questions: Questions, settings: UpstreamSettings
) -> list[ServedModel]:
    """The model: there is one."""
    weights = await asyncio.to_thread(read_weights, props.model_path)
    models = []
    for model in listed:
        known = Known(
            name=model.id if model.id in settings.models.values() else name_of(model.id),
            context=_context(model, props),
            capabilities=await _capabilities(model, props, weights, questions),
            weights=_with_server(weights, model, props),
            path=PurePath(props.model_path).name,
            has_template=bool(props.chat_template),
        )
        models.append(told(known))
    return models


def name_of(model: str) -> str:
    """What the model is called: it answers to any name, and has a file's path for one where it was given none."""
    is_path = model.endswith(".gguf")
    return model.replace("\\", "/").rpartition("/")[2].removesuffix(".gguf") if is_path else model


def _context(model: Listed, props: Props) -> int | None:
    """Tokens of each slot."""
    meta = _meta(model)
    told = (props.default_generation_settings.n_ctx, meta.get("n_ctx"), meta.get("n_ctx_train"))
    return next((int(number) for number in told if is_count(number)), None)


async def _capabilities(model: Listed, props: Props, weights: Weights, questions: Questions) -> list[Capability]:
    if f"{weights.architecture}.pooling_type" in weights.model_info or says_embedding(model.id):
        return ["embedding"]
    found: list[Capability] = ["completion", *template_capabilities(props.chat_template)]
    # An empty request is refused either for what it lacks, or because the model fills no gaps: nothing is generated.
    refusal = await questions.refusal("/infill", {})
    if refusal and not refusal.has_no_route and refusal.status < 500:
        found.append("insert")
    if props.modalities.vision:
        found.append("vision")
    return found


def _with_server(weights: Weights, model: Listed, props: Props) -> Weights:
    """The file's facts, or the server's where the file is not here; the template is always the server's."""
    if weights.architecture:
        return replace(weights, template=props.chat_template)
    meta = _meta(model)
    return Weights(
        format="gguf",
        parameter_count=meta.get("n_params") or 0,
        quantization=props.model_ftype or meta.get("ftype") or "",
        template=props.chat_template,
        size_bytes=meta.get("size") or 0,
        embedding_length=meta.get("n_embd"),
    )


# llama.cpp's own numbers.
def _meta(model: Listed) -> Mapping[str, Any]:
    return model.meta if isinstance(model.meta, Mapping) else {}
