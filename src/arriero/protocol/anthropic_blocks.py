"""An answer as Anthropic's Messages API tells it: blocks, one after another, and what happens to each. Pure."""

import base64
import hashlib
from collections.abc import Sequence

import msgspec

from arriero.protocol import anthropic as wire
from arriero.types.chat import ToolCall
from arriero.types.events import Event, TextDelta, ThinkingDelta, ToolCallDelta

StreamEvent = wire.BlockStart | wire.BlockDelta | wire.BlockStop
_SIGNATURE_BYTES = 24


class AnswerBlocks:
    """Turns events of an answer into blocks; ``done`` are those that are complete.

    A block is closed before the next one begins, so that its place in ``done`` is its index. ident: makes ids for
    calls that bring none.
    """

    def __init__(self, ident: str) -> None:
        self._ident = ident
        self._open: wire.TextBlock | wire.ThinkingBlock | None = None
        self._pieces: list[str] = []
        self._call_ids: set[str] = set()
        self.done: list[wire.Block] = []

    @property
    def has_calls(self) -> bool:
        """Whether the model wants a tool called."""
        return any(type(block) is wire.ToolUseBlock for block in self.done)

    def feed(self, event: Event) -> Sequence[StreamEvent]:
        """What an event does to the blocks."""
        match event:
            case TextDelta(text=text) if text:
                opening = () if type(self._open) is wire.TextBlock else self._begin(wire.TextBlock("text", ""))
                return [*opening, self._grow(text, wire.TextDelta("text_delta", text))]
            case ThinkingDelta(text=text) if text:
                is_open = type(self._open) is wire.ThinkingBlock
                opening = () if is_open else self._begin(wire.ThinkingBlock("thinking", "", ""))
                return [*opening, self._grow(text, wire.ThinkingDelta("thinking_delta", text))]
            case ToolCallDelta(call=call):
                return [*self.close(), *self._call(call)]
            case _:
                return ()

    def close(self) -> Sequence[StreamEvent]:
        """Complete the block that is open, if any."""
        if self._open is None:
            return ()
        content, index = "".join(self._pieces), len(self.done)
        is_text = isinstance(self._open, wire.TextBlock)
        self._open = None
        self._pieces = []
        stop = wire.BlockStop("content_block_stop", index)
        if is_text:
            self.done.append(wire.TextBlock("text", content))
            return (stop,)
        signature = _signature(content)
        self.done.append(wire.ThinkingBlock("thinking", content, signature))
        delta = wire.SignatureDelta("signature_delta", signature)
        return wire.BlockDelta("content_block_delta", index, delta), stop

    def _begin(self, block: wire.TextBlock | wire.ThinkingBlock) -> Sequence[StreamEvent]:
        closing = self.close()
        self._open = block
        return [*closing, wire.BlockStart("content_block_start", len(self.done), block)]

    def _grow(self, text: str, delta: wire.TextDelta | wire.ThinkingDelta) -> StreamEvent:
        self._pieces.append(text)
        return wire.BlockDelta("content_block_delta", len(self.done), delta)

    def _call(self, call: ToolCall) -> Sequence[StreamEvent]:
        """A call comes whole, and so is opened and closed at once."""
        index = len(self.done)
        ident = call.id
        if not ident or ident in self._call_ids:
            # Not every engine names its calls, or each by a name of its own.
            ident = f"toolu_{self._ident}_{index}"
        self._call_ids.add(ident)
        self.done.append(wire.ToolUseBlock("tool_use", ident, call.name, call.arguments))
        written = msgspec.json.encode(call.arguments).decode()
        return (
            wire.BlockStart("content_block_start", index, wire.ToolUseBlock("tool_use", ident, call.name, {})),
            wire.BlockDelta("content_block_delta", index, wire.InputDelta("input_json_delta", written)),
            wire.BlockStop("content_block_stop", index),
        )


def _signature(thinking: str) -> str:
    """A text for clients that send thinking back only where it is signed. It proves nothing, and nobody looks at it."""
    digest = hashlib.blake2b(thinking.encode("utf-8", "replace"), digest_size=_SIGNATURE_BYTES).digest()
    return base64.b64encode(digest).decode()
