"""Reads the stream of llama.cpp's own format, in which it answers infill. Pure."""

import msgspec

from arriero.engines.answers.logprobs import read_logprobs
from arriero.engines.answers.reader import milliseconds
from arriero.engines.openai.refusals import engine_failure
from arriero.errors import EngineFailed
from arriero.protocol.openai_engine import UNREADABLE, NativeChunk
from arriero.protocol.sse import SseParser
from arriero.types.events import Event, Finished, TextDelta
from arriero.types.usage import Usage

_decode = msgspec.json.Decoder(NativeChunk).decode


class NativeReader:
    """Reads one answer (see ``AnswerReader``); its last chunk says so itself.

    prompt_tokens: as every chunk tells them.
    """

    __slots__ = ("_parser", "_top_logprobs", "is_cut", "is_finished", "prompt_tokens")

    def __init__(self, top_logprobs: int = 0) -> None:
        self._parser = SseParser()
        self._top_logprobs = top_logprobs
        self.is_finished = False
        self.is_cut = False
        self.prompt_tokens = 0

    def feed(self, data: bytes) -> list[Event]:
        """Take what one read brought. Raises EngineFailed where the engine reports an error in its stream."""
        events: list[Event] = []
        for payload in self._parser.feed(data):
            if not self.is_finished:
                self._read(payload, events)
        return events

    @property
    def is_told(self) -> bool:
        """Whether only the stream's end is to come; here it comes with the last chunk."""
        return self.is_finished

    def read_body(self, content: bytes) -> list[Event]:
        """Take an answer that has come in one piece: it is like the last chunk."""
        events: list[Event] = []
        self._read(content, events)
        return events

    def close(self) -> list[Event]:
        """The stream is over: there is nothing left to tell."""
        return []

    def _read(self, payload: bytes, events: list[Event]) -> None:
        try:
            chunk = _decode(payload)
        except UNREADABLE as error:
            raise EngineFailed(f"the engine sent something that is no chunk of an answer: {error}") from error
        if chunk.error is not None:
            raise engine_failure(chunk.error, status=500)
        self.prompt_tokens = chunk.tokens_evaluated
        if chunk.content or chunk.completion_probabilities:
            events.append(TextDelta(chunk.content, read_logprobs(chunk.completion_probabilities, self._top_logprobs)))
        if chunk.stop:
            self.is_finished = True
            events.append(Finished("length" if chunk.stop_type == "limit" else "stop", _usage(chunk)))


def _usage(chunk: NativeChunk) -> Usage:
    timings = chunk.timings
    return Usage(
        prompt_tokens=chunk.tokens_evaluated,
        completion_tokens=chunk.tokens_predicted,
        prompt_ns=milliseconds(timings.prompt_ms) if timings else 0,
        completion_ns=milliseconds(timings.predicted_ms) if timings else 0,
    )
