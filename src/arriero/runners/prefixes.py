"""Remembers which server has read the beginning of a conversation: its cache makes the next turn cheap."""

from collections import OrderedDict
from collections.abc import Iterator

from arriero.types.chat import ChatPrompt, Prompt

_MOST_REMEMBERED = 10_000


class Prefixes:
    """The conversations of late, and where each was answered."""

    def __init__(self, most: int = _MOST_REMEMBERED) -> None:
        self._most = most
        self._keys: OrderedDict[int, str] = OrderedDict()

    def find(self, prompt: Prompt) -> str | None:
        """Who has answered this conversation so far: the longest beginning of it counts."""
        marks = list(_marks(prompt))
        return next((key for mark in reversed(marks) if (key := self._keys.get(mark))), None)

    def remember(self, prompt: Prompt, key: str) -> None:
        """This prompt has gone to the server of this key."""
        *_, mark = (0, *_marks(prompt))
        if not mark:
            return
        self._keys[mark] = key
        self._keys.move_to_end(mark)
        if len(self._keys) > self._most:
            self._keys.popitem(last=False)


def _marks(prompt: Prompt) -> Iterator[int]:
    """A number for each beginning of a conversation, the shortest first; other prompts have none."""
    if not isinstance(prompt, ChatPrompt):
        return
    mark = 0
    for message in prompt.messages:
        mark = hash((mark, message.role, message.content, message.images))
        yield mark
