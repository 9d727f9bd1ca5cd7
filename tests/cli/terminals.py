"""``arriero`` at a terminal of its own, and somebody who types."""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

CTRL_C, CTRL_D = "\x03", "\x04"
_PATIENCE_S = 15.0
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")
# The terminal has to be the one that Ctrl-C comes from.
_START = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, "-m", "arriero", *sys.argv[1:]])
"""


class Terminal:
    """What a user sees and types."""

    def __init__(self, master: int, process: "subprocess.Popen[bytes]") -> None:
        self._master = master
        self._process = process
        self._raw = b""
        self._seen = 0

    @property
    def raw(self) -> str:
        """All that has been shown, with its escapes."""
        return self._raw.decode(errors="ignore")

    @property
    def screen(self) -> str:
        """All that has been shown, without escapes."""
        return _ESCAPES.sub("", self.raw).replace("\r", "")

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def interrupt_prompt(self, text: str) -> None:
        """Press Ctrl-C until a text is shown: Python does not hear one that comes just before it waits for a key."""
        for _ in range(20):
            self.type(CTRL_C)
            with suppress(AssertionError):
                self.expect(text, wait_s=0.5)
                return
        raise AssertionError(f"Ctrl-C does not show {text!r}")

    def expect(self, text: str, *, wait_s: float = _PATIENCE_S) -> str:
        """What is shown until a text is, from where the last call ended; escapes left out."""
        ends = time.monotonic() + wait_s
        while (at := self.screen.find(text, self._seen)) < 0:
            if not self._read(ends - time.monotonic()):
                raise AssertionError(f"{text!r} is not in {self.screen[self._seen :]!r}")
        before, self._seen = self.screen[self._seen : at], at + len(text)
        return before

    def end(self) -> int:
        """Everything that is shown until the command has ended; its exit code."""
        while self._read(_PATIENCE_S):
            pass
        return self._process.wait(_PATIENCE_S)

    def _read(self, wait_s: float) -> bool:
        ready, _, _ = select.select([self._master], [], [], max(0.0, wait_s))
        try:
            piece = os.read(self._master, 65536) if ready else b""
        except OSError:
            # So Linux says that nobody has the other end any more.
            return False
        self._raw += piece
        return bool(piece)


@contextmanager
def at_terminal(
    url: str, home: Path, *arguments: str, columns: int = 80, environ: Mapping[str, str] | None = None
) -> Iterator[Terminal]:
    """Run a command at a terminal; it is killed where the block leaves it running."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    variables = {
        "OLLAMA_HOST": url,
        "ARRIERO_HOME": str(home),
        "HOME": str(home),
        "TERM": "xterm",
        "LANG": "C.UTF-8",
        "INPUTRC": "/dev/null",
        **(environ or {}),
    }
    process = subprocess.Popen(
        [sys.executable, "-c", _START, *arguments],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=variables,
        start_new_session=True,
    )
    os.close(slave)
    try:
        yield Terminal(master, process)
    finally:
        process.kill()
        process.wait()
        os.close(master)
