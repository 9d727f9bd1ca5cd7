"""What a model is asked, and where its answer stands. Pure.

The state comes first, and is the same text for all questions of a request: an engine computes it once. The wording was
chosen by what three small models made of it: with it, they say a label most often, and the right one as often as with
any other.
"""

from collections.abc import Sequence

from arriero.types.chat import ChatPrompt, Message
from arriero.types.system_one import Option, Question

# What every question ends with, but for what a chat template puts behind it.
END = "."
# What stands in place of a template's end, for a model that has none, and what stands between that and the label.
CUE, CUE_GAP = "\nAnswer:", " "


def prompt_text(state: str, question: Question, labels: Sequence[str]) -> str:
    """The state, a question over it, what may be answered, and how."""
    are_words = question.kind == "noul" and all(len(label) > 1 for label in labels)
    # What Yes and No mean need not be told, unless it is something else.
    is_told = not (are_words and [option.text for option in question.options] == ["Yes", "No"])
    told = zip(labels, question.options, strict=True) if is_told else ()
    lines = [f"Question: {question.instructions}", *(f"{label}) {meaning(question, option)}" for label, option in told)]
    last = f"Answer {' or '.join(labels)}{END}" if are_words else f"Answer with the label alone{END}"
    return (f"Text:\n{state}\n\n" if state.strip() else "") + "\n".join([*lines, last])


def as_chat(text: str, images: tuple[str, ...] = ()) -> ChatPrompt:
    """What a model for chat is asked; it is not to think first."""
    return ChatPrompt((Message("user", text, images=images),), think=False)


def meaning(question: Question, option: Option) -> str:
    """An option as the model is told of it."""
    if question.kind != "choice" or option.text == option.name:
        return option.text
    return f"{option.name} ({option.text})"
