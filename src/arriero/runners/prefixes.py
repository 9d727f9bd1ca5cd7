"""Remembers which server has read the beginning of a conversation: its cache makes the next turn cheap."""

from collections import OrderedDict
from collections.abc import Sequence

import msgspec

from arriero.protocol.openai_engine import UNREADABLE
from arriero.types.marks import chained

_MOST_REMEMBERED = 10_000


class Prefixes:
    """The conversations of late, and where each was answered.

    A conversation is told by its marks: a number for each beginning of it, the shortest first. What has no beginning
    has no marks.
    """

    def __init__(self, most: int = _MOST_REMEMBERED) -> None:
        self._most = most
        self._keys: OrderedDict[int, str] = OrderedDict()

    def find(self, marks: Sequence[int]) -> str | None:
        """Who has answered this conversation so far: the longest beginning of it counts."""
        return next((key for mark in reversed(marks) if (key := self._keys.get(mark))), None)

    def remember(self, marks: Sequence[int], key: str) -> None:
        """This conversation has gone to the server of this key."""
        if not marks:
            return
        self._keys[marks[-1]] = key
        self._keys.move_to_end(marks[-1])
        if len(self._keys) > self._most:
            self._keys.popitem(last=False)


class _Body(msgspec.Struct):
    messages: list[msgspec.Raw] = []


_decode = msgspec.json.Decoder(_Body).decode


def marks_of_body(body: bytes) -> Sequence[int]:
    """The marks of a chat that nobody has read: a client writes the turns that it has written before as it did then."""
    try:
        messages = _decode(body).messages
    except UNREADABLE:
        return ()
    return chained(bytes(message) for message in messages)
