"""The wire types of OpenAI's chat completions, as clients send and get them."""

from typing import Any

from msgspec import UNSET, Struct, UnsetType, field

from arriero.protocol.answer_route import AnswerRoute
from arriero.protocol.ollama import Loose
from arriero.protocol.openai_answer import CompletionUsage
from arriero.protocol.openai_request import TextBody


class JsonSchema(Struct):
    """A schema that the answer must keep to; its name and strictness change nothing here."""

    schema: dict[str, Any] = field(default_factory=dict)


class ResponseFormat(Struct):
    """``text``, ``json_object`` or ``json_schema``."""

    type: str = "text"
    json_schema: JsonSchema = field(default_factory=JsonSchema)


class Reasoning(Struct):
    """How hard to think, as some clients write it."""

    effort: str = ""


class InFunction(Struct):
    """What was called; the arguments are a JSON object as text."""

    name: str = ""
    arguments: Loose | UnsetType = UNSET


class InCustom(Struct):
    """Which tool was called that takes a text, and with what."""

    name: str = ""
    input: str = ""


class InToolCall(Struct):
    """A call in an earlier turn of the model's."""

    id: str = ""
    function: InFunction = field(default_factory=InFunction)
    custom: InCustom | UnsetType = UNSET


class InMessage(Struct):
    """One turn, in requests; content is text or a list of parts, and may be missing beside calls.

    name: of the tool that a turn of the role ``tool`` answers for. reasoning_content: other servers' word for
    ``reasoning``. refusal: what the model said instead of an answer. function_call: what a call was before there were
    several in a turn.
    """

    role: str = ""
    content: Loose | UnsetType = UNSET
    reasoning: str = ""
    reasoning_content: str = ""
    refusal: str = ""
    name: str = ""
    tool_calls: list[InToolCall] = field(default_factory=list)
    function_call: InFunction | UnsetType = UNSET
    tool_call_id: str = ""


class ChatCompletionRequest(TextBody):
    """``POST /v1/chat/completions``."""

    messages: list[InMessage] = field(default_factory=list)
    max_completion_tokens: int | UnsetType = UNSET
    response_format: ResponseFormat = field(default_factory=ResponseFormat)
    # Definitions of functions are the caller's, given to the model's template as they are.
    tools: list[dict[str, Any]] = field(default_factory=list)
    tool_choice: Loose | UnsetType = UNSET
    # What tools were before there were tools.
    functions: list[Any] = field(default_factory=list)
    parallel_tool_calls: bool = True
    reasoning_effort: str = ""
    reasoning: Reasoning | UnsetType = UNSET
    logprobs: bool = False
    top_logprobs: int = 0
    # Words of the caller's own, of which one is known.
    modalities: list[Any] = field(default_factory=list)


class OutFunction(Struct):
    """What the model wants called; the arguments are a JSON object as text."""

    name: str
    arguments: str


class OutToolCall(Struct):
    """A whole call by the model. index: 0 for the first of an answer."""

    id: str
    index: int
    type: str
    function: OutFunction


class OutCustom(Struct):
    """What the model wants called with a text."""

    name: str
    input: str


class OutCustomCall(Struct):
    """A whole call of a tool that takes a text. index: 0 for the first of an answer."""

    id: str
    index: int
    type: str
    custom: OutCustom


OutCall = OutToolCall | OutCustomCall


class OutMessage(Struct):
    """The model's turn, in an answer that comes in one piece."""

    role: str
    content: str
    reasoning: str | UnsetType = UNSET
    tool_calls: list[OutCall] | UnsetType = UNSET


class OutDelta(Struct):
    """What a chunk adds to the model's turn."""

    role: str | UnsetType = UNSET
    content: str | UnsetType = UNSET
    reasoning: str | UnsetType = UNSET
    tool_calls: list[OutCall] | UnsetType = UNSET


class OutTopLogprob(Struct):
    """A token that might have been chosen; ``bytes`` are those of its UTF-8."""

    token: str
    logprob: float
    bytes: list[int]


class OutTokenLogprob(Struct):
    """A token that was chosen, and those that might have been."""

    token: str
    logprob: float
    bytes: list[int]
    top_logprobs: list[OutTopLogprob]


class OutLogprobs(Struct):
    """The tokens of an answer or a chunk."""

    content: list[OutTokenLogprob]


class MessageChoice(Struct):
    """One alternative of a whole answer."""

    index: int
    message: OutMessage
    finish_reason: str
    logprobs: OutLogprobs | UnsetType = UNSET


class DeltaChoice(Struct):
    """A piece of one alternative."""

    index: int
    delta: OutDelta
    finish_reason: str | None
    logprobs: OutLogprobs | UnsetType = UNSET


class ChatCompletion(Struct):
    """An answer in one piece."""

    id: str
    object: str
    created: int
    model: str
    system_fingerprint: str
    choices: list[MessageChoice]
    usage: CompletionUsage
    route: AnswerRoute | UnsetType = UNSET


class ChatCompletionChunk(Struct):
    """One event of a stream."""

    id: str
    object: str
    created: int
    model: str
    system_fingerprint: str
    choices: list[DeltaChoice]
    usage: CompletionUsage | UnsetType = UNSET
    route: AnswerRoute | UnsetType = UNSET
