"""A conversation at the terminal, as a value: what has been said, and what the user has set."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from msgspec import UNSET

from arriero.protocol.ollama import WireMessage
from arriero.protocol.ollama_create import CreateRequest

Option = bool | int | float | str | list[str]
Think = bool | str
# A schema is JSON of the user's.
Format = Literal["json"] | dict[str, Any]


@dataclass(frozen=True, slots=True)
class ChatTurn:
    """What one side has said; images: the bytes of files that came with it."""

    role: str
    content: str
    thinking: str = ""
    images: tuple[bytes, ...] = ()

    # As the client library takes it.
    def to_message(self) -> dict[str, Any]:
        """The turn as a message of ``/api/chat``, without what is empty."""
        message: dict[str, Any] = {"role": self.role, "content": self.content}
        if self.thinking:
            message["thinking"] = self.thinking
        if self.images:
            message["images"] = list(self.images)
        return message


@dataclass(frozen=True, slots=True)
class Display:
    """How answers are shown, and whether what is typed is remembered."""

    verbose: bool = False
    wordwrap: bool = True
    markdown: bool = False
    hides_thinking: bool = False
    keeps_history: bool = True


@dataclass(frozen=True, slots=True)
class Session:
    """A conversation with a model.

    brought: turns that the model itself begins with: the server puts them before the history. takes_files: paths in
    what is typed stand for the files. think, format, keep_alive: None leaves them out of requests.
    """

    model: str
    brought: tuple[ChatTurn, ...] = ()
    history: tuple[ChatTurn, ...] = ()
    system: str = ""
    options: Mapping[str, Option] = field(default_factory=dict)
    format: Format | None = None
    think: Think | None = None
    keep_alive: float | str | None = None
    takes_files: bool = False
    display: Display = field(default_factory=Display)

    # As the client library takes them.
    def messages(self, question: ChatTurn) -> list[dict[str, Any]]:
        """The messages that ask a question."""
        system = [ChatTurn("system", self.system)] if self.system else []
        return [turn.to_message() for turn in (*system, *self.history, question)]

    def answered(self, question: ChatTurn, answer: ChatTurn) -> "Session":
        """The conversation after a question and its answer; an answer of nothing leaves it as it was."""
        if not answer.content and not answer.thinking:
            return self
        return replace(self, history=(*self.history, question, answer))

    def cleared(self) -> "Session":
        """The conversation with nothing said; what has been set stays."""
        return replace(self, history=())

    def moved_to(self, model: str, brought: Sequence[ChatTurn], *, thinks: bool, takes_files: bool) -> "Session":
        """A new conversation with another model; what has been set stays, as far as that model can do it."""
        think = (True if self.think is None else self.think) if thinks else None
        return replace(self, model=model, brought=tuple(brought), history=(), think=think, takes_files=takes_files)

    def to_create(self, name: str) -> CreateRequest:
        """Ask for a model that begins where this conversation is now."""
        turns = [WireMessage(turn.role, turn.content) for turn in (*self.brought, *self.history)]
        return CreateRequest(
            model=name,
            origin=self.model,
            system=self.system,
            parameters=dict(self.options),
            messages=turns or UNSET,
        )
