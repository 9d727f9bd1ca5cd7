"""Answers as they come: pieces of them, and how they are put on the screen."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from arriero.cli.session import ChatTurn, Display
from arriero.cli.statistics import Measured
from arriero.cli.wrapping import WordWrap

if TYPE_CHECKING:
    from rich.live import Live

_THINKING = "Thinking...\n"
_DONE_THINKING = "\n...done thinking.\n\n"
_NARROWEST = 10


@dataclass(frozen=True, slots=True)
class Piece:
    """A bit of an answer; measured: what its last one tells."""

    text: str = ""
    thinking: str = ""
    measured: Measured | None = None


class Terminal(Protocol):
    """Where answers go."""

    @property
    def width(self) -> int:
        """In cells; 0 where there is no screen."""

    @property
    def draws(self) -> bool:
        """Whether escapes mean anything there."""

    def write(self, text: str) -> None:
        """Show a text at once."""


class Answer:
    """One answer: shown while it comes, and kept as far as it has come."""

    def __init__(self, terminal: Terminal, display: Display) -> None:
        self.measured: Measured | None = None
        self._text: list[str] = []
        self._thinking: list[str] = []
        self._terminal = terminal
        self._display = display
        self._is_thinking = False
        draws_markdown = display.markdown and terminal.draws
        self._page: _Markdown | _Plain = _Markdown() if draws_markdown else _Plain(terminal, display)

    def follow(self, pieces: Iterable[Piece]) -> None:
        """Show all pieces. Whatever breaks that off, ``end`` has to be called after it."""
        for piece in pieces:
            if piece.thinking:
                self._think(piece.thinking)
            if piece.text:
                self._stop_thinking()
                self._text.append(piece.text)
                self._page.show(piece.text)
            self.measured = piece.measured or self.measured

    def end(self) -> None:
        """Finish the line that the answer is in."""
        self._stop_thinking()
        self._page.end()

    @property
    def turn(self) -> ChatTurn:
        """What has come so far, for the history."""
        return ChatTurn("assistant", "".join(self._text), "".join(self._thinking))

    def _think(self, text: str) -> None:
        self._thinking.append(text)
        if self._display.hides_thinking:
            return
        if not self._is_thinking:
            self._is_thinking = True
            self._terminal.write(("\x1b[2m" if self._terminal.draws else "") + _THINKING)
            self._thoughts = _Plain(self._terminal, self._display)
        self._thoughts.show(text)

    def _stop_thinking(self) -> None:
        if self._is_thinking:
            self._is_thinking = False
            self._thoughts.end()
            self._terminal.write(_DONE_THINKING.removeprefix("\n") + ("\x1b[0m" if self._terminal.draws else ""))


class _Plain:
    """Text as it is, wrapped at words where there is a screen to wrap it for."""

    def __init__(self, terminal: Terminal, display: Display) -> None:
        self._terminal = terminal
        self._wrap = WordWrap(terminal.width) if display.wordwrap and terminal.width >= _NARROWEST else None
        self._last = "\n"

    def show(self, text: str) -> None:
        self._write(self._wrap.feed(text) if self._wrap else text)

    def end(self) -> None:
        self._write(self._wrap.flush() if self._wrap else "")
        if self._last != "\n":
            self._write("\n")

    def _write(self, text: str) -> None:
        if text:
            self._terminal.write(text)
            self._last = text[-1]


class _Markdown:
    """Text drawn again with every piece, as Markdown."""

    def __init__(self) -> None:
        self._text = ""
        self._live: Live | None = None

    def show(self, text: str) -> None:
        from rich.live import Live
        from rich.markdown import Markdown

        self._text += text
        if self._live is None:
            self._live = Live(auto_refresh=False, vertical_overflow="visible")
            self._live.start()
        self._live.update(Markdown(self._text), refresh=True)

    def end(self) -> None:
        if self._live is not None:
            self._live.stop()
