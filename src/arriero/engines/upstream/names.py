"""What the names of well-known models say of them, where their server says nothing. Pure."""

import re

_THINKS = re.compile(
    r"deepseek-?r1|deepseek-reasoner|\bqwq\b|gpt-?oss|magistral|[-_]thinking\b|[-_]reasoning\b|minimax-m[12]", re.I
)
_SEES = re.compile(
    r"[-_.\d]vl\b|\bvl[-_]|vision|llava|pixtral|internvl|molmo|gpt-4o|gpt-4\.1|gpt-5|claude|gemini|gemma-?3-(?!1b|270m)"
    r"|llama-?4|mistral-(?:small-3\.[12]|medium-3)",
    re.I,
)
_EMBEDS = re.compile(r"embed|\bbge-|\be5-|\bgte-|minilm|\bjina-clip", re.I)


def says_thinking(name: str) -> bool:
    """Whether a model of this name thinks before it answers."""
    return bool(_THINKS.search(name))


def says_vision(name: str) -> bool:
    """Whether a model of this name looks at pictures."""
    return bool(_SEES.search(name))


def says_embedding(name: str) -> bool:
    """Whether a model of this name embeds, and does nothing else."""
    return bool(_EMBEDS.search(name))
