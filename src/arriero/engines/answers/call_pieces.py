"""Calls of tools that an engine sends piece by piece. Pure."""

import secrets
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec

from arriero.engines.answers.plain_tool_calls import PlainToolCalls, read_arguments
from arriero.errors import EngineFailed
from arriero.protocol.openai_engine import ToolCallPiece
from arriero.types.chat import ToolCall
from arriero.types.events import Event, ToolCallDelta


class _Call:
    """A call that is under way. told: whether it has been handed on."""

    __slots__ = ("arguments", "id", "is_told", "name")

    def __init__(self) -> None:
        self.id = self.name = self.arguments = ""
        self.is_told = False


class CallPieces:
    """Joins the pieces of tool calls; a call is told when the next one begins, if it is whole then, or at the end."""

    __slots__ = ("_calls", "_current")

    def __init__(self) -> None:
        self._calls: dict[int, _Call] = {}
        self._current = -1

    def feed(self, pieces: Sequence[ToolCallPiece]) -> list[Event]:
        """Take the pieces of a chunk; calls that are whole by now."""
        events: list[Event] = []
        for piece in pieces:
            index = self._index(piece)
            if index not in self._calls:
                events += self._tell_whole()
                self._calls[index] = _Call()
            self._current = index
            self._join(self._calls[index], piece)
        return events

    def close(self, *, is_cut: bool = False) -> list[Event]:
        """The calls that have not been told. Raises EngineFailed where the arguments of one are no JSON object.

        is_cut: the answer has come to its limit, and so may have ended in the middle of a call.
        """
        events: list[Event] = []
        for call in self._calls.values():
            if call.is_told:
                continue
            if (told := _told(call)) is None:
                why = "arguments that its limit of tokens cut off" if is_cut else "arguments that are no JSON object"
                raise EngineFailed(f"the model called {call.name} with {why}; try again")
            events.append(told)
        return events

    def _index(self, piece: ToolCallPiece) -> int:
        if piece.index is not None:
            return piece.index
        current = self._calls.get(self._current)
        # Without an index, an id that is not the current call's says that another one begins.
        is_new = current is None or (bool(piece.id) and bool(current.id) and piece.id != current.id)
        return max(self._calls, default=-1) + 1 if is_new else self._current

    def _tell_whole(self) -> list[Event]:
        current = self._calls.get(self._current)
        told = None if current is None or current.is_told else _told(current)
        return [] if told is None else [told]

    @staticmethod
    def _join(call: _Call, piece: ToolCallPiece) -> None:
        arguments = piece.function.arguments
        if call.is_told and arguments:
            raise EngineFailed(f"the engine sent more of the call of {call.name} after its end; try again")
        call.id = call.id or piece.id or ""
        call.name += piece.function.name or ""
        call.arguments += _as_text(arguments)


# Arguments are the model's JSON.
def _as_text(arguments: str | Mapping[str, Any] | None) -> str:
    if isinstance(arguments, Mapping):
        return msgspec.json.encode(arguments).decode()
    return arguments or ""


def _told(call: _Call) -> ToolCallDelta | None:
    arguments = read_arguments(call.arguments)
    if arguments is None and call.arguments.lstrip().startswith('"'):
        arguments = _mended(call.arguments)
    if arguments is None:
        return None
    call.is_told = True
    return ToolCallDelta(0, ToolCall(call.name, arguments, call.id or call_id()))


def _mended(text: str) -> dict[str, Any] | None:
    """Arguments that have been written as a JSON string that holds an object's JSON."""
    try:
        return read_arguments(msgspec.json.decode(text, type=str))
    except msgspec.DecodeError:
        return None


def tool_splitter(names: Collection[str]) -> PlainToolCalls:
    """A splitter that finds calls of these tools."""
    return PlainToolCalls(names, call_id)


def call_id() -> str:
    """A new name for a call, as Ollama writes it."""
    return f"call_{secrets.token_hex(4)}"
