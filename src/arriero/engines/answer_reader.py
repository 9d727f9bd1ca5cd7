"""From the bytes of an engine's stream to events. Pure: a socket is somebody else's."""

import math

import msgspec

from arriero.errors import EngineFailed
from arriero.protocol.openai_engine import Chunk, EngineError
from arriero.protocol.sse import SseParser
from arriero.types.events import Event, Finished, FinishReason, TextDelta, ThinkingDelta
from arriero.types.usage import Usage

_decode = msgspec.json.Decoder(Chunk).decode
_DONE = b"[DONE]"


class AnswerReader:
    """Reads one answer, chat or text, streamed in OpenAI's format.

    Engines tell the reason to stop, the usage and the timings in one last chunk or in several: ``Finished`` is made
    when the stream says that it is over.
    """

    __slots__ = ("_chunk", "_parser", "_reason", "is_finished")

    def __init__(self) -> None:
        self._parser = SseParser()
        self._reason: str | None = None
        self._chunk = Chunk()
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

    def close(self) -> list[Event]:
        """The stream is over: ``Finished``, unless it has been told or the answer broke off."""
        if self.is_finished or self._reason is None:
            return []
        self.is_finished = True
        reason: FinishReason = "length" if self._reason == "length" else "stop"
        return [Finished(reason, _usage(self._chunk))]

    def _read(self, payload: bytes, events: list[Event]) -> None:
        try:
            chunk = _decode(payload)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise EngineFailed(f"the engine sent something that is no chunk of an answer: {error}") from error
        if chunk.error is not None:
            raise engine_failure(chunk.error, status=500)
        if chunk.usage is not None:
            self._chunk.usage = chunk.usage
        if chunk.timings is not None:
            self._chunk.timings = chunk.timings
        for choice in chunk.choices:
            delta = choice.delta
            if delta.reasoning_content:
                events.append(ThinkingDelta(delta.reasoning_content))
            if text := delta.content or choice.text:
                events.append(TextDelta(text))
            if choice.finish_reason is not None:
                self._reason = choice.finish_reason


def engine_failure(error: EngineError | str | None, status: int) -> EngineFailed:
    """An engine's own error, with the HTTP status that it names, else the given one."""
    if isinstance(error, EngineError):
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
        prompt_ns=_milliseconds(timings.prompt_ms) if timings else 0,
        completion_ns=_milliseconds(timings.predicted_ms) if timings else 0,
    )


def _milliseconds(value: float) -> int:
    return max(1, round(value * 1e6)) if math.isfinite(value) and value > 0 else 1
