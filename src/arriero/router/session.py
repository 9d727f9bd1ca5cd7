"""Keeps a conversation where it is: it goes up at once, and comes down only after several low scores."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from arriero.router.rules import Verdict
from arriero.router.settings import Sessions
from arriero.router.subject import Subject
from arriero.types.chat import Message
from arriero.types.marks import mark_after, marks_of_turns
from arriero.types.routing import Reason, Side, Wish

# A long conversation is cached where it is: so many tokens of it are worth one low score more, up to so many.
_WARM_TOKENS = 4_000
_MOST_FOR_WARMTH = 3


@dataclass(frozen=True, slots=True)
class Latch:
    """Where a conversation is.

    low_scores: in a row, since it is on the remote side. is_private: one of its turns was, and so are those that repeat
    it.
    """

    side: Side
    low_scores: int = 0
    is_private: bool = False


class SessionMemory:
    """The conversations of late, each known by its turns, or by the name that its sender gives it.

    has_private: whether one of them is private, or has been.
    """

    def __init__(self, most: int) -> None:
        self.has_private = False
        self._most = most
        self._latches: OrderedDict[int, Latch] = OrderedDict()

    def marks(self, subject: Subject, wish: Wish) -> list[int]:
        """By what a request's conversation is known, the longest beginning last."""
        if wish.session:
            return [hash(("session", wish.keys, wish.session))]
        return marks_of_turns(subject.turns)

    def find(self, marks: Sequence[int], subject: Subject, wish: Wish) -> Latch | None:
        """Where the conversation is. One that nobody has answered yet is nowhere."""
        if not (wish.session or any(turn.role == "assistant" for turn in subject.turns)):
            return None
        return next((latch for mark in reversed(marks) if (latch := self._latches.get(mark))), None)

    def remember(self, marks: Sequence[int], latch: Latch) -> None:
        """The conversation, as far as it goes now, is there."""
        if marks:
            self._put(marks[-1], latch)

    def answered(self, marks: Sequence[int], answer: Message, latch: Latch) -> None:
        """It goes on with this answer: conversations that begin alike are told apart by it."""
        if marks and (answer.content or answer.tool_calls):
            self._put(mark_after(marks, answer), latch)

    def _put(self, mark: int, latch: Latch) -> None:
        self.has_private |= latch.is_private
        self._latches[mark] = latch
        self._latches.move_to_end(mark)
        if len(self._latches) > self._most:
            self._latches.popitem(last=False)


def by_private_turn(latch: Latch | None) -> Verdict | None:
    """Local only, where an earlier turn was: it stands in every later one."""
    if latch is None or not latch.is_private:
        return None
    return Verdict("local", Reason.SESSION, "an earlier turn was private", is_private=True)


def by_tool_loop(latch: Latch | None, subject: Subject) -> Verdict | None:
    """Who has called the tool that has answered."""
    if latch is None or not subject.is_in_tool_loop:
        return None
    return Verdict(latch.side, Reason.TOOL_LOOP)


def by_session(latch: Latch | None, *, is_high: bool, subject: Subject, settings: Sessions) -> Latch | None:
    """Where a conversation stays that is on the remote side, after a turn with a high score or a low one.

    None: nothing keeps it anywhere. One that comes down has had enough low scores in a row.
    """
    if latch is None or latch.side == "local":
        return None
    if is_high:
        return Latch("remote")
    low_scores = latch.low_scores + 1
    warmth = min(_MOST_FOR_WARMTH, subject.prompt_tokens // _WARM_TOKENS)
    is_down = low_scores >= settings.comes_down_after + warmth
    return Latch("local") if is_down else Latch("remote", low_scores)
