"""What engines that speak OpenAI's API send back: one struct reads the chunks of chat and of text completions.

llama.cpp, vLLM and SGLang differ in which keys they add; keys that nobody reads are not decoded.
"""

from msgspec import Struct, field


class Delta(Struct, gc=False):
    """What a chunk adds to the message. Engines disagree on the name of the reasoning."""

    content: str | None = None
    reasoning_content: str | None = None


class Choice(Struct):
    """One alternative; ``delta`` in chat chunks, ``text`` in those of text completions."""

    delta: Delta = field(default_factory=Delta)
    text: str | None = None
    finish_reason: str | None = None


class CachedTokens(Struct, gc=False):
    """How many prompt tokens came out of a cache."""

    cached_tokens: int | None = 0


class EngineUsage(Struct):
    """Token counts of a whole answer."""

    prompt_tokens: int = 0
    completion_tokens: int | None = 0
    prompt_tokens_details: CachedTokens | None = None


class Timings(Struct, gc=False):
    """llama.cpp's own clock: milliseconds of prefill and of decoding."""

    prompt_ms: float = 0.0
    predicted_ms: float = 0.0


class EngineError(Struct):
    """The body of an error, or of an error event in a stream."""

    message: str = ""
    code: int | str | None = None


class Chunk(Struct):
    """One event of a stream."""

    choices: list[Choice] = field(default_factory=list)
    usage: EngineUsage | None = None
    timings: Timings | None = None
    error: EngineError | str | None = None


class ErrorBody(Struct):
    """The body of an answer with an error status."""

    error: EngineError | str | None = None
    message: str | None = None
