"""A request for text, in no dialect."""

from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct, field

from arriero.types.sampling import SamplingParams

ThinkLevel = Literal["low", "medium", "high", "max"]


class ToolCall(Struct, frozen=True):
    """A function that the model wants called. id: "" where nobody has given it one."""

    name: str
    # The arguments are JSON whose shape the caller's own tool decides; their order is kept.
    arguments: dict[str, Any]
    id: str = ""


class Message(Struct, frozen=True):
    """One turn. ``role`` is any lower-case word that the model's template knows.

    images: standard base64, of pictures or sound, in the order in which they belong to the text.
    tool_calls: in a turn of the model's. tool_name, tool_call_id: which call a turn of the role ``tool`` answers.
    """

    role: str
    content: str
    thinking: str = ""
    images: tuple[str, ...] = ()
    tool_calls: tuple[ToolCall, ...] = ()
    tool_name: str = ""
    tool_call_id: str = ""


class NamedTool(Struct, frozen=True):
    """The tool of this name must be called."""

    name: str


# "required": some tool must be called. That none is called is said by offering none.
ToolChoice = Literal["auto", "required"] | NamedTool


class ChatPrompt(Struct, frozen=True):
    """Messages that the engine renders with the model's own chat template.

    think: None leaves it to the template. tools: definitions of functions as OpenAI and Ollama write them. tool_choice:
    whether one must be called. is_one_call: at most one is called in an answer, where the engine can see to that.
    think_tokens: so much is thought at most, where it can see to that.
    context: tokens of an earlier exchange that stand in front of it all.
    """

    messages: tuple[Message, ...]
    think: bool | ThinkLevel | None = None
    # A tool's definition is the caller's JSON Schema, given to the model's template as it is.
    tools: tuple[dict[str, Any], ...] = ()
    context: tuple[int, ...] = ()
    tool_choice: ToolChoice = "auto"
    is_one_call: bool = False
    think_tokens: int | None = None


class TextPrompt(Struct, frozen=True):
    """Text that goes to the model as it is.

    context: tokens of an earlier exchange that stand in front of it. thinks: the answer may begin with thinking between
    ``<think>`` and ``</think>``, which then is told apart from the text.
    """

    text: str
    context: tuple[int, ...] = ()
    thinks: bool = False


class InfillPrompt(Struct, frozen=True):
    """Text before and after the gap that the model shall fill."""

    prefix: str
    suffix: str


Prompt = ChatPrompt | TextPrompt | InfillPrompt


class JsonFormat(Struct, frozen=True):
    """The answer must be JSON: any object, or one that a JSON Schema describes."""

    # A JSON Schema is data of the caller's, handed to the engine's grammar unread.
    schema: dict[str, Any] | None = None


class Passing(Struct, frozen=True):
    """The stream that a client wants: an engine that speaks its dialect may answer with ``Passed``.

    model: what the client calls it. include_usage: the stream tells the usage.
    """

    dialect: Literal["chat", "completions"]
    model: str
    include_usage: bool = False


class TextRequest(Struct, frozen=True):
    """One answer to be generated.

    top_logprobs: None: no log probabilities; 0: those of the tokens chosen; more: so many alternatives to each, too.
    num_ctx: tokens that prompt and answer may take together; None: all that the model was loaded with.
    is_truncating: old messages are left out of a prompt that is longer, instead of the request being refused.
    is_shifting: the answer may go on beyond, forgetting what is old.
    wants_context: the answer's end shall tell the tokens of the prompt and of the answer.
    wants_stop_text: it shall tell which of ``sampling.stop`` ended it, where the engine can.
    may_skip_thinking: of the models that a router has, one that cannot think just answers.
    engine_fields: of sampling, as requests to engines that know them have them; other engines pass them over.
    passing: the client can be given the engine's own bytes, where they are what this server would write.
    """

    prompt: Prompt
    sampling: SamplingParams = field(default_factory=SamplingParams)
    json_format: JsonFormat | None = None
    top_logprobs: int | None = None
    num_ctx: int | None = None
    is_truncating: bool = True
    is_shifting: bool = False
    wants_context: bool = False
    wants_stop_text: bool = False
    may_skip_thinking: bool = False
    # An engine's own fields, which it checks itself.
    engine_fields: Mapping[str, Any] = field(default_factory=dict)
    passing: Passing | None = None
