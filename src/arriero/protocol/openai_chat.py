"""The wire types of OpenAI's chat completions and model list, as clients send and get them."""

from typing import Any

from msgspec import UNSET, Struct, UnsetType, field


class StreamOptions(Struct):
    """What a stream carries besides the text."""

    include_usage: bool = False


class JsonSchema(Struct):
    """A schema that the answer must keep to; its name and strictness change nothing here."""

    schema: dict[str, Any] = field(default_factory=dict)


class ResponseFormat(Struct):
    """``text``, ``json_object`` or ``json_schema``."""

    type: str = "text"
    json_schema: JsonSchema = field(default_factory=JsonSchema)


class InMessage(Struct):
    """One turn, in requests; content is text or a list of parts."""

    role: str = ""
    content: str | list[dict[str, Any]] | UnsetType = UNSET
    reasoning: str = ""


class ChatCompletionRequest(Struct):
    """``POST /v1/chat/completions``. Numbers that are absent or null have the API's own defaults."""

    model: str = ""
    messages: list[InMessage] = field(default_factory=list)
    stream: bool = False
    stream_options: StreamOptions = field(default_factory=StreamOptions)
    max_tokens: int | UnsetType = UNSET
    max_completion_tokens: int | UnsetType = UNSET
    temperature: float = 1.0
    top_p: float = 1.0
    seed: int | UnsetType = UNSET
    stop: str | list[str] = field(default_factory=list)
    frequency_penalty: float | UnsetType = UNSET
    presence_penalty: float | UnsetType = UNSET
    response_format: ResponseFormat = field(default_factory=ResponseFormat)
    # Read so that they can be refused: an answer without what they ask for would be a wrong one.
    n: int = 1
    logprobs: bool = False
    tools: list[dict[str, Any]] = field(default_factory=list)


class OutMessage(Struct):
    """The model's turn, in an answer that comes in one piece."""

    role: str
    content: str
    reasoning: str | UnsetType = UNSET


class OutDelta(Struct):
    """What a chunk adds to the model's turn."""

    role: str | UnsetType = UNSET
    content: str | UnsetType = UNSET
    reasoning: str | UnsetType = UNSET


class MessageChoice(Struct):
    """The one alternative of a whole answer."""

    index: int
    message: OutMessage
    finish_reason: str


class DeltaChoice(Struct):
    """The one alternative of a chunk."""

    index: int
    delta: OutDelta
    finish_reason: str | None


class CompletionUsage(Struct):
    """Tokens of an answer."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class ChatCompletion(Struct):
    """An answer in one piece."""

    id: str
    object: str
    created: int
    model: str
    system_fingerprint: str
    choices: list[MessageChoice]
    usage: CompletionUsage


class ChatCompletionChunk(Struct):
    """One event of a stream."""

    id: str
    object: str
    created: int
    model: str
    system_fingerprint: str
    choices: list[DeltaChoice]
    usage: CompletionUsage | UnsetType = UNSET


class OpenAIModel(Struct):
    """One entry of ``GET /v1/models``; ``created`` in Unix seconds."""

    id: str
    object: str
    created: int
    owned_by: str


class OpenAIModelList(Struct):
    """``GET /v1/models``."""

    object: str
    data: list[OpenAIModel]


class OpenAIError(Struct):
    """What went wrong, in OpenAI's words."""

    message: str
    type: str
    param: str | None
    code: str | None


class OpenAIErrorBody(Struct):
    """Every error of OpenAI's API."""

    error: OpenAIError
