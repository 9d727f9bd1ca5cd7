"""The wire types of OpenAI's Responses API, as clients send and get them.

Items of the input and parts of a message are JSON whose shape their own ``type`` decides; the reader gives them one of
the types below.
"""

from typing import Any

from msgspec import UNSET, Struct, UnsetType, field

from arriero.protocol.answer_route import AnswerRoute
from arriero.protocol.ollama import Loose


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
    """What the text of the answer must be."""

    format: TextFormat = field(default_factory=TextFormat)


class ResponsesRequest(Struct):
    """``POST /v1/responses``. Nothing is kept between requests: ``previous_response_id`` and ``store`` are ignored.

    The last three are Ollama's own and no part of OpenAI's API: for clients that need a model with another context.
    """

    model: str = ""
    input: Loose | UnsetType = UNSET
    instructions: str | UnsetType = UNSET
    # Definitions of tools are given to the model's template as they are.
    tools: list[dict[str, Any]] = field(default_factory=list)
    tool_choice: Loose | UnsetType = UNSET
    reasoning: Reasoning | UnsetType = UNSET
    text: TextSettings = field(default_factory=TextSettings)
    max_output_tokens: int | UnsetType = UNSET
    temperature: float = 1.0
    top_p: float | UnsetType = UNSET
    truncation: str | UnsetType = UNSET
    stream: bool = False
    background: bool = False
    parallel_tool_calls: bool = True
    # The caller's own notes.
    metadata: dict[str, Any] = field(default_factory=dict)
    num_ctx: int | UnsetType = UNSET
    keep_alive: Loose | UnsetType = UNSET
    # Options are checked by ``merge_options``.
    options: dict[str, Any] = field(default_factory=dict)


class MessageIn(Struct):
    """A turn; content is text or a list of parts."""

    role: str = ""
    content: Loose | UnsetType = UNSET


class TextPart(Struct):
    """``input_text`` and ``output_text``."""

    text: str = ""


class ImagePart(Struct):
    """``input_image``. A picture that was uploaded before has only a ``file_id``, and is passed over."""

    image_url: str | UnsetType = UNSET


class FunctionCallIn(Struct):
    """A call in an earlier turn of the model's; arguments are JSON as text."""

    call_id: str = ""
    name: str = ""
    arguments: str = ""


class FunctionOutputIn(Struct):
    """What a call gave: text, or a list of parts."""

    call_id: str = ""
    output: Loose | UnsetType = UNSET


class ReasoningIn(Struct):
    """What the model thought in an earlier turn, as it has been told."""

    encrypted_content: str = ""


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
    # Neither of them is ever told.
    annotations: list[str]
    logprobs: list[str]


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


Item = ReasoningItem | MessageItem | FunctionCallItem


class InputDetails(Struct):
    """Of the tokens that went in, those that came out of a cache."""

    cached_tokens: int


class OutputDetails(Struct):
    """Of the tokens that came out, those of thinking: engines do not tell, so 0."""

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
    """An answer, begun or done; everything is always on the wire. Times in Unix seconds."""

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
    # As they were sent.
    tools: list[dict[str, Any]]
    tool_choice: Loose
    truncation: str
    parallel_tool_calls: bool
    text: TextSettings
    top_p: float
    presence_penalty: float
    frequency_penalty: float
    top_logprobs: int
    temperature: float
    reasoning: ReasoningEcho | None
    usage: ResponseUsage | None
    max_output_tokens: int | None
    max_tool_calls: None
    store: bool
    background: bool
    service_tier: str
    # The caller's own notes.
    metadata: dict[str, Any]
    safety_identifier: None
    prompt_cache_key: None
    route: AnswerRoute | UnsetType = UNSET


class StreamEvent(Struct, kw_only=True):
    """What all events of a stream have; ``sequence_number`` counts them."""

    type: str
    sequence_number: int = 0


class ResponseEvent(StreamEvent, kw_only=True):
    """``response.created``, ``.in_progress``, ``.completed``, ``.incomplete``, ``.failed``."""

    response: Response


class ItemEvent(StreamEvent, kw_only=True):
    """``response.output_item.added`` and ``.done``."""

    output_index: int
    item: Item


class PartEvent(StreamEvent, kw_only=True):
    """``response.content_part.added`` and ``.done``."""

    item_id: str
    output_index: int
    content_index: int
    part: OutputText


class TextDeltaEvent(StreamEvent, kw_only=True):
    """``response.output_text.delta``."""

    item_id: str
    output_index: int
    content_index: int
    delta: str
    logprobs: list[str]


class TextDoneEvent(StreamEvent, kw_only=True):
    """``response.output_text.done``: the whole text."""

    item_id: str
    output_index: int
    content_index: int
    text: str
    logprobs: list[str]


class SummaryDeltaEvent(StreamEvent, kw_only=True):
    """``response.reasoning_summary_text.delta``."""

    item_id: str
    output_index: int
    summary_index: int
    delta: str


class SummaryDoneEvent(StreamEvent, kw_only=True):
    """``response.reasoning_summary_text.done``: all that was thought."""

    item_id: str
    output_index: int
    summary_index: int
    text: str


class ArgumentsDeltaEvent(StreamEvent, kw_only=True):
    """``response.function_call_arguments.delta``: all of them at once."""

    item_id: str
    output_index: int
    delta: str


class ArgumentsDoneEvent(StreamEvent, kw_only=True):
    """``response.function_call_arguments.done``."""

    item_id: str
    output_index: int
    name: str
    arguments: str
