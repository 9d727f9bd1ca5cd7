"""An answer as the Responses API tells it: items, one after another, and what happens to each of them. Pure."""

from collections.abc import Sequence
from typing import Protocol

import msgspec
from msgspec import UNSET

from arriero.protocol import openai_responses as wire
from arriero.protocol import openai_responses_events as told
from arriero.protocol.openai_custom_tools import custom_input
from arriero.protocol.openai_logprobs import to_logprobs
from arriero.protocol.openai_responses_tools import Offered
from arriero.types.chat import ToolCall
from arriero.types.events import Event, TextDelta, ThinkingDelta, TokenLogprob, ToolCallDelta

COMPLETED = "completed"
INCOMPLETE = "incomplete"
_IN_PROGRESS = "in_progress"


class OutputItems:
    """Turns events of an answer into items; ``done`` are those that are complete.

    An item is closed before the next one begins, so that its place in ``done`` is its index in the output. ident:
    makes the ids of the items. tools: what the client calls the functions.
    """

    def __init__(self, ident: str, tools: Offered) -> None:
        self._ident = ident
        self._tools = tools
        self._open: _OpenItem | None = None
        self._call_ids: set[str] = set()
        self.done: list[wire.Item] = []

    def feed(self, event: Event) -> Sequence[told.StreamEvent]:
        """What an event does to the items."""
        match event:
            case TextDelta(text=text, logprobs=tokens) if text or tokens:
                return self._add(_Message, text, tokens)
            case ThinkingDelta(text=text) if text:
                return self._add(_Reasoning, text)
            case ToolCallDelta(call=call):
                return [*self.close(), *self._call(call)]
            case _:
                return ()

    def close(self, status: str = COMPLETED) -> Sequence[told.StreamEvent]:
        """Complete the item that is open, if any. status: ``incomplete`` where the answer has been cut off."""
        if self._open is None:
            return ()
        events = self._open.closing(status)
        self._open = None
        self.done.append(events[-1].item)
        return events

    def _add(
        self, kind: "type[_Message | _Reasoning]", text: str, tokens: Sequence[TokenLogprob] = ()
    ) -> Sequence[told.StreamEvent]:
        if type(self._open) is kind:
            return (self._open.delta(text, tokens),)
        closing = self.close()
        self._open = kind(self._ident, len(self.done))
        return [*closing, *self._open.opening(), self._open.delta(text, tokens)]

    def _call(self, call: ToolCall) -> Sequence[told.StreamEvent]:
        """A call comes whole, and so is opened and closed at once."""
        index = len(self.done)
        tool = self._tools.get(call.name)
        name, namespace = (call.name, UNSET) if tool is None else (tool.name, tool.namespace or UNSET)
        call_id = call.id
        if not call_id or call_id in self._call_ids:
            # Not every engine names its calls, or each by a name of its own, by which OpenAI's client tells them apart.
            call_id = f"call_{self._ident}_{index}"
        self._call_ids.add(call_id)
        if tool is not None and tool.is_custom:
            text = custom_input(call.arguments)
            custom = wire.CustomCallItem(
                f"ctc_{self._ident}_{index}", "custom_tool_call", COMPLETED, call_id, name, text, namespace
            )
            self.done.append(custom)
            return _custom_events(custom, index)
        arguments = msgspec.json.encode(call.arguments).decode()
        item = wire.FunctionCallItem(
            f"fc_{self._ident}_{index}", "function_call", COMPLETED, call_id, name, arguments, namespace
        )
        self.done.append(item)
        return _function_events(item, index)


def _function_events(item: wire.FunctionCallItem, index: int) -> Sequence[told.StreamEvent]:
    begun = msgspec.structs.replace(item, status=_IN_PROGRESS, arguments="")
    kind = "response.function_call_arguments"
    return (
        told.ItemEvent(type="response.output_item.added", output_index=index, item=begun),
        told.ArgumentsDeltaEvent(type=f"{kind}.delta", item_id=item.id, output_index=index, delta=item.arguments),
        told.ArgumentsDoneEvent(
            type=f"{kind}.done", item_id=item.id, output_index=index, name=item.name, arguments=item.arguments
        ),
        told.ItemEvent(type="response.output_item.done", output_index=index, item=item),
    )


def _custom_events(item: wire.CustomCallItem, index: int) -> Sequence[told.StreamEvent]:
    begun = msgspec.structs.replace(item, status=_IN_PROGRESS, input="")
    kind = "response.custom_tool_call_input"
    return (
        told.ItemEvent(type="response.output_item.added", output_index=index, item=begun),
        told.InputDeltaEvent(type=f"{kind}.delta", item_id=item.id, output_index=index, delta=item.input),
        told.InputDoneEvent(type=f"{kind}.done", item_id=item.id, output_index=index, input=item.input),
        told.ItemEvent(type="response.output_item.done", output_index=index, item=item),
    )


class _OpenItem(Protocol):
    """An item that grows."""

    def opening(self) -> Sequence[told.StreamEvent]:
        """What tells that it begins."""

    def delta(self, text: str, tokens: Sequence[TokenLogprob]) -> told.StreamEvent:
        """Add a piece, with the tokens that it is made of where they are told."""

    def closing(self, status: str) -> tuple[*tuple[told.StreamEvent, ...], told.ItemEvent]:
        """What tells that it is complete; the last event has it whole."""


class _Message:
    """Text of the answer."""

    def __init__(self, ident: str, index: int) -> None:
        self._id = f"msg_{ident}_{index}"
        self._index = index
        self._pieces: list[str] = []
        self._tokens: list[TokenLogprob] = []

    def opening(self) -> Sequence[told.StreamEvent]:
        item = wire.MessageItem(self._id, "message", _IN_PROGRESS, "assistant", [])
        return (
            told.ItemEvent(type="response.output_item.added", output_index=self._index, item=item),
            self._part_event("response.content_part.added", _output_text("")),
        )

    def delta(self, text: str, tokens: Sequence[TokenLogprob]) -> told.StreamEvent:
        self._pieces.append(text)
        self._tokens += tokens
        return told.TextDeltaEvent(
            type="response.output_text.delta",
            item_id=self._id,
            output_index=self._index,
            content_index=0,
            delta=text,
            logprobs=to_logprobs(tokens),
        )

    def closing(self, status: str) -> tuple[*tuple[told.StreamEvent, ...], told.ItemEvent]:
        part = _output_text("".join(self._pieces), self._tokens)
        item = wire.MessageItem(self._id, "message", status, "assistant", [part])
        return (
            told.TextDoneEvent(
                type="response.output_text.done",
                item_id=self._id,
                output_index=self._index,
                content_index=0,
                text=part.text,
                logprobs=part.logprobs,
            ),
            self._part_event("response.content_part.done", part),
            told.ItemEvent(type="response.output_item.done", output_index=self._index, item=item),
        )

    def _part_event(self, kind: str, part: wire.OutputText) -> told.StreamEvent:
        return told.PartEvent(type=kind, item_id=self._id, output_index=self._index, content_index=0, part=part)


class _Reasoning:
    """What is thought before an answer. Clients send it back as it is in ``encrypted_content``."""

    def __init__(self, ident: str, index: int) -> None:
        self._id = f"rs_{ident}_{index}"
        self._index = index
        self._pieces: list[str] = []

    def opening(self) -> Sequence[told.StreamEvent]:
        item = wire.ReasoningItem(self._id, "reasoning", [])
        return (
            told.ItemEvent(type="response.output_item.added", output_index=self._index, item=item),
            self._part_event("response.reasoning_summary_part.added", ""),
        )

    def delta(self, text: str, tokens: Sequence[TokenLogprob]) -> told.StreamEvent:
        del tokens
        self._pieces.append(text)
        return told.SummaryDeltaEvent(
            type="response.reasoning_summary_text.delta",
            item_id=self._id,
            output_index=self._index,
            summary_index=0,
            delta=text,
        )

    def closing(self, status: str) -> tuple[*tuple[told.StreamEvent, ...], told.ItemEvent]:
        del status
        text = "".join(self._pieces)
        item = wire.ReasoningItem(self._id, "reasoning", [_summary(text)], text)
        return (
            told.SummaryDoneEvent(
                type="response.reasoning_summary_text.done",
                item_id=self._id,
                output_index=self._index,
                summary_index=0,
                text=text,
            ),
            self._part_event("response.reasoning_summary_part.done", text),
            told.ItemEvent(type="response.output_item.done", output_index=self._index, item=item),
        )

    def _part_event(self, kind: str, text: str) -> told.StreamEvent:
        return told.SummaryPartEvent(
            type=kind, item_id=self._id, output_index=self._index, summary_index=0, part=_summary(text)
        )


def _output_text(text: str, tokens: Sequence[TokenLogprob] = ()) -> wire.OutputText:
    return wire.OutputText("output_text", text, [], to_logprobs(tokens))


def _summary(text: str) -> wire.SummaryText:
    return wire.SummaryText("summary_text", text)
