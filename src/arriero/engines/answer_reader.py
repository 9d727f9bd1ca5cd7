"""From the bytes of an engine's stream to events. Pure: a socket is somebody else's."""

import math
import secrets
from collections.abc import Collection, Sequence

import msgspec

from arriero.engines.logprobs import read_logprobs
from arriero.engines.plain_tool_calls import PlainToolCalls, read_arguments
from arriero.engines.think_text import ThinkText, ThinkTrim
from arriero.errors import EngineFailed, PromptTooLong
from arriero.protocol.openai_engine import Choice, Chunk, EngineError, Logprobs, ToolCallPiece, WholeAnswer
from arriero.protocol.sse import SseParser
from arriero.types.chat import ToolCall
from arriero.types.events import (
    Event,
    Finished,
    FinishReason,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
)
from arriero.types.usage import Usage

_decode = msgspec.json.Decoder(Chunk).decode
_DONE = b"[DONE]"
# How llama.cpp tells a schema that it cannot read, of a format or of a tool, behind words about parsers.
_SCHEMA_ERROR = "JSON schema error"
# llama.cpp calls these errors of its own.
_MEDIA_REFUSALS = {
    "Failed to load image": "an image or a sound of the request cannot be read: it is damaged, or of an unknown kind",
    "image input is not supported": "the model takes no images",
    "audio input is not supported": "the model takes no sound",
}


class AnswerReader:
    """Reads one answer, chat or text, streamed in OpenAI's format.

    Engines tell the reason to stop, the usage and the timings in one last chunk or in several: ``Finished`` is made
    when the stream says that it is over. splitter: finds in the text what the engine has not. top_logprobs: how many
    alternatives to each token were asked for.
    """

    __slots__ = (
        "_calls",
        "_chunk",
        "_parser",
        "_reason",
        "_splitter",
        "_told",
        "_top_logprobs",
        "_trim",
        "is_finished",
    )

    def __init__(self, splitter: PlainToolCalls | ThinkText | None = None, top_logprobs: int = 0) -> None:
        self._parser = SseParser()
        self._reason: str | None = None
        self._chunk = Chunk()
        self._splitter = splitter
        self._top_logprobs = top_logprobs
        self._trim = ThinkTrim()
        self._calls = _CallPieces()
        self._told = 0
        self.is_finished = False

    def feed(self, data: bytes) -> list[Event]:
        """Take what one read brought. Raises EngineFailed where the engine reports an error in its stream."""
        events: list[Event] = []
        for payload in self._parser.feed(data):
            if payload == _DONE:
                events += self.close()
            elif not self.is_finished:
                self._read(payload, events)
        return events

    def read_whole(self, answer: WholeAnswer) -> list[Event]:
        """Take an answer that has come in one piece."""
        events: list[Event] = []
        for choice in answer.choices[:1]:
            for index, call in enumerate(choice.message.tool_calls or ()):
                call.index = index
            pieces = [Choice(choice.message, None, choice.logprobs, choice.finish_reason or "stop")]
            self._take(Chunk(pieces, answer.usage, answer.timings), events)
        return events + self.close()

    def close(self) -> list[Event]:
        """The stream is over: ``Finished``, unless it has been told or the answer broke off."""
        if self.is_finished or self._reason is None:
            return []
        self.is_finished = True
        reason: FinishReason = "length" if self._reason == "length" else "stop"
        held = self._splitter.close() if self._splitter else []
        stop_text = self._chunk.verbose.stopping_word if self._chunk.verbose else ""
        events = self._numbered([*held, *self._calls.close()])
        return [*events, Finished(reason, _usage(self._chunk), stop_text=stop_text)]

    def _read(self, payload: bytes, events: list[Event]) -> None:
        try:
            chunk = _decode(payload)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise EngineFailed(f"the engine sent something that is no chunk of an answer: {error}") from error
        if chunk.error is not None:
            raise engine_failure(chunk.error, status=500)
        self._take(chunk, events)

    def _take(self, chunk: Chunk, events: list[Event]) -> None:
        self._chunk.usage = chunk.usage or self._chunk.usage
        self._chunk.timings = chunk.timings or self._chunk.timings
        self._chunk.verbose = chunk.verbose or self._chunk.verbose
        for choice in chunk.choices:
            delta = choice.delta
            if delta.reasoning_content and (thought := self._trim.think(delta.reasoning_content)):
                events.append(ThinkingDelta(thought))
            text = delta.content or choice.text or ""
            if choice.logprobs is not None or self._splitter is not None or self._trim.is_thinking:
                self._say(text, choice.logprobs, events)
            elif text:
                events.append(TextDelta(text))
            if delta.tool_calls:
                events += self._numbered(self._calls.feed(delta.tool_calls))
            if choice.finish_reason is not None:
                self._reason = choice.finish_reason

    def _numbered(self, events: Sequence[Event]) -> list[Event]:
        """Count the calls of an answer, be they found by the engine or in its text."""
        numbered: list[Event] = []
        for event in events:
            if isinstance(event, ToolCallDelta):
                numbered.append(ToolCallDelta(self._told, event.call))
                self._told += 1
            else:
                numbered.append(event)
        return numbered

    def _say(self, text: str, logprobs: Logprobs | None, events: list[Event]) -> None:
        text = self._trim.say(text)
        tokens = read_logprobs(logprobs.content or (), self._top_logprobs) if logprobs else ()
        if self._splitter is None:
            if text or tokens:
                events.append(TextDelta(text, tokens))
            return
        if tokens:
            events.append(TextDelta("", tokens))
        if text:
            events += self._numbered(self._splitter.feed(text))


class _CallPieces:
    """Joins the pieces of tool calls; a call is told when the next one begins, or at the end."""

    def __init__(self) -> None:
        self._index: int | None = None
        self._id = self._name = self._arguments = ""

    def feed(self, pieces: Sequence[ToolCallPiece]) -> list[Event]:
        events: list[Event] = []
        for piece in pieces:
            if piece.index != self._index:
                events += self.close()
                self._index = piece.index
            self._id = self._id or piece.id or ""
            self._name += piece.function.name or ""
            self._arguments += piece.function.arguments or ""
        return events

    def close(self) -> list[Event]:
        """The call that is under way, complete. Raises EngineFailed where its arguments are no JSON object."""
        if self._index is None:
            return []
        arguments = read_arguments(self._arguments)
        if arguments is None:
            raise EngineFailed(f"the model called {self._name} with arguments that are no JSON object; try again")
        delta = ToolCallDelta(0, ToolCall(self._name, arguments, self._id or call_id()))
        self._index = None
        self._id = self._name = self._arguments = ""
        return [delta]


def tool_splitter(names: Collection[str]) -> PlainToolCalls:
    """A splitter that finds calls of these tools."""
    return PlainToolCalls(names, call_id)


def call_id() -> str:
    """A new name for a call, as Ollama writes it."""
    return f"call_{secrets.token_hex(4)}"


def engine_failure(error: EngineError | str | None, status: int) -> EngineFailed:
    """An engine's own error, with the HTTP status that it names, else the given one."""
    if isinstance(error, EngineError):
        if error.type == "exceed_context_size_error" and error.n_ctx:
            return PromptTooLong(error.n_prompt_tokens, error.n_ctx)
        for start, told in _MEDIA_REFUSALS.items():
            if error.message.startswith(start):
                return EngineFailed(told, 400)
        if (at := error.message.find(_SCHEMA_ERROR)) >= 0:
            return EngineFailed(f"invalid JSON schema: {error.message[at + len(_SCHEMA_ERROR) :].strip()}", 400)
        code = error.code if isinstance(error.code, int) and 400 <= error.code < 600 else status
        return EngineFailed(error.message or "the engine failed and does not say why", code)
    return EngineFailed(error or "the engine failed and does not say why", status)


def _usage(chunk: Chunk) -> Usage:
    usage, timings = chunk.usage, chunk.timings
    if usage is None:
        return Usage()
    cached = usage.prompt_tokens_details
    return Usage(
        prompt_tokens=usage.prompt_tokens,
        cached_tokens=(cached.cached_tokens or 0) if cached else 0,
        completion_tokens=usage.completion_tokens or 0,
        prompt_ns=milliseconds(timings.prompt_ms) if timings else 0,
        completion_ns=milliseconds(timings.predicted_ms) if timings else 0,
    )


def milliseconds(value: float) -> int:
    """Milliseconds in nanoseconds, at least one."""
    return max(1, round(value * 1e6)) if math.isfinite(value) and value > 0 else 1
