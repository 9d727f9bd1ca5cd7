"""Who can be talked with through a router: one that lives in this process, or a model of a server."""

from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
from msgspec import UNSET, Struct, UnsetType

from arriero.cli.api import Api
from arriero.errors import ServerRefused
from arriero.types.routing import Side

if TYPE_CHECKING:
    from arriero.client.response import RoutedResponse
    from arriero.client.smart_router import SmartRouter


@dataclass(frozen=True, slots=True)
class Speaker:
    """Who answers. place: where that is; why: all that there is to tell of how it was chosen, a line each."""

    place: str
    model: str
    why: tuple[str, ...] = ()

    @property
    def line(self) -> str:
        """In a line."""
        return " · ".join(part for part in (self.place, self.model, *self.why[:1]) if part)


@dataclass(frozen=True, slots=True)
class Said:
    """A bit of an answer; speaker: whose, as soon as that is known."""

    text: str = ""
    thinking: str = ""
    speaker: Speaker | None = None


# Messages as the client library takes them.
Messages = Sequence[Mapping[str, Any]]


class Router(Protocol):
    """What one talks with."""

    def ask(self, messages: Messages, force: Side | None) -> Generator[Said]:
        """The next turn of a conversation. Closing the generator stops it. Raises ArrieroError."""


class OwnRouter:
    """A router in this process."""

    def __init__(self, router: "SmartRouter") -> None:
        self._router = router

    def ask(self, messages: Messages, force: Side | None) -> Generator[Said]:
        """The next turn of a conversation (see ``Router``)."""
        stream = self._router.chat_stream("", messages, force_local=force == "local", force_remote=force == "remote")
        with closing(stream) as pieces:
            for piece in pieces:
                yield Said(piece.content, piece.message.thinking or "", _speaker(piece))


def _speaker(piece: "RoutedResponse") -> Speaker:
    from arriero.client.verbose import reasons_of

    lines = reasons_of(piece.decision) if piece.decision else []
    return Speaker(piece.location, piece.model or "", (piece.reason, *lines))


class _Route(Struct):
    """See ``AnswerRoute``."""

    side: str = ""
    model: str = ""
    reason: str = ""
    detail: str = ""
    score: float | None = None
    threshold: float | None = None
    scorer: str = ""
    judge: str = ""
    took_ms: float = 0.0


class _Message(Struct):
    content: str = ""
    thinking: str = ""


class _Line(Struct):
    message: _Message = msgspec.field(default_factory=_Message)
    route: _Route | UnsetType = UNSET
    error: str = ""


_read = msgspec.json.Decoder(_Line).decode


class ServedRouter:
    """A router that a server serves as a model, or any other model of its."""

    def __init__(self, api: Api, model: str) -> None:
        self._api = api
        self._model = model

    def ask(self, messages: Messages, force: Side | None) -> Generator[Said]:
        """The next turn of a conversation (see ``Router``)."""
        model = f"{self._model}:{force}" if force else self._model
        with closing(self._api.lines("/api/chat", {"model": model, "messages": messages, "stream": True})) as lines:
            for each in lines:
                line = _read(each)
                if line.error:
                    raise ServerRefused(line.error, 200)
                speaker = None if isinstance(line.route, UnsetType) else _told(line.route)
                yield Said(line.message.content, line.message.thinking, speaker)


def _told(route: _Route) -> Speaker:
    reason = f"{route.reason} ({route.detail})" if route.detail else route.reason
    lines = [reason.replace("_", " ")]
    if route.judge:
        lines.append(f"LLM Judge: {route.judge}")
    if route.score is not None:
        at = "" if route.threshold is None else f", threshold {route.threshold:.2f}"
        lines.append(f"Score: {route.score:.2f} ({route.scorer}){at}")
    return Speaker(route.side, route.model, (*lines, f"decided in {route.took_ms:.1f} ms"))
