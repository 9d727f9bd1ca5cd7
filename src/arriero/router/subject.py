"""What a router looks at of a request. Pure."""

from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from arriero.types.chat import ChatPrompt, InfillPrompt, Message, Prompt, TextPrompt, TextRequest

# A token is about so many bytes of text; of pictures, about so many tokens each.
_BYTES_PER_TOKEN = 3.5
_TOKENS_PER_IMAGE = 800


class Subject(Struct, frozen=True):
    """A request, as scorers and rules see it.

    turns: the conversation, the request's own turn last. prompt_tokens: an estimate. wanted_tokens: of the answer, at
    most; None where the request does not say. attached: what it is told beside them: definitions of tools, and the
    schema of the answer.
    """

    turns: tuple[Message, ...]
    prompt_tokens: int = 0
    wanted_tokens: int | None = None
    has_images: bool = False
    has_tools: bool = False
    wants_thinking: bool = False
    has_schema: bool = False
    is_gap: bool = False
    # JSON of the caller's.
    attached: tuple[dict[str, Any], ...] = ()

    @property
    def text(self) -> str:
        """What is asked: the text of the last turn that is the user's; "" where there is none."""
        return next((turn.content for turn in reversed(self.turns) if turn.role == "user"), "")

    @property
    def whole_text(self) -> str:
        """All that the request would tell: every turn, what tools there are, and what they were called with."""
        said = (text for turn in self.turns for text in _texts_of_turn(turn))
        return "\n".join([*said, *_texts(self.attached)])

    @property
    def earlier(self) -> tuple[str, ...]:
        """What the user has asked before, the latest first."""
        return tuple(turn.content for turn in reversed(self.turns) if turn.role == "user")[1:]

    @property
    def is_in_tool_loop(self) -> bool:
        """Whether a tool has answered, and the model that called it is to go on."""
        return bool(self.turns) and self.turns[-1].role == "tool"


def subject_of(request: TextRequest) -> Subject:
    """What is looked at of a request."""
    prompt = request.prompt
    turns = _turns(prompt)
    images = sum(len(turn.images) for turn in turns)
    chat = prompt if isinstance(prompt, ChatPrompt) else ChatPrompt(())
    size_bytes = sum(len(turn.content.encode()) + len(turn.thinking.encode()) for turn in turns)
    size_bytes += len(str(chat.tools)) if chat.tools else 0
    schema = request.json_format.schema if request.json_format else None
    return Subject(
        turns,
        prompt_tokens=int(size_bytes / _BYTES_PER_TOKEN) + _TOKENS_PER_IMAGE * images + 4 * len(turns),
        wanted_tokens=request.sampling.max_tokens,
        has_images=images > 0,
        has_tools=bool(chat.tools),
        # A client that always asks for it can do without.
        wants_thinking=bool(chat.think) and not request.may_skip_thinking,
        has_schema=request.json_format is not None,
        is_gap=isinstance(prompt, InfillPrompt),
        attached=(*chat.tools, schema) if schema else chat.tools,
    )


def _turns(prompt: Prompt) -> tuple[Message, ...]:
    match prompt:
        case ChatPrompt(messages=messages):
            return messages
        case TextPrompt(text=text):
            return (Message("user", text),)
        case InfillPrompt(prefix, suffix):
            # Words on its two sides are not one.
            return (Message("user", f"{prefix}\n{suffix}"),)


def _texts_of_turn(turn: Message) -> Iterator[str]:
    yield from (turn.content, turn.thinking, turn.tool_name)
    for call in turn.tool_calls:
        yield call.name
        yield from _texts(call.arguments)


# JSON of the caller's, of any shape.
def _texts(value: Any) -> Iterator[str]:
    """All that stands in it, each by itself: written as JSON, a word could have signs around it that hide it."""
    match value:
        case dict():
            for name, inner in value.items():
                yield str(name)
                yield from _texts(inner)
        case list() | tuple():
            for inner in value:
                yield from _texts(inner)
        case _:
            yield str(value)
