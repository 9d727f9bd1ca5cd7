"""What engines that speak OpenAI's API send back: one struct reads the chunks of chat and of text completions.

llama.cpp, vLLM and SGLang differ in which keys they add; keys that nobody reads are not decoded.
"""

from typing import Any

import msgspec
from msgspec import Struct, field

# What decoding raises for bytes that are not what they should be; the last one for brackets without end.
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class FunctionPiece(Struct):
    """A piece of a function's name and of its arguments, which are JSON as text; some send the object itself."""

    name: str | None = None
    # An object's keys and values are the model's.
    arguments: str | dict[str, Any] | None = None


class ToolCallPiece(Struct):
    """A piece of the call with this index; without one, of the call that is under way."""

    index: int | None = None
    id: str | None = None
    function: FunctionPiece = field(default_factory=FunctionPiece)


class Delta(Struct):
    """What a chunk adds to the message. Engines disagree on the name of the reasoning."""

    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[ToolCallPiece] | None = None


class EngineLogprob(Struct):
    """A token with the logarithm of its probability, and those that might have stood in its place."""

    token: str
    logprob: float | None = 0.0
    top_logprobs: "list[EngineLogprob] | None" = None


class Logprobs(Struct):
    """The tokens of a chunk: ``content`` in chat, and columns in text completions."""

    content: list[EngineLogprob] | None = None
    tokens: list[str] | None = None
    token_logprobs: list[float | None] | None = None
    top_logprobs: list[dict[str, float | None] | None] | None = None


class Choice(Struct):
    """One alternative; ``delta`` in chat chunks, ``text`` in those of text completions.

    stop_reason, matched_stop: what vLLM and SGLang say has ended the answer: a text of ``stop``, or a token's number.
    """

    delta: Delta | None = None
    text: str | None = None
    logprobs: Logprobs | None = None
    finish_reason: str | None = None
    # Other servers have other things under these names.
    stop_reason: Any = None
    matched_stop: Any = None


class CachedTokens(Struct, gc=False):
    """How many prompt tokens came out of a cache."""

    cached_tokens: int | float | None = 0


class ReasoningTokens(Struct, gc=False):
    """How many tokens of an answer were thinking."""

    reasoning_tokens: int | float | None = 0


class EngineUsage(Struct):
    """Token counts of a whole answer. Some servers have only one kind of number, and write 3.0."""

    prompt_tokens: int | float | None = 0
    completion_tokens: int | float | None = 0
    prompt_tokens_details: CachedTokens | None = None
    completion_tokens_details: ReasoningTokens | None = None
    reasoning_tokens: int | float | None = 0


class Timings(Struct, gc=False):
    """llama.cpp's own clock: milliseconds of prefill and of decoding; null where they are no number."""

    prompt_ms: float | None = 0.0
    predicted_ms: float | None = 0.0


class Verbose(Struct):
    """What llama.cpp tells beside an answer where it is asked to: the text of ``stop`` that ended it."""

    stopping_word: str = ""


class EngineError(Struct):
    """The body of an error, or of an error event in a stream; the numbers come with a prompt that is too long."""

    message: str = ""
    code: int | str | None = None
    type: str | None = None
    n_prompt_tokens: int = 0
    n_ctx: int = 0


class Chunk(Struct):
    """One event of a stream."""

    choices: list[Choice] | None = None
    usage: EngineUsage | None = None
    # An object without entries is a list where PHP writes it.
    timings: Timings | list[Any] | None = None
    error: EngineError | str | None = None
    verbose: Verbose | None = field(default=None, name="__verbose")


class WholeChoice(Struct):
    """The one alternative of an answer that comes in one piece: ``message`` in chat, ``text`` in text completions."""

    message: Delta | None = None
    text: str | None = None
    logprobs: Logprobs | None = None
    finish_reason: str | None = None


class WholeAnswer(Struct):
    """An answer in one piece."""

    choices: list[WholeChoice]
    usage: EngineUsage | None = None
    timings: Timings | list[Any] | None = None


class NativeChunk(Struct):
    """One event of llama.cpp's own stream, which it also sends for infill."""

    content: str = ""
    stop: bool = False
    stop_type: str = ""
    tokens_evaluated: int = 0
    tokens_predicted: int = 0
    completion_probabilities: list[EngineLogprob] = field(default_factory=list)
    timings: Timings | None = None
    error: EngineError | str | None = None
