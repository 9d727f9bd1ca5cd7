"""The terminal of the user: what is written to it, and what is typed into it."""

import io
import os
import shutil
import sys
from contextlib import suppress
from pathlib import Path

_HISTORY_LINES = 1000


def readable(text: str) -> str:
    """A text without what its bytes did not mean: Python keeps such bytes in a form that cannot be sent."""
    return text.encode(errors="surrogateescape").decode(errors="replace")


class StandardOutput:
    """Standard output, written through at once; a character that it does not know becomes a question mark."""

    def __init__(self) -> None:
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="replace")

    @property
    def width(self) -> int:
        """Cells of a line as the terminal is now; 0 where output goes elsewhere."""
        return shutil.get_terminal_size().columns if sys.stdout.isatty() else 0

    @property
    def draws(self) -> bool:
        """Whether it takes escapes."""
        return sys.stdout.isatty() and os.environ.get("TERM") != "dumb" and not os.environ.get("NO_COLOR")

    def write(self, text: str) -> None:
        """Show a text."""
        sys.stdout.write(text)
        sys.stdout.flush()


class Prompt:
    """Reads lines, with editing and a history where Python has readline.

    history: the file that remembers what was typed from one session to the next, readable for the user alone.
    """

    def __init__(self, history: Path, *, keeps: bool) -> None:
        self._history = history
        self._keeps = keeps
        try:
            import readline
        except ImportError:
            # Windows has none; its console edits lines by itself.
            self._readline = None
            return
        self._readline = readline
        readline.set_history_length(_HISTORY_LINES)
        readline.set_auto_history(keeps)
        with suppress(OSError):
            readline.read_history_file(history)

    def read(self, prompt: str) -> str:
        """One line. Raises EOFError at Ctrl-D, KeyboardInterrupt at Ctrl-C."""
        line = input(prompt)
        self._remember()
        return readable(line)

    def keep(self, *, keeps: bool) -> None:
        """Remember what is typed from now on, or do not."""
        self._keeps = keeps
        if self._readline is not None:
            self._readline.set_auto_history(keeps)

    def _remember(self) -> None:
        if self._readline is None or not self._keeps:
            return
        with suppress(OSError):  # nothing may be written there: what was typed is forgotten at the end
            self._history.parent.mkdir(parents=True, exist_ok=True)
            self._history.touch(mode=0o600)
            self._readline.write_history_file(self._history)
