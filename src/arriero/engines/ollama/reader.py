"""Reads what an Ollama answers: an object a line, or all in one. Pure."""

from typing import Any

import msgspec
from msgspec import Struct

from arriero.engines.answers.call_pieces import call_id
from arriero.engines.answers.logprobs import read_logprobs
from arriero.engines.answers.plain_tool_calls import read_arguments
from arriero.engines.answers.think_text import ThinkText
from arriero.engines.openai.refusals import engine_failure, read_refusal
from arriero.errors import EngineFailed
from arriero.protocol.openai_engine import UNREADABLE, EngineError, EngineLogprob
from arriero.types.chat import ToolCall
from arriero.types.events import Event, Finished, TextDelta, ThinkingDelta, TokenLogprob, ToolCallDelta
from arriero.types.usage import Usage


class _Function(Struct):
    name: str = ""
    # The model's own JSON; a text where what calls itself an Ollama writes it as OpenAI does.
    arguments: Any = None


class _Call(Struct):
    function: _Function
    id: str | None = None


class _Message(Struct):
    content: str | None = None
    thinking: str | None = None
    tool_calls: list[_Call] | None = None


class _Line(Struct):
    """One object: of a chat the text is in ``message``, of what is generated in ``response``."""

    message: _Message | None = None
    response: str | None = None
    thinking: str | None = None
    tool_calls: list[_Call] | None = None
    logprobs: list[EngineLogprob] | None = None
    done: bool = False
    done_reason: str | None = None
    context: list[int] | None = None
    prompt_eval_count: int | float | None = None
    prompt_eval_duration: int | float | None = None
    eval_count: int | float | None = None
    eval_duration: int | float | None = None
    error: EngineError | str | None = None


_decode = msgspec.json.Decoder(_Line).decode


class OllamaReader:
    """Reads one answer (see ``AnswerReader``); its last line says so itself.

    think: looks for thinking in the text, unless the Ollama tells it apart. is_one_call: calls after the first one are
    dropped. wants_context: ``Finished`` tells the tokens that the Ollama tells.
    """

    __slots__ = (
        "_failure",
        "_is_one_call",
        "_rest",
        "_think",
        "_told",
        "_top_logprobs",
        "_wants_context",
        "is_finished",
    )

    def __init__(
        self,
        top_logprobs: int = 0,
        *,
        think: ThinkText | None = None,
        is_one_call: bool = False,
        wants_context: bool = False,
    ) -> None:
        self._top_logprobs = top_logprobs
        self._think = think
        self._is_one_call = is_one_call
        self._wants_context = wants_context
        self._rest = b""
        self._told = 0
        self._failure: EngineFailed | None = None
        self.is_finished = False

    @property
    def is_told(self) -> bool:
        """Whether only the stream's end is to come; here it comes with the last line."""
        return self.is_finished

    @property
    def is_cut(self) -> bool:
        """Whether the answer has been ended here: never."""
        return False

    def feed(self, data: bytes) -> list[Event]:
        """Take what one read brought. Raises EngineFailed where the Ollama reports an error in its stream.

        What has come before the error is told first, and the error with the next call.
        """
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        return self._read(lines)

    def read_body(self, content: bytes) -> list[Event]:
        """Take all of an answer. Raises EngineFailed with the title of a web page that has come in its place."""
        if content.lstrip().startswith(b"<"):
            raise read_refusal(502, content)
        return self.feed(content) + self.close()

    def close(self) -> list[Event]:
        """The stream is over; its last line need not have an end."""
        rest, self._rest = self._rest, b""
        return self._read([rest])

    def _read(self, lines: list[bytes]) -> list[Event]:
        if self._failure is not None:
            raise self._failure
        events: list[Event] = []
        try:
            for line in lines:
                if line.strip() and not self.is_finished:
                    self._take(_line(line), events)
        except EngineFailed as error:
            if not events:
                raise
            self._failure = error
        return events

    def _take(self, line: _Line, events: list[Event]) -> None:
        message = line.message or _Message()
        if thought := message.thinking or line.thinking:
            # Told apart: then what it calls text is text.
            self._think = None
            events.append(ThinkingDelta(thought))
        tokens = read_logprobs(line.logprobs, self._top_logprobs) if line.logprobs else ()
        self._say(message.content or line.response or "", tokens, events)
        for call in message.tool_calls or line.tool_calls or ():
            if not (self._is_one_call and self._told):
                events.append(ToolCallDelta(self._told, _call(call)))
                self._told += 1
        if line.done:
            self.is_finished = True
            if self._think is not None:
                events += self._think.close()
            context = tuple(line.context or ()) if self._wants_context else ()
            events.append(Finished("length" if line.done_reason == "length" else "stop", _usage(line), context))

    def _say(self, text: str, tokens: tuple[TokenLogprob, ...], events: list[Event]) -> None:
        if self._think is None:
            if text or tokens:
                events.append(TextDelta(text, tokens))
            return
        if tokens:
            events.append(TextDelta("", tokens))
        events += self._think.feed(text)


def _line(content: bytes) -> _Line:
    try:
        line = _decode(content)
    except UNREADABLE as error:
        raise EngineFailed(f"the engine sent something that is no line of an answer: {error}") from error
    if line.error is not None:
        raise engine_failure(line.error, status=500)
    return line


def _call(call: _Call) -> ToolCall:
    name = call.function.name
    arguments = read_arguments(call.function.arguments)
    if arguments is None:
        raise EngineFailed(f"the model called {name} with arguments that are no JSON object; try again")
    return ToolCall(name, arguments, call.id or call_id())


def _usage(line: _Line) -> Usage:
    return Usage(
        prompt_tokens=int(line.prompt_eval_count or 0),
        completion_tokens=int(line.eval_count or 0),
        prompt_ns=int(line.prompt_eval_duration or 0),
        completion_ns=int(line.eval_duration or 0),
    )
