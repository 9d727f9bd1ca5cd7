"""A request for text, in no dialect."""

from typing import Any, Literal

from msgspec import Struct, field

from arriero.types.sampling import SamplingParams

ThinkLevel = Literal["low", "medium", "high", "max"]


class Message(Struct, frozen=True):
    """One turn. ``role`` is any lower-case word that the model's template knows."""

    role: str
    content: str
    thinking: str = ""


class ChatPrompt(Struct, frozen=True):
    """Messages that the engine renders with the model's own chat template.

    think: None leaves it to the template.
    """

    messages: tuple[Message, ...]
    think: bool | ThinkLevel | None = None


class TextPrompt(Struct, frozen=True):
    """Text that goes to the model as it is."""

    text: str


Prompt = ChatPrompt | TextPrompt


class JsonFormat(Struct, frozen=True):
    """The answer must be JSON: any object, or one that a JSON Schema describes."""

    # A JSON Schema is data of the caller's, handed to the engine's grammar unread.
    schema: dict[str, Any] | None = None


class TextRequest(Struct, frozen=True):
    """One answer to be generated."""

    prompt: Prompt
    sampling: SamplingParams = field(default_factory=SamplingParams)
    json_format: JsonFormat | None = None
