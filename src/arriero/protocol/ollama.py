"""The wire types of Ollama's native API, in the order in which Ollama emits their fields.

Always on the wire: a plain field. Sometimes absent: ``T | UnsetType = UNSET``. Defaults are never omitted, since
Ollama sends ``"done":false`` with every chunk. Requests are read by ``go_json``: absent and null are the same there.
"""

from typing import Any

from msgspec import UNSET, Struct, UnsetType, field

# Values whose type decides what error text Ollama gives are taken as they come and checked by the converters.
Loose = bool | int | float | str | list[Any] | dict[str, Any]


class WireMessage(Struct):
    """One turn of a conversation, in requests."""

    role: str = ""
    content: str = ""
    thinking: str = ""
    images: list[str] = field(default_factory=list)
    tool_calls: list[dict[str, Any]] = field(default_factory=list)
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
    shift: bool = True
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
    shift: bool = True
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


class AnswerMessage(Struct):
    """The model's turn, in answers."""

    role: str
    content: str
    thinking: str | UnsetType = UNSET


class DebugInfo(Struct):
    """What a ``_debug_render_only`` request is answered with."""

    rendered_template: str


class ChatResponse(Struct):
    """One object of a chat answer: a chunk, or the whole."""

    model: str
    created_at: str
    message: AnswerMessage
    done: bool = False
    done_reason: str | UnsetType = UNSET
    debug_info: DebugInfo | UnsetType = field(default=UNSET, name="_debug_info")
    total_duration: int | UnsetType = UNSET
    load_duration: int | UnsetType = UNSET
    prompt_eval_count: int | UnsetType = UNSET
    prompt_eval_duration: int | UnsetType = UNSET
    eval_count: int | UnsetType = UNSET
    eval_duration: int | UnsetType = UNSET


class GenerateResponse(Struct):
    """One object of a generated answer: a chunk, or the whole."""

    model: str
    created_at: str
    response: str
    thinking: str | UnsetType = UNSET
    done: bool = False
    done_reason: str | UnsetType = UNSET
    total_duration: int | UnsetType = UNSET
    load_duration: int | UnsetType = UNSET
    prompt_eval_count: int | UnsetType = UNSET
    prompt_eval_duration: int | UnsetType = UNSET
    eval_count: int | UnsetType = UNSET
    eval_duration: int | UnsetType = UNSET
    debug_info: DebugInfo | UnsetType = field(default=UNSET, name="_debug_info")


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
    tensors: list[Tensor] | UnsetType = UNSET
    capabilities: list[str]
    modified_at: str


class VersionResponse(Struct):
    """``GET /api/version``."""

    version: str


class ErrorResponse(Struct):
    """Every error of the native API, also as the last line of a stream that failed."""

    error: str
