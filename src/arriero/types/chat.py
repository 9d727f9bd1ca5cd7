"""A request for text, in no dialect."""

from dataclasses import dataclass, field
from typing import Any, Literal

from arriero.types.sampling import SamplingParams

ThinkLevel = Literal["low", "medium", "high", "max"]


@dataclass(frozen=True, slots=True)
class Message:
    """One turn. ``role`` is any lower-case word that the model's template knows."""

    role: str
    content: str
    thinking: str = ""


@dataclass(frozen=True, slots=True)
class ChatPrompt:
    """Messages that the engine renders with the model's own chat template.

    think: None leaves it to the template.
    """

    messages: tuple[Message, ...]
    think: bool | ThinkLevel | None = None


@dataclass(frozen=True, slots=True)
class TextPrompt:
    """Text that goes to the model as it is."""

    text: str


Prompt = ChatPrompt | TextPrompt


@dataclass(frozen=True, slots=True)
class JsonFormat:
    """The answer must be JSON: any object, or one that a JSON Schema describes."""

    # A JSON Schema is data of the caller's, handed to the engine's grammar unread.
    schema: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class TextRequest:
    """One answer to be generated."""

    prompt: Prompt
    sampling: SamplingParams = field(default_factory=SamplingParams)
    json_format: JsonFormat | None = None
