"""From the bytes of an engine's stream to events. Pure: a socket is somebody else's."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from arriero.engines.answers.call_pieces import CallPieces
from arriero.engines.answers.cumulative import NewPart
from arriero.engines.answers.logprobs import read_chunk_logprobs
from arriero.engines.answers.splitting import Splitter
from arriero.engines.answers.stop_texts import StopTexts
from arriero.engines.answers.think_text import ThinkText, ThinkTrim
from arriero.engines.answers.white_space import WhiteSpaceWatch
from arriero.engines.openai.refusals import engine_failure, read_refusal, refusal_within
from arriero.errors import EngineFailed
from arriero.protocol.openai_engine import UNREADABLE, Choice, Chunk, Delta, EngineUsage, Timings, WholeAnswer
from arriero.protocol.sse import SseParser
from arriero.types.events import (
    Event,
    Finished,
    FinishReason,
    TextDelta,
    ThinkingDelta,
    TokenLogprob,
    ToolCallDelta,
)
from arriero.types.usage import Usage

_decode = msgspec.json.Decoder(Chunk).decode
_decode_whole = msgspec.json.Decoder(WholeAnswer).decode
_NO_DELTA = Delta()
_DONE = b"[DONE]"
_HALF = "\N{REPLACEMENT CHARACTER}"
# An answer that ends like this is no whole one.
_FAILURES = frozenset({"abort", "error"})


@dataclass(frozen=True, slots=True)
class Telling:
    """How an engine tells an answer.

    is_cumulative: each piece repeats what came before. names_end: log probabilities come with that of the token that
    ends the answer.
    """

    is_cumulative: bool = False
    names_end: bool = False


_PLAINLY = Telling()


class AnswerReader:
    """Reads one answer, chat or text, streamed in OpenAI's format.

    Engines tell the reason to stop, the usage and the timings in one last chunk or in several: ``Finished`` is made
    when the stream says that it is over. splitter: finds in the text what the engine has not. think: looks for thinking
    in it before that, unless the engine tells thinking apart. top_logprobs: how many alternatives to each token were
    asked for. stops: texts that the engine does not look for. watch: the answer is JSON.
    """

    __slots__ = (
        "_calls",
        "_failure",
        "_half",
        "_held_tokens",
        "_is_plain",
        "_names_end",
        "_parser",
        "_reason",
        "_said",
        "_splitter",
        "_stop_text",
        "_stops",
        "_think",
        "_thought",
        "_timings",
        "_told",
        "_top_logprobs",
        "_trim",
        "_usage",
        "_watch",
        "has_told_thinking",
        "is_cut",
        "is_finished",
    )

    def __init__(
        self,
        splitter: Splitter | None = None,
        top_logprobs: int = 0,
        *,
        think: ThinkText | None = None,
        stops: StopTexts | None = None,
        watch: WhiteSpaceWatch | None = None,
        telling: Telling = _PLAINLY,
    ) -> None:
        self._parser = SseParser()
        self._reason: str | None = None
        self._usage: EngineUsage | None = None
        self._timings: Timings | None = None
        self._stop_text = ""
        self._splitter = splitter
        self._think = think
        self._stops = stops
        self._watch = watch
        self._said = NewPart() if telling.is_cumulative else None
        self._thought = NewPart()
        self._is_plain = not (splitter or think or stops or watch or telling.is_cumulative)
        self._top_logprobs = top_logprobs
        self._trim = ThinkTrim()
        self._calls = CallPieces()
        self._half = ""
        self._held_tokens: tuple[TokenLogprob, ...] = ()
        self._names_end = telling.names_end
        self._failure: EngineFailed | None = None
        self._told = 0
        self.is_finished = False
        self.is_cut = False
        self.has_told_thinking = False

    @property
    def is_told(self) -> bool:
        """Whether the reason to stop and the usage are known, so that only the stream's end is to come."""
        return self._reason is not None and self._usage is not None

    def feed(self, data: bytes) -> list[Event]:
        """Take what one read brought. Raises EngineFailed where the engine reports an error in its stream.

        What has come before the error is told first, and the error with the next call.
        """
        if self._failure is not None:
            raise self._failure
        events: list[Event] = []
        try:
            for payload in self._parser.feed(data):
                if payload == _DONE:
                    events += self.close()
                elif not self.is_finished:
                    self._read(payload, events)
        except EngineFailed as error:
            if not events:
                raise
            self._failure = error
        return events

    def read_body(self, content: bytes) -> list[Event]:
        """Take the body of a server that does not stream. Raises EngineFailed with its words where it is no answer."""
        try:
            answer = _decode_whole(content)
        except UNREADABLE as error:
            raise read_refusal(502, content) from error
        return self.read_whole(answer)

    def read_whole(self, answer: WholeAnswer) -> list[Event]:
        """Take an answer that has come in one piece."""
        events: list[Event] = []
        for choice in answer.choices[:1]:
            if choice.message is not None:
                for index, call in enumerate(choice.message.tool_calls or ()):
                    call.index = index
            pieces = [Choice(choice.message, choice.text, choice.logprobs, choice.finish_reason or "stop")]
            self._take(Chunk(pieces, answer.usage, answer.timings), events)
        return events + self.close()

    def close(self) -> list[Event]:
        """The stream is over: ``Finished``, unless it has been told or the answer broke off."""
        if self._failure is not None:
            raise self._failure
        if self.is_finished or self._reason is None:
            return []
        self.is_finished = True
        reason: FinishReason = "length" if self._reason == "length" else "stop"
        held = self._split(self._stops.close()) if self._stops else []
        held += self._split_last()
        events = self._numbered([*held, *self._calls.close(is_cut=reason == "length")])
        return [*events, Finished(reason, _usage(self._usage, self._timings), stop_text=self._stop_text)]

    def _read(self, payload: bytes, events: list[Event]) -> None:
        try:
            chunk = _decode(payload)
        except UNREADABLE as error:
            if payload.strip() == b"null":
                # Some servers send it in between.
                return
            raise EngineFailed(f"the engine sent something that is no chunk of an answer: {error}") from error
        if chunk.error is not None:
            raise engine_failure(chunk.error, status=500)
        if chunk.choices is None and (refusal := refusal_within(payload)):
            raise refusal
        self._take(chunk, events)

    def _take(self, chunk: Chunk, events: list[Event]) -> None:
        if chunk.usage is not None or chunk.timings is not None or chunk.verbose is not None:
            self._note(chunk)
        for choice in chunk.choices or ():
            delta = choice.delta or _NO_DELTA
            if thought := delta.reasoning_content or delta.reasoning:
                self._tell_thinking(thought, events)
            text = delta.content or choice.text or ""
            if self._half or text[-1:] == _HALF:
                text = self._whole(text, choice)
            if not self._is_plain or choice.logprobs is not None or self._trim.is_thinking or self._held_tokens:
                self._say(text, self._tokens(choice, text), events)
            elif text:
                events.append(TextDelta(text))
            if delta.tool_calls:
                events += self._numbered(self._calls.feed(delta.tool_calls))
            if choice.finish_reason:
                self._end(choice)
        if self.is_cut:
            self._reason = "stop"
            events += self.close()

    def _tokens(self, choice: Choice, text: str) -> tuple[TokenLogprob, ...]:
        """The tokens of a piece, without the one that has ended the answer and is no text."""
        tokens = read_chunk_logprobs(choice.logprobs, self._top_logprobs) if choice.logprobs else ()
        if not self._names_end:
            return tokens
        tokens, self._held_tokens = (*self._held_tokens, *tokens), ()
        if not choice.finish_reason and not text:
            # It may be the one that ends the answer: the next piece tells.
            self._held_tokens = tokens
            return ()
        by_text = isinstance(choice.stop_reason, str) or isinstance(choice.matched_stop, str)
        return tokens[:-1] if choice.finish_reason == "stop" and not by_text else tokens

    def _whole(self, text: str, choice: Choice) -> str:
        """The text without what may be half a character at its end, which comes with the next piece.

        SGLang shows a character that the limit of tokens has cut in two as one that stands for any that is broken.
        """
        text = self._half + text
        kept = text.rstrip(_HALF)
        self._half = "" if choice.finish_reason else text[len(kept) :]
        return kept if not choice.finish_reason or choice.finish_reason == "length" else text

    def _note(self, chunk: Chunk) -> None:
        """Keep what a chunk says of the answer as a whole."""
        self._usage = chunk.usage or self._usage
        if isinstance(chunk.timings, Timings):
            self._timings = chunk.timings
        if chunk.verbose is not None:
            self._stop_text = chunk.verbose.stopping_word

    def _end(self, choice: Choice) -> None:
        if choice.finish_reason in _FAILURES:
            raise EngineFailed("the engine gave the answer up before its end; try again")
        self._reason = choice.finish_reason
        # A number is a token's, which ends an answer of itself.
        for text in (choice.stop_reason, choice.matched_stop):
            if isinstance(text, str):
                self._stop_text = text

    def _tell_thinking(self, thought: str, events: list[Event]) -> None:
        if not self.has_told_thinking:
            # The engine tells it apart: then what it calls text is text.
            self.has_told_thinking = True
            self._think = None
        if self._said is not None:
            thought = self._thought.of(thought)
        if thought := self._trim.think(thought):
            events.append(ThinkingDelta(thought))

    def _say(self, text: str, tokens: tuple[TokenLogprob, ...], events: list[Event]) -> None:
        if self._said is not None:
            text = self._said.of(text)
        text = self._trim.say(text)
        if self._watch is not None:
            self._watch.feed(text)
        if self._stops is not None:
            text = self._stops.feed(text)
            if self._stops.found:
                self._stop_text, self.is_cut = self._stops.found, True
        if self._splitter is None and self._think is None:
            if text or tokens:
                events.append(TextDelta(text, tokens))
            return
        if tokens:
            events.append(TextDelta("", tokens))
        if text:
            events += self._numbered(self._split(text))

    def _split(self, text: str) -> list[Event]:
        """What the splitters make of a piece of text."""
        if not text:
            return []
        return self._split_rest(self._think.feed(text) if self._think else [TextDelta(text)])

    def _split_last(self) -> list[Event]:
        """What the splitters have held back."""
        rest = self._split_rest(self._think.close()) if self._think else []
        return [*rest, *(self._splitter.close() if self._splitter else [])]

    def _split_rest(self, events: list[Event]) -> list[Event]:
        if self._splitter is None:
            return events
        found: list[Event] = []
        for event in events:
            found += self._splitter.feed(event.text) if isinstance(event, TextDelta) else [event]
        return found

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


def _usage(usage: EngineUsage | None, timings: Timings | None) -> Usage:
    if usage is None:
        return Usage()
    cached = usage.prompt_tokens_details
    return Usage(
        prompt_tokens=int(usage.prompt_tokens or 0),
        cached_tokens=int(cached.cached_tokens or 0) if cached else 0,
        completion_tokens=int(usage.completion_tokens or 0),
        prompt_ns=milliseconds(timings.prompt_ms) if timings else 0,
        completion_ns=milliseconds(timings.predicted_ms) if timings else 0,
        reasoning_tokens=_reasoning_tokens(usage),
    )


def _reasoning_tokens(usage: EngineUsage) -> int:
    """Of the answer's tokens, those of thinking: vLLM and OpenAI tell them in the details, SGLang beside the others."""
    details = usage.completion_tokens_details
    return int((details.reasoning_tokens if details else 0) or usage.reasoning_tokens or 0)


def milliseconds(value: float | None) -> int:
    """Milliseconds in nanoseconds, at least one."""
    return max(1, round(value * 1e6)) if value is not None and math.isfinite(value) and value > 0 else 1
