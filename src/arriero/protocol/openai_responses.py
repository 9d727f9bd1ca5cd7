"""The wire types of OpenAI's Responses API, as clients send and get them.

Items of the input and parts of a message are JSON whose shape their own ``type`` decides; the reader gives them one of
the types below.
"""

from typing import Any

from msgspec import UNSET, Raw, Struct, UnsetType, field

from arriero.protocol.answer_route import AnswerRoute
from arriero.protocol.ollama import Loose
from arriero.protocol.openai_chat import OutTokenLogprob


class Reasoning(Struct):
    """How hard to think. A summary is told either way."""

    effort: str | UnsetType = UNSET
    summary: str | UnsetType = UNSET


class TextFormat(Struct):
    """``text``, ``json_object`` or ``json_schema``; a schema's name and strictness change nothing here."""

    type: str = "text"
    name: str | UnsetType = UNSET
    # The caller's own JSON Schema.
    schema: dict[str, Any] | UnsetType = UNSET
    strict: bool | UnsetType = UNSET


class TextSettings(Struct):
    """What the text of the answer must be; how long it is, is the model's to decide."""

    format: TextFormat = field(default_factory=TextFormat)
    verbosity: str | UnsetType = UNSET


class ResponsesRequest(Struct):
    """``POST /v1/responses``. Nothing is kept between requests, and so what refers to something kept is refused.

    The last three are Ollama's own and no part of OpenAI's API: for clients that need a model with another context.
    """

    model: str = ""
    input: Loose | UnsetType = UNSET
    instructions: str | UnsetType = UNSET
    previous_response_id: str = ""
    conversation: Loose | UnsetType = UNSET
    prompt: Loose | UnsetType = UNSET
    # Definitions of tools are given to the model's template as they are.
    tools: list[dict[str, Any]] = field(default_factory=list)
    tool_choice: Loose | UnsetType = UNSET
    reasoning: Reasoning | UnsetType = UNSET
    text: TextSettings = field(default_factory=TextSettings)
    max_output_tokens: int | UnsetType = UNSET
    max_tool_calls: int | UnsetType = UNSET
    # Words of the API's own, of which one is heeded.
    include: list[Any] = field(default_factory=list)
    top_logprobs: int = 0
    temperature: float = 1.0
    top_p: float | UnsetType = UNSET
    truncation: str | UnsetType = UNSET
    stream: bool = False
    background: bool = False
    parallel_tool_calls: bool = True
    # The caller's own notes.
    metadata: dict[str, Any] = field(default_factory=dict)
    prompt_cache_key: str | UnsetType = UNSET
    safety_identifier: str | UnsetType = UNSET
    num_ctx: int | UnsetType = UNSET
    keep_alive: Loose | UnsetType = UNSET
    # Options are checked by ``merge_options``.
    options: dict[str, Any] = field(default_factory=dict)


class MessageIn(Struct):
    """A turn; content is text or a list of parts."""

    role: str = ""
    content: Loose | UnsetType = UNSET


class TextPart(Struct):
    """``input_text``, ``output_text`` and ``text``."""

    text: str = ""


class RefusalPart(Struct):
    """``refusal``: what the model said instead of an answer."""

    refusal: str = ""


class ImagePart(Struct):
    """``input_image``. A picture that was uploaded before has only a ``file_id``, and is passed over."""

    image_url: str | UnsetType = UNSET


class FunctionCallIn(Struct):
    """A call in an earlier turn of the model's; arguments are JSON as text."""

    call_id: str = ""
    name: str = ""
    namespace: str = ""
    arguments: str = ""


class CustomCallIn(Struct):
    """A call of a tool that takes a text."""

    call_id: str = ""
    name: str = ""
    namespace: str = ""
    input: str = ""


class OwnCallIn(Struct):
    """A call of one of the tools that OpenAI's models know by themselves: a shell, or one that edits files."""

    call_id: str = ""
    id: str = ""
    # JSON of the tool's own.
    action: dict[str, Any] = field(default_factory=dict)
    operation: dict[str, Any] = field(default_factory=dict)


class ToolOutputIn(Struct):
    """What a call gave: text, a list of parts, or JSON of the tool's own."""

    call_id: str = ""
    id: str = ""
    output: Loose | UnsetType = UNSET


class TextOf(Struct):
    """A text among others."""

    text: str = ""


class ReasoningIn(Struct):
    """What the model thought in an earlier turn, as it has been told."""

    encrypted_content: str = ""
    summary: list[TextOf] = field(default_factory=list)
    content: list[TextOf] = field(default_factory=list)


class SummaryText(Struct):
    """What the model thought."""

    type: str
    text: str


class ReasoningItem(Struct):
    """What the model thought, twice: to be shown, and to be sent back."""

    id: str
    type: str
    summary: list[SummaryText]
    encrypted_content: str | UnsetType = UNSET


class OutputText(Struct):
    """The text of a message."""

    type: str
    text: str
    # Never told.
    annotations: list[str]
    logprobs: list[OutTokenLogprob]


class MessageItem(Struct):
    """What the model says."""

    id: str
    type: str
    status: str
    role: str
    content: list[OutputText]


class FunctionCallItem(Struct):
    """What the model wants called; arguments are JSON as text."""

    id: str
    type: str
    status: str
    call_id: str
    name: str
    arguments: str
    namespace: str | UnsetType = UNSET


class CustomCallItem(Struct):
    """What the model wants called with a text."""

    id: str
    type: str
    status: str
    call_id: str
    name: str
    input: str
    namespace: str | UnsetType = UNSET


CallItem = FunctionCallItem | CustomCallItem
Item = ReasoningItem | MessageItem | CallItem


class InputDetails(Struct):
    """Of the tokens that went in, those that came out of a cache; that some go into one costs nothing, so 0."""

    cached_tokens: int
    # Ollama lacks it, and OpenAI's client wants it.
    cache_write_tokens: int = 0


class OutputDetails(Struct):
    """Of the tokens that came out, those of thinking; 0 where the engine does not tell."""

    reasoning_tokens: int


class ResponseUsage(Struct):
    """Tokens of an answer."""

    input_tokens: int
    output_tokens: int
    total_tokens: int
    input_tokens_details: InputDetails
    output_tokens_details: OutputDetails


class Incomplete(Struct):
    """Why an answer is not complete."""

    reason: str


class ResponseError(Struct):
    """Why an answer broke off."""

    code: str
    message: str


class ReasoningEcho(Struct):
    """What was asked for."""

    effort: str | UnsetType
    summary: str | UnsetType


class Response(Struct):
    """An answer, begun or done; everything is always on the wire. Times in Unix seconds.

    tools, tool_choice, text, metadata: the request's own, written once, since a stream tells them three times.
    """

    id: str
    object: str
    created_at: int
    completed_at: int | None
    status: str
    incomplete_details: Incomplete | None
    model: str
    previous_response_id: None
    instructions: str | None
    output: list[Item]
    error: ResponseError | None
    tools: Raw
    tool_choice: Raw
    truncation: str
    parallel_tool_calls: bool
    text: Raw
    top_p: float
    presence_penalty: float
    frequency_penalty: float
    top_logprobs: int
    temperature: float
    reasoning: ReasoningEcho | None
    usage: ResponseUsage | None
    max_output_tokens: int | None
    max_tool_calls: int | None
    store: bool
    background: bool
    service_tier: str
    metadata: Raw
    safety_identifier: str | None
    prompt_cache_key: str | None
    route: AnswerRoute | UnsetType = UNSET
