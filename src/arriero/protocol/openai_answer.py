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


class CompletionTokensDetails(Struct):
    """Of the answer's tokens, those that were thought before it."""

    reasoning_tokens: int


class CompletionUsage(Struct):
    """Tokens of an answer; details only where there are any."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptTokensDetails | UnsetType = UNSET
    completion_tokens_details: CompletionTokensDetails | UnsetType = UNSET


def to_usage(usages: Sequence[Usage], per_prompt: int) -> CompletionUsage:
    """Tokens of all answers, of which so many are to each prompt: that counts once."""
    prompts = usages[::per_prompt]
    prompt = sum(usage.prompt_tokens for usage in prompts)
    cached = sum(usage.cached_tokens for usage in prompts)
    completion = sum(usage.completion_tokens for usage in usages)
    reasoning = sum(usage.reasoning_tokens for usage in usages)
    return CompletionUsage(
        prompt,
        completion,
        prompt + completion,
        PromptTokensDetails(cached) if cached else UNSET,
        CompletionTokensDetails(reasoning) if reasoning else UNSET,
    )
