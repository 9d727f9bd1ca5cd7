"""What answers of OpenAI's API have in common: who they are, and what they took. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from msgspec import UNSET, Struct, UnsetType

from arriero.types.usage import Usage

FINGERPRINT = "fp_ollama"


@dataclass(frozen=True, slots=True)
class AnswerHead:
    """What stands in every chunk of an answer. model: as asked for. created: Unix seconds of its start."""

    id: str
    created: int
    model: str


class PromptTokensDetails(Struct):
    """Of the prompt's tokens, those that came out of a cache."""

    cached_tokens: int


class CompletionUsage(Struct):
    """Tokens of an answer; details only where there are any."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptTokensDetails | UnsetType = UNSET


def to_usage(usages: Sequence[Usage]) -> CompletionUsage:
    """Tokens of the answers to one prompt, which counts once."""
    prompt = usages[0].prompt_tokens if usages else 0
    cached = usages[0].cached_tokens if usages else 0
    completion = sum(usage.completion_tokens for usage in usages)
    details = PromptTokensDetails(cached) if cached else UNSET
    return CompletionUsage(prompt, completion, prompt + completion, details)
