"""What an Ollama says where a prompt is longer than its context. Pure."""

import re

from arriero.engines.openai.refusals import read_refusal
from arriero.errors import EngineFailed, PromptTooLong

# In the words of llama.cpp and of arriero.
_SIZES = (
    re.compile(r"request \((?P<has>\d+) tokens\) exceeds the available context size \((?P<limit>\d+) tokens\)"),
    re.compile(r"the prompt has (?P<has>\d+) tokens, which exceeds the context of (?P<limit>\d+) tokens"),
)
_LENGTH = re.compile(
    r"context.*(exceed|too large|longer|too long)|(exceed|too large|longer|too long).*context", re.DOTALL
)


def understood(error: EngineFailed) -> EngineFailed:
    """A refusal, as PromptTooLong where that is what it says. Ollama hands on what its own engine has said, as JSON."""
    if error.message.startswith('{"error":'):
        error = read_refusal(error.status, error.message.encode())
    for sizes in _SIZES:
        if not isinstance(error, PromptTooLong) and (found := sizes.search(error.message)):
            return PromptTooLong(int(found["has"]), int(found["limit"]))
    return error


def is_about_length(error: EngineFailed) -> bool:
    """Whether a refusal says that the prompt is too long, be it without numbers."""
    return bool(_LENGTH.search(error.message))
