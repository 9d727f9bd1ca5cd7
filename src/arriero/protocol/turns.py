"""Turns of one side in a row, made one: many chat templates take no others. Pure."""

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from arriero.types.chat import Message


def as_one(row: Sequence[Message]) -> Message:
    """Turns of one side as one, put together once: there may be very many."""
    if len(row) == 1:
        return row[0]
    return replace(
        row[0],
        content=paragraphs(turn.content for turn in row),
        thinking=paragraphs(turn.thinking for turn in row),
        images=tuple(image for turn in row for image in turn.images),
        tool_calls=tuple(call for turn in row for call in turn.tool_calls),
    )


def paragraphs(texts: Iterable[str]) -> str:
    """Texts with an empty line between them."""
    return "\n\n".join(text for text in texts if text)
