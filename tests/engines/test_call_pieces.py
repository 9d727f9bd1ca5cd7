# A piece's arguments are the model's JSON.
from typing import Any

import pytest

from arriero.engines.answers.call_pieces import CallPieces
from arriero.errors import EngineFailed
from arriero.protocol.openai_engine import FunctionPiece, ToolCallPiece
from arriero.types.chat import ToolCall
from arriero.types.events import Event, ToolCallDelta


def piece(
    index: int | None,
    arguments: str | dict[str, Any] | None = None,
    name: str | None = None,
    call_id: str | None = None,
) -> ToolCallPiece:
    return ToolCallPiece(index, call_id, FunctionPiece(name, arguments))


def join(*pieces: ToolCallPiece) -> list[ToolCall]:
    joined = CallPieces()
    events: list[Event] = [event for each in pieces for event in joined.feed([each])]
    return [event.call for event in [*events, *joined.close()] if isinstance(event, ToolCallDelta)]


def test_pieces_of_an_index_are_one_call() -> None:
    calls = join(piece(0, "", "f", "a"), piece(0, '{"x":'), piece(0, "1}"), piece(1, "{}", "g", "b"))
    assert calls == [ToolCall("f", {"x": 1}, "a"), ToolCall("g", {}, "b")]


def test_calls_that_come_interleaved_are_told_apart() -> None:
    calls = join(piece(0, '{"x"', "f", "a"), piece(1, '{"y"', "g", "b"), piece(0, ":1}"), piece(1, ":2}"))
    assert calls == [ToolCall("f", {"x": 1}, "a"), ToolCall("g", {"y": 2}, "b")]


def test_without_an_index_a_piece_belongs_to_the_call_under_way() -> None:
    assert join(piece(None, '{"x":', "f", "a"), piece(None, "1}")) == [ToolCall("f", {"x": 1}, "a")]


def test_without_an_index_another_id_begins_another_call() -> None:
    calls = join(piece(None, "{}", "f", "a"), piece(None, "{}", "f", "b"))
    assert [call.id for call in calls] == ["a", "b"]


@pytest.mark.parametrize("arguments", ['"{\\"x\\": 1}"', '{"x": 1}', {"x": 1}])
def test_arguments_come_out_as_an_object(arguments: str | dict[str, Any]) -> None:
    [call] = join(piece(0, arguments, "f", "a"))
    assert call.arguments == {"x": 1}


@pytest.mark.parametrize("arguments", ['"Paris"', "[1]", '{"x":'])
def test_arguments_that_are_no_object_are_a_failure(arguments: str) -> None:
    with pytest.raises(EngineFailed, match="called f with arguments that are no JSON object"):
        join(piece(0, arguments, "f"))


def test_a_call_that_the_limit_has_cut_off_says_so() -> None:
    pieces = CallPieces()
    pieces.feed([piece(0, '{"x":', "f")])
    with pytest.raises(EngineFailed, match="its limit of tokens cut off"):
        pieces.close(is_cut=True)


def test_more_of_a_call_that_has_been_told_is_a_failure() -> None:
    with pytest.raises(EngineFailed, match="after its end"):
        join(piece(0, "{}", "f"), piece(1, "{}", "g"), piece(0, "{}"))
