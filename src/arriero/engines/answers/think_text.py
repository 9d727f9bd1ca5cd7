"""Thinking that stands in an answer's text, between ``<think>`` and ``</think>``, told apart from the rest. Pure."""

from arriero.types.events import Event, TextDelta, ThinkingDelta

OPEN, CLOSE = "<think>", "</think>"


class ThinkText:
    """Splits an answer's text. ``is_open``: the prompt has ended with the opening tag, so that thinking comes at once.

    White space around the tags belongs to neither side. Only an answer that begins with the tag has thinking.
    """

    def __init__(self, *, is_open: bool = False) -> None:
        self._held = ""
        self._state = "thinking" if is_open else "start"
        self._has_begun = False

    def feed(self, text: str) -> list[Event]:
        """Take a piece of text; what may yet become a tag is held back."""
        self._held += text
        found: list[Event] = []
        if self._state == "start":
            held = self._held.lstrip()
            if held.startswith(OPEN):
                self._state, self._held = "thinking", held[len(OPEN) :]
            elif OPEN.startswith(held):
                return found
            else:
                self._state = "text"
                self._has_begun = True
        if self._state == "thinking":
            self._think(found)
        if self._state == "text":
            self._say(found)
        return found

    def close(self) -> list[Event]:
        """The answer is over: what is held belongs where the answer stands."""
        held, self._held = self._held, ""
        if self._state == "thinking":
            held = held.rstrip() if self._has_begun else held.strip()
            return [ThinkingDelta(held)] if held else []
        return [TextDelta(held)] if held else []

    def _think(self, found: list[Event]) -> None:
        before, tag, after = self._held.partition(CLOSE)
        if tag:
            thought = before.rstrip() if self._has_begun else before.strip()
            self._state, self._held, self._has_begun = "text", after, False
        else:
            keep = _length_held_back(before)
            thought, self._held = before[: len(before) - keep], before[len(before) - keep :]
            if not self._has_begun:
                thought = thought.lstrip()
        if thought:
            self._has_begun = self._has_begun or not tag
            found.append(ThinkingDelta(thought))

    def _say(self, found: list[Event]) -> None:
        said = self._held if self._has_begun else self._held.lstrip()
        self._held = ""
        if said:
            self._has_begun = True
            found.append(TextDelta(said))


class ThinkTrim:
    """Takes the white space away from around thinking that the engine has told apart, as Ollama does.

    is_thinking: thinking has come, and nothing of the answer after it.
    """

    __slots__ = ("_held", "is_thinking")

    def __init__(self) -> None:
        self._held = ""
        self.is_thinking = False

    def think(self, text: str) -> str:
        """A piece of thinking, without what may be white space at its end; that comes with the next piece."""
        text = self._held + text if self.is_thinking else text.lstrip()
        kept = text.rstrip()
        self._held = text[len(kept) :]
        self.is_thinking = self.is_thinking or bool(kept)
        return kept

    def say(self, text: str) -> str:
        """A piece of the answer; the first one after thinking loses what white space it begins with."""
        if self.is_thinking:
            text = text.lstrip()
            self.is_thinking = not text
        return text


def _length_held_back(text: str) -> int:
    """How much of the end may be white space before the closing tag, or the beginning of that tag."""
    for size in range(min(len(CLOSE) - 1, len(text)), 0, -1):
        if CLOSE.startswith(text[-size:]):
            head = text[:-size]
            return size + len(head) - len(head.rstrip())
    return len(text) - len(text.rstrip())
