"""What a request for chat and one for a completion have in common on OpenAI's wire, and how it is read. Pure."""

from collections.abc import Mapping
from typing import Any

from msgspec import UNSET, Struct, UnsetType, field

from arriero.errors import InvalidRequest
from arriero.protocol.ollama import Loose

_MOST_ALTERNATIVES = 20
_MOST_CHOICES = 16
_MOST_BIAS = 100
_LARGEST_TOKEN = 2**31 - 1
_MOST_DIGITS = 20


class StreamOptions(Struct):
    """What a stream carries besides the text."""

    include_usage: bool = False


class TextBody(Struct):
    """A request for text. Numbers that are absent or null have the API's own defaults.

    The last three are Ollama's own and no part of OpenAI's API: clients that cannot make a model with another context
    ask for it so. Options come before the fields of OpenAI's API; one that is null is left to the model.
    """

    model: str = ""
    stream: bool = False
    stream_options: StreamOptions = field(default_factory=StreamOptions)
    max_tokens: int | UnsetType = UNSET
    temperature: float = 1.0
    top_p: float = 1.0
    seed: int | UnsetType = UNSET
    stop: Loose | UnsetType = UNSET
    frequency_penalty: float | UnsetType = UNSET
    presence_penalty: float | UnsetType = UNSET
    n: int = 1
    # By the numbers of tokens, which JSON can only write as text.
    logit_bias: dict[str, float] = field(default_factory=dict)
    # What SGLang, vLLM and smg take beside OpenAI's API, for them to check.
    top_k: Loose | UnsetType = UNSET
    min_p: Loose | UnsetType = UNSET
    repetition_penalty: Loose | UnsetType = UNSET
    min_tokens: Loose | UnsetType = UNSET
    ignore_eos: Loose | UnsetType = UNSET
    stop_token_ids: Loose | UnsetType = UNSET
    # The caller's own notes.
    metadata: dict[str, Any] = field(default_factory=dict)
    num_ctx: int | UnsetType = UNSET
    keep_alive: Loose | UnsetType = UNSET
    # Options are checked by ``merge_options``.
    options: dict[str, Any] = field(default_factory=dict)


def read_options(body: TextBody) -> Mapping[str, Any]:
    """The request's sampling parameters as Ollama's options, and those that it brings as such."""
    options = {
        "num_predict": body.max_tokens,
        "temperature": body.temperature,
        "top_p": body.top_p,
        "seed": body.seed,
        # Without any, the model's own count.
        "stop": _stop(body.stop) or UNSET,
        "frequency_penalty": body.frequency_penalty,
        "presence_penalty": body.presence_penalty,
        **body.options,
        "num_ctx": body.options.get("num_ctx", UNSET) if body.num_ctx is UNSET else body.num_ctx,
    }
    return {name: value for name, value in options.items() if value is not UNSET}


# Values are the caller's, handed on unread.
def read_engine_fields(body: TextBody) -> Mapping[str, Any]:
    """The fields that only some engines have (see ``TextRequest.engine_fields``)."""
    fields = {
        "top_k": body.top_k,
        "min_p": body.min_p,
        "repetition_penalty": body.repetition_penalty,
        "min_tokens": body.min_tokens,
        "ignore_eos": body.ignore_eos,
        "stop_token_ids": body.stop_token_ids,
    }
    return {name: value for name, value in fields.items() if value is not UNSET and value is not None}


def read_tops(name: str, tops: int) -> int:
    """How many alternatives to each token are told. Raises InvalidRequest where they are too many."""
    if not 0 <= tops <= _MOST_ALTERNATIVES:
        raise InvalidRequest(f"{name} must be between 0 and {_MOST_ALTERNATIVES}")
    return tops


def read_logit_bias(body: TextBody) -> tuple[tuple[int, float], ...]:
    """What is added to the logits of tokens. Raises InvalidRequest for what is no token, and for too much."""
    for token, bias in body.logit_bias.items():
        # Python reads no number of thousands of digits.
        is_number = token.isascii() and token.isdecimal() and len(token) <= _MOST_DIGITS
        if not is_number or int(token) > _LARGEST_TOKEN:
            raise InvalidRequest(f"logit_bias: {token[:20]!r} is not the number of a token")
        if abs(bias) > _MOST_BIAS:
            raise InvalidRequest(f"logit_bias of token {token} must be between -{_MOST_BIAS} and {_MOST_BIAS}")
    return tuple((int(token), bias) for token, bias in body.logit_bias.items())


def read_count(body: TextBody) -> int:
    """How many answers are asked for. Raises InvalidRequest where they are none or too many."""
    if not 1 <= body.n <= _MOST_CHOICES:
        raise InvalidRequest(f"n must be between 1 and {_MOST_CHOICES}")
    return body.n


def _stop(value: Loose | UnsetType) -> list[str]:
    if isinstance(value, list):
        return [text for text in value if isinstance(text, str)]
    return [value] if isinstance(value, str) else []
