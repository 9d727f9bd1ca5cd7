"""What a model is asked, and where its answer stands. Pure.

The state comes first, and is the same text for all questions of a request: an engine computes it once.
"""

from collections.abc import Sequence

from arriero.types.chat import ChatPrompt, Message
from arriero.types.system_one import Option, Question

# The end of every question, but for what a chat template puts behind it.
LAST_LINE = "Answer with the label alone."
# What stands in place of a template's end, for a model that has none, and what stands between that and the label.
CUE, CUE_GAP = "\nAnswer:", " "


def prompt_text(state: str, question: Question, labels: Sequence[str]) -> str:
    """The state, a question over it, what may be answered, and how."""
    options = [f"{label}: {meaning(question, option)}" for label, option in zip(labels, question.options, strict=True)]
    lines = [f"Question: {question.instructions}", *options, LAST_LINE]
    return (f"{state}\n\n" if state.strip() else "") + "\n".join(lines)


def as_chat(text: str, images: tuple[str, ...] = ()) -> ChatPrompt:
    """What a model for chat is asked; it is not to think first."""
    return ChatPrompt((Message("user", text, images=images),), think=False)


def meaning(question: Question, option: Option) -> str:
    """An option as the model is told of it."""
    if question.kind != "choice" or option.text == option.name:
        return option.text
    return f"{option.name} ({option.text})"
