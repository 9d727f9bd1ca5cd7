"""What an answer took."""

import msgspec


class Usage(msgspec.Struct, frozen=True):
    """Tokens and time of one answer, as far as the engine told.

    prompt_tokens: with those that came out of a cache; cached_tokens: only those.
    completion_tokens: with those of thinking; reasoning_tokens: only those, 0 where the engine does not tell.
    prompt_ns, completion_ns: nanoseconds of prefill and of decoding; 0 where the engine does not tell.
    """

    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    prompt_ns: int = 0
    completion_ns: int = 0
    reasoning_tokens: int = 0
