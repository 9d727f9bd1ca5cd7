"""How the next token is chosen. Every field may be None: then the engine's own default holds."""

import msgspec


class SamplingParams(msgspec.Struct, frozen=True):
    """The sampler's settings, with the meanings that llama.cpp, vLLM and SGLang share.

    max_tokens: how many tokens to generate at most; None: until the model or the context ends.
    repeat_last_n: how many of the last tokens the penalties look at (tokens).
    seed: any 63-bit integer; -1: random; None: the server's own, or random where it has none.
    stop: texts that end the answer and are not part of it.
    logit_bias: what is added to a token's logit, by the token's number in the model's vocabulary; -100 forbids it.
    """

    max_tokens: int | None = None
    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    typical_p: float | None = None
    repeat_penalty: float | None = None
    repeat_last_n: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    num_keep: int | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    logit_bias: tuple[tuple[int, float], ...] = ()
