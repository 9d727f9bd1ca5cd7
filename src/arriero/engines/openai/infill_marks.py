"""The marks around a gap that shall be filled, of families of models that were trained on it. Pure."""

import re

from arriero.types.chat import InfillPrompt

# What stands before the text in front of the gap, before the text behind it, and before what fills it.
_MARKS = (
    (r"qwen[\d.]*-?coder|codeqwen", ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>")),
    (r"starcoder|granite.*code|smollm.*fim", ("<fim_prefix>", "<fim_suffix>", "<fim_middle>")),
    (r"code-?llama", ("<PRE> ", " <SUF>", " <MID>")),
    (r"deepseek-?coder", ("<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>")),  # noqa: RUF001  # its own signs
    (r"code-?gemma", ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>")),
)


def fills_gaps(model: str) -> bool:
    """Whether a model of this name is known to fill gaps."""
    return _marks(model) is not None


def infill_text(model: str, prompt: InfillPrompt) -> str | None:
    """What a model is given so that it fills a gap; None where nobody knows how."""
    marks = _marks(model)
    return None if marks is None else f"{marks[0]}{prompt.prefix}{marks[1]}{prompt.suffix}{marks[2]}"


def _marks(model: str) -> tuple[str, str, str] | None:
    return next((marks for names, marks in _MARKS if re.search(names, model, re.IGNORECASE)), None)
