"""What an SGLang server tells of its model."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from msgspec import Struct, field

from arriero.engines.base import ServedModel
from arriero.engines.openai.infill_marks import fills_gaps
from arriero.engines.upstream.chat import Template, probe_template
from arriero.engines.upstream.facts import Known, Weights, told
from arriero.engines.upstream.list import Listed, context_of
from arriero.engines.upstream.questions import Questions
from arriero.engines.upstream.weights import read_weights
from arriero.types.models import Capability


class _ModelInfo(Struct):
    model_path: str = ""
    is_generation: bool = True
    reasoning_parser: str | None = None
    tool_call_parser: str | None = None
    has_image_understanding: bool = False
    model_type: str | None = None


class _ServerInfo(Struct):
    """Of 37 kB, what is of use; the server's key may be among the rest."""

    context_length: int | None = None
    chat_template: str | None = None
    quantization: str | None = None
    dtype: str | None = None
    device: str | None = None
    tp_size: int = 1


class _Memory(Struct):
    weight_gb: float = 0.0
    kv_cache_gb: float = 0.0
    graph_gb: float = 0.0


class _Load(Struct):
    memory: _Memory | None = None


class _Loads(Struct):
    loads: list[_Load] = field(default_factory=list)


async def describe(listed: Sequence[Listed], questions: Questions) -> list[ServedModel]:
    """The model, and adapters on top of it, which are as it is."""
    if not listed:
        return []
    info = await questions.get("/model_info", _ModelInfo) or _ModelInfo()
    server = await questions.get("/server_info", _ServerInfo) or _ServerInfo()
    loads = await questions.get("/v1/loads", _Loads) or _Loads()
    base = next((model for model in listed if model.parent is None), listed[0])
    template = await probe_template(questions, base.id) if info.is_generation else Template()
    weights = await asyncio.to_thread(read_weights, info.model_path)
    memory = sum(_memory_bytes(load) for load in loads.loads) * server.tp_size
    return [
        told(
            Known(
                name=model.id,
                context=context_of(model) or context_of(base) or server.context_length,
                capabilities=_capabilities(model, info, template),
                weights=_with_server(weights, info, server),
                path=info.model_path,
                has_template=template.is_there,
                memory_bytes=memory,
                vram_bytes=0 if server.device == "cpu" else memory,
            )
        )
        for model in listed
    ]


def _capabilities(model: Listed, info: _ModelInfo, template: Template) -> list[Capability]:
    if not info.is_generation:
        return ["embedding"]
    found: list[Capability] = ["completion"]
    # A template that shows no tools drops them without a word, whatever parser for calls the server has.
    if template.takes_tools or (template.is_there and not template.is_known and info.tool_call_parser):
        found.append("tools")
    if info.reasoning_parser or template.thinks:
        found.append("thinking")
    if info.has_image_understanding:
        found.append("vision")
    if fills_gaps(model.id):
        found.append("insert")
    return found


def _memory_bytes(load: _Load) -> int:
    memory = load.memory or _Memory()
    return int((memory.weight_gb + memory.kv_cache_gb + memory.graph_gb) * 2**30)


def _with_server(weights: Weights, info: _ModelInfo, server: _ServerInfo) -> Weights:
    """The files' facts, or the server's where there are no files here."""
    if weights.architecture:
        # A template that the server was given, by its name, stands in for the model's own.
        return replace(weights, template="") if server.chat_template else weights
    dtype = server.dtype if server.dtype != "auto" else None
    return Weights(architecture=info.model_type or "", quantization=(server.quantization or dtype or "").upper())
