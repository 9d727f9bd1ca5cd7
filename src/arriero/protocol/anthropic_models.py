"""Anthropic's list of models: wire types, and what they are made of. Pure."""

from collections.abc import Sequence
from datetime import UTC, datetime

from msgspec import Struct

from arriero.types.models import ModelRecord


class Support(Struct):
    """Whether a model, or who serves it, can do a thing."""

    supported: bool


class EffortSupport(Struct):
    """How hard a model can be told to think."""

    supported: bool
    low: Support
    medium: Support
    high: Support
    xhigh: Support
    max: Support


class ThinkingTypes(Struct):
    """The settings of ``thinking`` that are taken."""

    adaptive: Support
    between_tools: Support
    disabled: Support
    enabled: Support


class ThinkingSupport(Struct):
    """Whether a model thinks."""

    supported: bool
    types: ThinkingTypes


class ServerTools(Struct):
    """Tools that would be run here."""

    supported: bool
    code_execution: Support
    web_search: Support


class ModelCapabilities(Struct):
    """What a model can do, and what this server can beside it."""

    batch: Support
    citations: Support
    code_execution: Support
    context_management: Support
    effort: EffortSupport
    image_input: Support
    pdf_input: Support
    server_tools: ServerTools
    structured_outputs: Support
    thinking: ThinkingSupport


class AnthropicModel(Struct):
    """One model. max_input_tokens, max_tokens: its context; null where nobody tells."""

    type: str
    id: str
    display_name: str
    created_at: datetime
    lifecycle: str
    max_input_tokens: int | None
    max_tokens: int | None
    capabilities: ModelCapabilities


class AnthropicModelList(Struct):
    """All models, in one page."""

    data: list[AnthropicModel]
    has_more: bool
    first_id: str | None
    last_id: str | None


_YES, _NO = Support(supported=True), Support(supported=False)


def model_info(record: ModelRecord, name: str) -> AnthropicModel:
    """A model by the name that it is asked for or listed under."""
    context = record.architecture.trained_context
    created_at = record.modified_at.astimezone(UTC)
    return AnthropicModel("model", name, name, created_at, "active", context, context, _capabilities(record))


def model_page(records: Sequence[ModelRecord]) -> AnthropicModelList:
    """The list of models, by their own names."""
    data = [model_info(record, record.name) for record in records]
    first_id, last_id = (data[0].id, data[-1].id) if data else (None, None)
    return AnthropicModelList(data, has_more=False, first_id=first_id, last_id=last_id)


def _capabilities(record: ModelRecord) -> ModelCapabilities:
    writes, thinks = "completion" in record.capabilities, "thinking" in record.capabilities
    effort = Support(supported=thinks)
    return ModelCapabilities(
        batch=_NO,
        citations=_NO,
        code_execution=_NO,
        context_management=_NO,
        effort=EffortSupport(thinks, effort, effort, effort, effort, effort),
        image_input=Support(supported="vision" in record.capabilities),
        pdf_input=_NO,
        server_tools=ServerTools(supported=False, code_execution=_NO, web_search=_NO),
        structured_outputs=Support(supported=writes),
        # No setting is refused: a model that cannot think just answers.
        thinking=ThinkingSupport(thinks, ThinkingTypes(_YES, _YES, _YES, _YES)),
    )
