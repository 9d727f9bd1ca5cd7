"""By what a conversation is known again: a number for each beginning of it. Pure."""

import json
from collections.abc import Iterable, Sequence

from arriero.types.chat import ChatPrompt, Message, Prompt


def marks_of(prompt: Prompt) -> Sequence[int]:
    """The marks of a chat, the shortest beginning first; what is no chat has none."""
    return marks_of_turns(prompt.messages) if isinstance(prompt, ChatPrompt) else ()


def marks_of_turns(turns: Iterable[Message]) -> list[int]:
    """The marks of a conversation's turns."""
    return chained(map(_key, turns))


def mark_after(marks: Sequence[int], answer: Message) -> int:
    """The mark of a conversation that goes on with an answer."""
    return _next(marks[-1] if marks else 0, _key(answer))


def chained(turns: Iterable[object]) -> list[int]:
    """A mark after each turn, of all the turns up to there."""
    marks: list[int] = []
    mark = 0
    for turn in turns:
        mark = _next(mark, turn)
        marks.append(mark)
    return marks


def _key(turn: Message) -> object:
    """What stays the same of a turn when a client sends it back: not its white space, nor the ids of its calls."""
    calls = tuple((call.name, json.dumps(call.arguments, sort_keys=True)) for call in turn.tool_calls)
    return turn.role, turn.content.strip(), turn.images, calls


def _next(mark: int, turn: object) -> int:
    return hash((mark, turn))
