"""The wire types of Anthropic's Messages API, as clients send and get them.

Blocks of a turn are JSON whose shape their own ``type`` decides; the reader gives them one of the types below.
"""

from typing import Any

from msgspec import UNSET, Struct, UnsetType, field

from arriero.protocol.answer_route import AnswerRoute
from arriero.protocol.ollama import Loose


class ThinkingSetting(Struct):
    """``enabled``, ``disabled``, ``adaptive`` or ``between_tools``."""

    type: str = ""
    budget_tokens: int | UnsetType = UNSET


class OutputFormat(Struct):
    """``json_schema``: what the answer must be."""

    type: str = ""
    # The caller's own JSON Schema.
    schema: dict[str, Any] | UnsetType = UNSET


class OutputConfig(Struct):
    """How hard to think, and what the answer must be."""

    effort: str = ""
    format: OutputFormat = field(default_factory=OutputFormat)


class ToolChoice(Struct):
    """``auto``, ``any``, ``none``, or ``tool`` with its name."""

    type: str = "auto"
    name: str = ""
    disable_parallel_tool_use: bool = False


class Turn(Struct):
    """One turn; content is text or a list of blocks."""

    role: str = ""
    content: Loose | UnsetType = UNSET


class MessagesRequest(Struct):
    """``POST /v1/messages``, and ``/v1/messages/count_tokens`` of it what makes the prompt.

    The last four are Ollama's own and no part of Anthropic's API: for clients that need a model with another context.
    """

    model: str = ""
    max_tokens: int = 0
    messages: list[Turn] = field(default_factory=list)
    system: Loose | UnsetType = UNSET
    stream: bool = False
    temperature: float | UnsetType = UNSET
    top_p: float | UnsetType = UNSET
    top_k: int | UnsetType = UNSET
    stop_sequences: list[str] = field(default_factory=list)
    # A tool's definition is the caller's.
    tools: list[dict[str, Any]] = field(default_factory=list)
    tool_choice: ToolChoice = field(default_factory=ToolChoice)
    thinking: ThinkingSetting = field(default_factory=ThinkingSetting)
    output_config: OutputConfig = field(default_factory=OutputConfig)
    # What ``output_config.format`` was called before.
    output_format: OutputFormat = field(default_factory=OutputFormat)
    # The caller's own notes.
    metadata: dict[str, Any] = field(default_factory=dict)
    num_ctx: int | UnsetType = UNSET
    truncate: bool = False
    keep_alive: Loose | UnsetType = UNSET
    # Options are checked by ``merge_options``.
    options: dict[str, Any] = field(default_factory=dict)


class TextIn(Struct):
    """``text``."""

    text: str = ""


class ImageSource(Struct):
    """Where a picture is: only ``base64`` is read."""

    type: str = ""
    data: str = ""


class ImageIn(Struct):
    """``image``."""

    source: ImageSource | UnsetType = UNSET


class DocumentSource(Struct):
    """What is in a document: ``text`` with its data, or ``content``, which is text or a list of blocks."""

    type: str = ""
    media_type: str = ""
    data: str = ""
    content: Loose | UnsetType = UNSET


class DocumentIn(Struct):
    """``document``."""

    source: DocumentSource = field(default_factory=DocumentSource)
    title: str = ""
    context: str = ""


class SearchResultIn(Struct):
    """``search_result``: what a search of the caller's own has found."""

    source: str = ""
    title: str = ""
    content: Loose | UnsetType = UNSET


class ToolReferenceIn(Struct):
    """``tool_reference``: a tool that a search for tools has found. All tools are told to the model anyway."""

    tool_name: str = ""


class ThinkingIn(Struct):
    """``thinking``: what the model thought in an earlier turn."""

    thinking: str = ""


class ToolUseIn(Struct):
    """``tool_use``: a call in an earlier turn of the model's."""

    id: str = ""
    name: str = ""
    # JSON of the tool's own shape.
    input: dict[str, Any] = field(default_factory=dict)


class ToolResultIn(Struct):
    """``tool_result``: what a call gave, as text or as a list of blocks."""

    tool_use_id: str = ""
    content: Loose | UnsetType = UNSET
    is_error: bool = False


class ToolIn(Struct):
    """A function that may be called. type: ``custom`` or none; anything else names a tool of Anthropic's own."""

    type: str = ""
    name: str = ""
    description: str = ""
    input_schema: Loose | UnsetType = UNSET


class TextBlock(Struct):
    """What the model says."""

    type: str
    text: str


class ThinkingBlock(Struct):
    """What the model thinks. The signature is empty until the block is complete."""

    type: str
    thinking: str
    signature: str


class ToolUseBlock(Struct):
    """What the model wants called."""

    type: str
    id: str
    name: str
    # JSON of the tool's own shape.
    input: dict[str, Any]


Block = TextBlock | ThinkingBlock | ToolUseBlock


class Usage(Struct):
    """Tokens. Those that came out of a cache are told apart, and are not among the ``input_tokens``."""

    input_tokens: int
    output_tokens: int
    cache_read_input_tokens: int | UnsetType = UNSET


class Message(Struct):
    """An answer, begun or done."""

    id: str
    type: str
    role: str
    model: str
    content: list[Block]
    stop_reason: str | None
    stop_sequence: str | None
    usage: Usage
    route: AnswerRoute | UnsetType = UNSET


class MessageStart(Struct):
    """The answer before there is anything of it; its ``input_tokens`` are estimated."""

    type: str
    message: Message


class BlockStart(Struct):
    """A block begins, without its content."""

    type: str
    index: int
    content_block: Block


class TextDelta(Struct):
    """More text."""

    type: str
    text: str


class ThinkingDelta(Struct):
    """More thinking."""

    type: str
    thinking: str


class SignatureDelta(Struct):
    """The signature of a block of thinking, before it ends."""

    type: str
    signature: str


class InputDelta(Struct):
    """A tool's input, which is JSON as text, all at once."""

    type: str
    partial_json: str


class BlockDelta(Struct):
    """A block grows."""

    type: str
    index: int
    delta: TextDelta | ThinkingDelta | SignatureDelta | InputDelta


class BlockStop(Struct):
    """A block is complete."""

    type: str
    index: int


class Stop(Struct):
    """Why the answer ends."""

    stop_reason: str
    stop_sequence: str | None


class MessageDelta(Struct):
    """The end of an answer."""

    type: str
    delta: Stop
    usage: Usage
    route: AnswerRoute | UnsetType = UNSET


class MessageStop(Struct):
    """Nothing follows."""

    type: str


class TokenCount(Struct):
    """``POST /v1/messages/count_tokens``."""

    input_tokens: int


class Error(Struct):
    """What went wrong, in Anthropic's words."""

    type: str
    message: str


class ErrorBody(Struct):
    """Every error of Anthropic's API, in a stream too."""

    type: str
    error: Error
    request_id: str
