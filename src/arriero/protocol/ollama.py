"""The wire types of Ollama's native API, in the order in which Ollama emits their fields.

Always on the wire: a plain field. Sometimes absent: ``T | UnsetType = UNSET``. Defaults are never omitted, since
Ollama sends ``"done":false`` with every chunk. Requests are read by ``go_json``: absent and null are the same there.
"""

from collections.abc import Sequence
from typing import Any

from msgspec import UNSET, Struct, UnsetType, field

from arriero.protocol.answer_route import AnswerRoute

# Values whose type decides what error text Ollama gives are taken as they come and checked by the converters.
Loose = bool | int | float | str | list[Any] | dict[str, Any]


class WireFunction(Struct):
    """What is called. An index, where there is one, is not needed: the order tells."""

    name: str = ""
    # JSON of the tool's own shape; its keys keep their order.
    arguments: dict[str, Any] = field(default_factory=dict)


class WireToolCall(Struct):
    """A call in an earlier turn of the model's."""

    id: str = ""
    function: WireFunction = field(default_factory=WireFunction)


class WireMessage(Struct):
    """One turn of a conversation, in requests."""

    role: str = ""
    content: str = ""
    thinking: str = ""
    images: list[str] = field(default_factory=list)
    tool_calls: list[WireToolCall] = field(default_factory=list)
    tool_name: str = ""
    tool_call_id: str = ""


class ChatRequest(Struct):
    """``POST /api/chat``."""

    model: str = ""
    messages: list[WireMessage] = field(default_factory=list)
    stream: bool = True
    format: Loose | UnsetType = UNSET
    keep_alive: Loose | UnsetType = UNSET
    tools: list[dict[str, Any]] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)
    think: Loose | UnsetType = UNSET
    truncate: bool = True
    # Ollama shifts unless it is told otherwise; here an answer goes beyond the context only for those who ask.
    shift: bool = False
    logprobs: bool = False
    top_logprobs: int = 0
    debug_render_only: bool = field(default=False, name="_debug_render_only")


class GenerateRequest(Struct):
    """``POST /api/generate``."""

    model: str = ""
    prompt: str = ""
    suffix: str = ""
    system: str = ""
    template: str = ""
    context: list[int] = field(default_factory=list)
    stream: bool = True
    raw: bool = False
    format: Loose | UnsetType = UNSET
    keep_alive: Loose | UnsetType = UNSET
    images: list[str] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)
    think: Loose | UnsetType = UNSET
    truncate: bool = True
    shift: bool = False
    logprobs: bool = False
    top_logprobs: int = 0
    debug_render_only: bool = field(default=False, name="_debug_render_only")


class ShowRequest(Struct):
    """``POST /api/show``. Older clients say ``name`` for ``model``."""

    model: str = ""
    name: str = ""
    verbose: bool = False
    system: str = ""
    options: dict[str, Any] = field(default_factory=dict)


class AnswerFunction(Struct):
    """What the model wants called; arguments are an object, never a text."""

    index: int
    name: str
    arguments: dict[str, Any]


class AnswerToolCall(Struct):
    """A call by the model."""

    id: str
    function: AnswerFunction


class AnswerMessage(Struct):
    """The model's turn, in answers."""

    role: str
    content: str
    thinking: str | UnsetType = UNSET
    tool_calls: list[AnswerToolCall] | UnsetType = UNSET


class AnswerTopLogprob(Struct):
    """A token that might have been chosen; ``bytes`` are those of its UTF-8, absent for an empty one."""

    token: str
    logprob: float
    bytes: list[int] | UnsetType = UNSET


class AnswerLogprob(Struct):
    """A token that was chosen, and the likeliest in its place where they were asked for."""

    token: str
    logprob: float
    bytes: list[int] | UnsetType = UNSET
    top_logprobs: list[AnswerTopLogprob] | UnsetType = UNSET


class AnswerTruncated(Struct):
    """What was left out of a prompt that was too long: arriero's own, beside Ollama's keys.

    ``dropped_tokens``: of the request's ``context``, or of the text around a gap.
    """

    dropped_messages: int
    prompt_tokens: int
    num_ctx: int
    dropped_tokens: int | UnsetType = UNSET


class DebugInfo(Struct):
    """What a ``_debug_render_only`` request is answered with."""

    rendered_template: str
    image_count: int | UnsetType = UNSET


class ChatResponse(Struct):
    """One object of a chat answer: a chunk, or the whole."""

    model: str
    created_at: str
    message: AnswerMessage
    done: bool = False
    done_reason: str | UnsetType = UNSET
    debug_info: DebugInfo | UnsetType = field(default=UNSET, name="_debug_info")
    logprobs: list[AnswerLogprob] | UnsetType = UNSET
    total_duration: int | UnsetType = UNSET
    load_duration: int | UnsetType = UNSET
    prompt_eval_count: int | UnsetType = UNSET
    prompt_eval_duration: int | UnsetType = UNSET
    eval_count: int | UnsetType = UNSET
    eval_duration: int | UnsetType = UNSET
    truncated: AnswerTruncated | UnsetType = UNSET
    route: AnswerRoute | UnsetType = UNSET


class GenerateResponse(Struct):
    """One object of a generated answer: a chunk, or the whole."""

    model: str
    created_at: str
    response: str
    thinking: str | UnsetType = UNSET
    done: bool = False
    done_reason: str | UnsetType = UNSET
    context: Sequence[int] | UnsetType = UNSET
    total_duration: int | UnsetType = UNSET
    load_duration: int | UnsetType = UNSET
    prompt_eval_count: int | UnsetType = UNSET
    prompt_eval_duration: int | UnsetType = UNSET
    eval_count: int | UnsetType = UNSET
    eval_duration: int | UnsetType = UNSET
    debug_info: DebugInfo | UnsetType = field(default=UNSET, name="_debug_info")
    logprobs: list[AnswerLogprob] | UnsetType = UNSET
    truncated: AnswerTruncated | UnsetType = UNSET
    route: AnswerRoute | UnsetType = UNSET


class ModelDetails(Struct):
    """What a model is, in ``tags``, ``ps`` and ``show``."""

    parent_model: str
    format: str
    family: str
    families: list[str] | None
    parameter_size: str
    quantization_level: str
    context_length: int | UnsetType = UNSET
    embedding_length: int | UnsetType = UNSET


class ListedModel(Struct):
    """One entry of ``GET /api/tags``; ``size`` in bytes, ``digest`` 64 hex digits."""

    name: str
    model: str
    modified_at: str
    size: int
    digest: str
    details: ModelDetails
    capabilities: list[str]


class ListResponse(Struct):
    """``GET /api/tags``."""

    models: list[ListedModel]


class RunningModel(Struct):
    """One entry of ``GET /api/ps``; sizes in bytes, ``context_length`` in tokens as loaded."""

    name: str
    model: str
    size: int
    digest: str
    details: ModelDetails
    expires_at: str
    size_vram: int
    context_length: int


class ProcessResponse(Struct):
    """``GET /api/ps``."""

    models: list[RunningModel]


class Tensor(Struct):
    """One tensor of a model file."""

    name: str
    type: str
    shape: list[int]


class HistoryMessage(Struct):
    """One turn that a model brings along."""

    role: str
    content: str


class ShowResponse(Struct, kw_only=True):
    """``POST /api/show``."""

    license: str | UnsetType = UNSET
    modelfile: str
    parameters: str | UnsetType = UNSET
    template: str | UnsetType = UNSET
    system: str | UnsetType = UNSET
    details: ModelDetails
    messages: list[HistoryMessage] | UnsetType = UNSET
    # Whatever metadata the file has, under its own keys.
    model_info: dict[str, Any]
    projector_info: dict[str, Any] | UnsetType = UNSET
    tensors: list[Tensor] | UnsetType = UNSET
    capabilities: list[str]
    modified_at: str
    requires: str | UnsetType = UNSET


class VersionResponse(Struct):
    """``GET /api/version``."""

    version: str


class ErrorResponse(Struct):
    """Every error of the native API, also as the last line of a stream that failed."""

    error: str
