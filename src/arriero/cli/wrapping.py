"""Wraps text at words while it comes."""

import unicodedata


class WordWrap:
    """Breaks lines before the words that would not fit. Line feeds are added, and no character is taken away.

    width: of the terminal, in cells. A word is held back until it is complete, or until it cannot be kept whole.
    """

    def __init__(self, width: int) -> None:
        self._width = width
        self._column = 0
        self._word = ""
        # Of a word wider than the line, the first part has been printed: the terminal breaks the rest of it.
        self._is_within_word = False

    def feed(self, text: str) -> str:
        """What may be printed now that this has come."""
        return "".join(map(self._take, text))

    def flush(self) -> str:
        """What was held back."""
        word, cells = self._word, cells_of(self._word)
        self._word = ""
        breaks = not self._is_within_word and self._column > 0 and self._column + cells > self._width
        column = cells if breaks else self._column + cells
        self._column = column % self._width if column > self._width else column
        return f"\n{word}" if word and breaks else word

    def _take(self, character: str) -> str:
        if character.isspace():
            printed = self.flush() + character
            self._is_within_word = False
            self._column = 0 if character == "\n" else min(self._width, self._column + 1)
            return printed
        if cells_of(character) == 2:
            # Writing that knows no blanks may break anywhere.
            before = self.flush()
            self._is_within_word = False
            self._word = character
            return before + self.flush()
        self._word += character
        if len(self._word) <= self._width:
            return ""
        printed = self.flush()
        self._is_within_word = True
        return printed


def cells_of(text: str) -> int:
    """How wide a text is on a terminal: some characters take two places, some none."""
    return sum(_cell(character) for character in text)


def _cell(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
