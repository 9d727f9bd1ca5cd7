"""What any other server that speaks OpenAI's API tells of its models."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct, field

from arriero.engines.base import ServedModel
from arriero.engines.upstream.facts import Known, told
from arriero.engines.upstream.list import Listed, context_of, is_count
from arriero.engines.upstream.names import says_embedding, says_thinking, says_vision
from arriero.engines.upstream.questions import Questions
from arriero.types.models import Capability


class _LiteLlmInfo(Struct):
    max_input_tokens: int | None = None
    mode: str | None = None
    supports_function_calling: bool | None = None
    supports_vision: bool | None = None
    supports_reasoning: bool | None = None


class _LiteLlmModel(Struct):
    model_name: str
    model_info: _LiteLlmInfo = field(default_factory=_LiteLlmInfo)


class _LiteLlm(Struct):
    data: list[_LiteLlmModel] = field(default_factory=list)


async def describe(listed: Sequence[Listed], questions: Questions) -> list[ServedModel]:
    """The models. LiteLLM tells more of them elsewhere."""
    told_elsewhere = await questions.get("/v1/model/info", _LiteLlm) or _LiteLlm()
    infos = {model.model_name: model.model_info for model in told_elsewhere.data}
    return [_described(model, infos.get(model.id, _LiteLlmInfo())) for model in listed]


def _described(model: Listed, info: _LiteLlmInfo) -> ServedModel:
    known = Known(
        name=model.id,
        context=context_of(model) or info.max_input_tokens,
        capabilities=_capabilities(model, info),
        path=model.root or "",
    )
    made = datetime.fromtimestamp(model.created, UTC) if is_count(model.created) else None
    return replace(told(known), modified_at=made)


def _capabilities(model: Listed, info: _LiteLlmInfo) -> list[Capability]:
    kind = info.mode or model.type
    if kind in {"embedding", "embeddings"} or (kind is None and says_embedding(model.id)):
        return ["embedding"]
    features = _features(model.capabilities)
    parameters = model.supported_parameters if isinstance(model.supported_parameters, list) else None
    # To refuse what a server could do is worse than to hand on its own refusal: tools are believed in until denied.
    tools = _first(
        info.supports_function_calling, features.get("function_calling"), parameters and "tools" in parameters
    )
    thinking = _first(info.supports_reasoning, features.get("reasoning"), parameters and "reasoning" in parameters)
    vision = _first(info.supports_vision, features.get("vision"), _takes_images(model.architecture))
    found: list[Capability] = ["completion"]
    if tools is not False:
        found.append("tools")
    if says_thinking(model.id) if thinking is None else thinking:
        found.append("thinking")
    if says_vision(model.id) if vision is None else vision:
        found.append("vision")
    return found


def _first(*claims: object) -> bool | None:
    """The first that says anything."""
    return next((claim for claim in claims if isinstance(claim, bool)), None)


# Whatever the server has written.
def _features(capabilities: Any) -> Mapping[str, object]:
    if isinstance(capabilities, list):
        # LM Studio's words.
        return {"function_calling": True} if "tool_use" in capabilities else {}
    return capabilities if isinstance(capabilities, Mapping) else {}


# Whatever the server has written.
def _takes_images(architecture: Any) -> bool | None:
    modalities = architecture.get("input_modalities") if isinstance(architecture, Mapping) else None
    return "image" in modalities if isinstance(modalities, list) else None
