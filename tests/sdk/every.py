"""All scenarios, in the order of the table."""

from collections.abc import Sequence

from tests.sdk import (
    anthropic_failures,
    anthropic_messages,
    anthropic_tools,
    ollama_decisions,
    openai_chat,
    openai_completions,
    openai_failures,
    openai_responses,
    openai_tools,
)
from tests.sdk.scenario import Scenario

SCENARIOS: Sequence[Scenario] = (
    *openai_chat.CHAT,
    *openai_tools.TOOL_CALLS,
    *openai_completions.COMPLETIONS,
    *openai_completions.EMBEDDINGS,
    *openai_completions.LISTED,
    *openai_responses.RESPONSES,
    *openai_failures.FAILURES,
    *anthropic_messages.MESSAGES,
    *anthropic_tools.TOOL_CALLS,
    *anthropic_failures.FAILURES,
    *ollama_decisions.DECISIONS,
)
