"""An answer as the Responses API tells it: items, one after another, and what happens to each of them. Pure."""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from arriero.protocol import openai_responses as wire
from arriero.types.chat import ToolCall
from arriero.types.events import Event, TextDelta, ThinkingDelta, ToolCallDelta

COMPLETED = "completed"
INCOMPLETE = "incomplete"
_IN_PROGRESS = "in_progress"


class OutputItems:
    """Turns events of an answer into items; ``done`` are those that are complete.

    An item is closed before the next one begins, so that its place in ``done`` is its index in the output. ident:
    makes the ids of the items.
    """

    def __init__(self, ident: str) -> None:
        self._ident = ident
        self._open: _OpenItem | None = None
        self.done: list[wire.Item] = []

    def feed(self, event: Event) -> Sequence[wire.StreamEvent]:
        """What an event does to the items."""
        match event:
            case TextDelta(text=text) if text:
                return self._add(_Message, text)
            case ThinkingDelta(text=text) if text:
                return self._add(_Reasoning, text)
            case ToolCallDelta(call=call):
                return [*self.close(), *self._call(call)]
            case _:
                return ()

    def close(self, status: str = COMPLETED) -> Sequence[wire.StreamEvent]:
        """Complete the item that is open, if any. status: ``incomplete`` where the answer has been cut off."""
        if self._open is None:
            return ()
        events = self._open.closing(status)
        self._open = None
        self.done.append(events[-1].item)
        return events

    def _add(self, kind: "type[_Message | _Reasoning]", text: str) -> Sequence[wire.StreamEvent]:
        if type(self._open) is kind:
            return (self._open.delta(text),)
        closing = self.close()
        self._open = kind(self._ident, len(self.done))
        return [*closing, *self._open.opening(), self._open.delta(text)]

    def _call(self, call: ToolCall) -> Sequence[wire.StreamEvent]:
        """A call comes whole, and so is opened and closed at once."""
        index = len(self.done)
        item_id = f"fc_{self._ident}_{index}"
        arguments = msgspec.json.encode(call.arguments).decode()
        item = wire.FunctionCallItem(item_id, "function_call", COMPLETED, call.id, call.name, arguments)
        begun = msgspec.structs.replace(item, status=_IN_PROGRESS, arguments="")
        self.done.append(item)
        return (
            wire.ItemEvent(type="response.output_item.added", output_index=index, item=begun),
            wire.ArgumentsDeltaEvent(
                type="response.function_call_arguments.delta", item_id=item_id, output_index=index, delta=arguments
            ),
            wire.ArgumentsDoneEvent(
                type="response.function_call_arguments.done",
                item_id=item_id,
                output_index=index,
                name=call.name,
                arguments=arguments,
            ),
            wire.ItemEvent(type="response.output_item.done", output_index=index, item=item),
        )


class _OpenItem(Protocol):
    """An item that grows."""

    def opening(self) -> Sequence[wire.StreamEvent]:
        """What tells that it begins."""

    def delta(self, text: str) -> wire.StreamEvent:
        """Add a piece."""

    def closing(self, status: str) -> tuple[*tuple[wire.StreamEvent, ...], wire.ItemEvent]:
        """What tells that it is complete; the last event has it whole."""


class _Message:
    """Text of the answer."""

    def __init__(self, ident: str, index: int) -> None:
        self._id = f"msg_{ident}_{index}"
        self._index = index
        self._pieces: list[str] = []

    def opening(self) -> Sequence[wire.StreamEvent]:
        item = wire.MessageItem(self._id, "message", _IN_PROGRESS, "assistant", [])
        return (
            wire.ItemEvent(type="response.output_item.added", output_index=self._index, item=item),
            self._part_event("response.content_part.added", ""),
        )

    def delta(self, text: str) -> wire.StreamEvent:
        self._pieces.append(text)
        return wire.TextDeltaEvent(
            type="response.output_text.delta",
            item_id=self._id,
            output_index=self._index,
            content_index=0,
            delta=text,
            logprobs=[],
        )

    def closing(self, status: str) -> tuple[*tuple[wire.StreamEvent, ...], wire.ItemEvent]:
        text = "".join(self._pieces)
        item = wire.MessageItem(self._id, "message", status, "assistant", [_output_text(text)])
        return (
            wire.TextDoneEvent(
                type="response.output_text.done",
                item_id=self._id,
                output_index=self._index,
                content_index=0,
                text=text,
                logprobs=[],
            ),
            self._part_event("response.content_part.done", text),
            wire.ItemEvent(type="response.output_item.done", output_index=self._index, item=item),
        )

    def _part_event(self, kind: str, text: str) -> wire.StreamEvent:
        return wire.PartEvent(
            type=kind, item_id=self._id, output_index=self._index, content_index=0, part=_output_text(text)
        )


class _Reasoning:
    """What is thought before an answer. Clients send it back as it is in ``encrypted_content``."""

    def __init__(self, ident: str, index: int) -> None:
        self._id = f"rs_{ident}_{index}"
        self._index = index
        self._pieces: list[str] = []

    def opening(self) -> Sequence[wire.StreamEvent]:
        item = wire.ReasoningItem(self._id, "reasoning", [])
        return (wire.ItemEvent(type="response.output_item.added", output_index=self._index, item=item),)

    def delta(self, text: str) -> wire.StreamEvent:
        self._pieces.append(text)
        return wire.SummaryDeltaEvent(
            type="response.reasoning_summary_text.delta",
            item_id=self._id,
            output_index=self._index,
            summary_index=0,
            delta=text,
        )

    def closing(self, status: str) -> tuple[*tuple[wire.StreamEvent, ...], wire.ItemEvent]:
        del status
        text = "".join(self._pieces)
        item = wire.ReasoningItem(self._id, "reasoning", [wire.SummaryText("summary_text", text)], text)
        return (
            wire.SummaryDoneEvent(
                type="response.reasoning_summary_text.done",
                item_id=self._id,
                output_index=self._index,
                summary_index=0,
                text=text,
            ),
            wire.ItemEvent(type="response.output_item.done", output_index=self._index, item=item),
        )


def _output_text(text: str) -> wire.OutputText:
    return wire.OutputText("output_text", text, [], [])
