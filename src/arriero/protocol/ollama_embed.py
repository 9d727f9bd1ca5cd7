"""Ollama's ``/api/embed`` and ``/api/embeddings``: their wire types, and how much of an input is embedded. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from msgspec import UNSET, Struct, UnsetType, field

from arriero.errors import InvalidRequest
from arriero.protocol.ollama import Loose
from arriero.protocol.ollama_options import LEAST_CONTEXT

# Tokens that a model may put around a text.
_MOST_SPECIALS = 2
_TOO_LONG = "the input length exceeds the context length"
_CANNOT_CUT = "input exceeds maximum context length and cannot be truncated further"
_NOTHING_LEFT = "input after truncation exceeds maximum context length"


class EmbedRequest(Struct):
    """``POST /api/embed``. dimensions: 0 for all."""

    model: str = ""
    input: Loose | UnsetType = UNSET
    truncate: bool = True
    dimensions: int = 0
    keep_alive: Loose | UnsetType = UNSET
    # Options are checked by ``merge_options``.
    options: dict[str, Any] = field(default_factory=dict)


class EmbeddingsRequest(Struct):
    """``POST /api/embeddings``, which came before."""

    model: str = ""
    prompt: str = ""
    keep_alive: Loose | UnsetType = UNSET
    # Options are checked by ``merge_options``.
    options: dict[str, Any] = field(default_factory=dict)


class TruncatedInputs(Struct):
    """What Ollama does not tell: which inputs, counted from 0, were cut to how many tokens."""

    inputs: list[int]
    num_ctx: int


class EmbedResponse(Struct):
    """``POST /api/embed``; durations in nanoseconds, ``prompt_eval_count`` of all inputs together."""

    model: str
    embeddings: list[list[float]]
    total_duration: int | UnsetType = UNSET
    load_duration: int | UnsetType = UNSET
    prompt_eval_count: int | UnsetType = UNSET
    truncated: TruncatedInputs | UnsetType = UNSET


class EmbeddingsResponse(Struct):
    """``POST /api/embeddings``."""

    embedding: list[float]


def read_inputs(value: Loose | UnsetType) -> list[str]:
    """The texts of ``input``: an empty one alone is none. Raises InvalidRequest."""
    match value:
        case UnsetType() | "":
            return []
        case str():
            return [value]
        case list() if all(isinstance(text, str) for text in value):
            return value
        case _:
            raise InvalidRequest("invalid input type")


@dataclass(frozen=True, slots=True)
class InputLimit:
    """How long an input may be.

    tokens: at most, with those that the model puts around it. refusal: what is told of a longer one; "": it is cut.
    """

    tokens: int
    refusal: str = ""

    def surely_holds(self, text: str) -> bool:
        """Whether a text fits whatever its tokens are: none of them is less than a byte."""
        return len(text.encode()) + _MOST_SPECIALS <= self.tokens

    def cut(self, tokens: Sequence[int], specials: Sequence[int]) -> Sequence[int]:
        """As many of the tokens of a longer input as may be.

        specials: the tokens of an empty text, which are those that the model puts around any. Raises InvalidRequest.
        """
        if self.refusal:
            raise InvalidRequest(self.refusal)
        if self.tokens <= len(specials):
            raise InvalidRequest(_NOTHING_LEFT)
        first = len(specials[:1]) if tokens[:1] == specials[:1] else 0
        last = specials[first:]
        return [*tokens[: self.tokens - len(last)], *last]


def input_limit(num_ctx: int | None, most: int, *, truncate: bool) -> InputLimit:
    """How long an input may be where ``num_ctx`` is asked for, and the engine takes ``most`` tokens.

    Ollama cuts to a ``num_ctx`` of 0 or less no more than to any, and then its engine has no room for the input.
    """
    if num_ctx is not None and num_ctx <= 0:
        tokens, refusal = LEAST_CONTEXT, _CANNOT_CUT
    else:
        tokens, refusal = num_ctx or most, ""
    return InputLimit(min(tokens, most), refusal if truncate else _TOO_LONG)
