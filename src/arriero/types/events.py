"""What comes back from an engine: a stream of events that ends with exactly one ``Finished``.

Events arrive in batches: those that one read from the engine brought together leave together in one write. When an
engine runs faster than its client reads, a chunk then costs a few microseconds and not the price of a wake-up.
"""

from collections.abc import AsyncGenerator, Sequence
from typing import Literal

import msgspec

from arriero.types.chat import ToolCall
from arriero.types.routing import Decision
from arriero.types.usage import Usage

FinishReason = Literal["stop", "length"]


class Truncated(msgspec.Struct, frozen=True):
    """The prompt was too long, and so much of it was left out. Comes first, if at all.

    dropped_messages: turns of the chat. dropped_tokens: tokens of an earlier exchange (``TextPrompt.context``).
    prompt_tokens: of what was left. num_ctx: the tokens that there is room for.
    """

    dropped_messages: int
    prompt_tokens: int
    num_ctx: int
    dropped_tokens: int = 0


class TopLogprob(msgspec.Struct, frozen=True, gc=False):
    """A token that might have been chosen. logprob: natural logarithm of its probability."""

    token: str
    logprob: float


class TokenLogprob(msgspec.Struct, frozen=True):
    """A token that was chosen, and the likeliest ones in its place, the likeliest first."""

    token: str
    logprob: float
    top: tuple[TopLogprob, ...] = ()


class TextDelta(msgspec.Struct, frozen=True, gc=False):
    """A piece of the answer: whole characters, never half of one.

    logprobs: of the tokens that this piece brought, where they were asked for; the text may be empty beside them.
    """

    text: str
    logprobs: tuple[TokenLogprob, ...] = ()


class ThinkingDelta(msgspec.Struct, frozen=True, gc=False):
    """A piece of what the model thinks before it answers."""

    text: str


class ToolCallDelta(msgspec.Struct, frozen=True):
    """One whole call of a tool. index: 0 for the first of an answer."""

    index: int
    call: ToolCall


class Passed(msgspec.Struct, frozen=True, gc=False):
    """A piece of the answer's stream in the client's own dialect, to be sent as it is.

    An answer to ``TextRequest.passing`` is told either in these or in other events; what ends the stream is in them.
    """

    data: bytes | memoryview


class Finished(msgspec.Struct, frozen=True):
    """The answer is complete.

    context: the tokens of prompt and answer, where they were asked for and can be had. stop_text: which of the texts
    that end an answer has ended it, where that was asked for and can be had; "" for none of them.
    """

    reason: FinishReason
    usage: Usage
    context: tuple[int, ...] = ()
    stop_text: str = ""


# A decision comes before all else, where a router has found who answers.
Event = TextDelta | ThinkingDelta | ToolCallDelta | Passed | Truncated | Decision | Finished


def text_and_thinking(events: Sequence[Event]) -> tuple[str, str]:
    """All text of an answer, and all that was thought before it."""
    text = "".join(event.text for event in events if type(event) is TextDelta)
    return text, "".join(event.text for event in events if type(event) is ThinkingDelta)


EventStream = AsyncGenerator[Sequence[Event], None]
