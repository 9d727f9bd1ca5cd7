"""Texts that end an answer, looked for here where an engine takes only a few of them. Pure."""

from collections.abc import Sequence


class StopTexts:
    """Ends an answer before the first of some texts in it, wherever the pieces are split. found: which one; "" yet."""

    __slots__ = ("_held", "_texts", "found")

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = [text for text in texts if text]
        self._held = ""
        self.found = ""

    def feed(self, piece: str) -> str:
        """Take a piece; what of it belongs to the answer. What may yet become one of the texts is held back."""
        if self.found:
            return ""
        text = self._held + piece
        at = len(text)
        for stop in self._texts:
            # Of two that begin at the same place, the one that is named first.
            if 0 <= (place := text.find(stop)) < at:
                at, self.found = place, stop
        keep = 0 if self.found else self._length_held_back(text)
        self._held = text[len(text) - keep :] if keep else ""
        return text[: at - keep]

    def close(self) -> str:
        """The answer is over: what was held back belongs to it."""
        held, self._held = self._held, ""
        return held

    def _length_held_back(self, text: str) -> int:
        """How much of the end may be the beginning of one of the texts."""
        longest = 0
        for stop in self._texts:
            for size in range(min(len(stop) - 1, len(text)), longest, -1):
                if text.endswith(stop[:size]):
                    longest = size
                    break
        return longest
