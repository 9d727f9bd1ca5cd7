"""What finds in an answer's text the parts that an engine has not told apart."""

from typing import Protocol

from arriero.types.events import Event


class Splitter(Protocol):
    """Makes events of text: thinking, calls of tools, and what is left."""

    def feed(self, text: str) -> list[Event]:
        """Take a piece of text; what may yet become something else is held back."""

    def close(self) -> list[Event]:
        """The answer is over."""
