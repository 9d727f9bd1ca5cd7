"""Answers of OpenAI's text completions, as chunks or as one object. Thinking and calls have no place in them. Pure."""

from collections.abc import Sequence

import msgspec
from msgspec import UNSET, UnsetType

from arriero.errors import ArrieroError
from arriero.protocol import openai_completion as wire
from arriero.protocol.answer_route import AnswerRoute, route_of, to_route
from arriero.protocol.openai_answer import FINGERPRINT, AnswerHead, to_usage
from arriero.protocol.openai_error import error_body
from arriero.protocol.sse import SSE_DONE, sse_event
from arriero.types.events import Event, Finished, TextDelta, TokenLogprob, text_and_thinking
from arriero.types.routing import Decision
from arriero.types.times import Times
from arriero.types.usage import Usage

_encode = msgspec.json.Encoder().encode
_OBJECT = "text_completion"


class CompletionAnswer:
    """Encodes one answer, or one of several to a request. index: which of them.

    echoes: for each prompt of the request, the text that its answers begin with. per_prompt: answers to each.
    """

    content_type = b"text/event-stream"
    whole_content_type = b"application/json"

    def __init__(
        self,
        head: AnswerHead,
        *,
        include_usage: bool = False,
        index: int = 0,
        echoes: Sequence[str] = ("",),
        per_prompt: int = 1,
    ) -> None:
        self._head = head
        self._include_usage = include_usage
        self._index = index
        self._echoes = echoes
        self._per_prompt = per_prompt
        self._has_begun = False
        self._offset = 0
        self._route: AnswerRoute | UnsetType = UNSET

    def chunk(self, events: Sequence[Event], created_at: str) -> bytes:
        """The events of a batch, framed."""
        del created_at
        if events and type(events[0]) is Decision:
            self._route = to_route(events[0])
        texts = [event for event in events if type(event) is TextDelta]
        return self._opening() + b"".join(self._text(event) for event in texts)

    def last(self, finished: Finished, created_at: str, times: Times) -> bytes:
        """What ends a stream: the reason, the usage where it is wanted, and OpenAI's own mark."""
        del created_at, times
        return self.end(finished) + self.close([finished.usage])

    def end(self, finished: Finished) -> bytes:
        """What ends one of several answers in a stream."""
        choice = wire.CompletionChoice("", self._index, finished.reason)
        return self._opening() + self._frame([choice], route=self._route)

    def close(self, usages: Sequence[Usage]) -> bytes:
        """What ends a stream after all its answers."""
        return (self._frame([], usages) if self._include_usage else b"") + SSE_DONE

    def whole(self, events: Sequence[Event], finished: Finished, created_at: str, times: Times) -> bytes:
        """The answer in one object, of all its events."""
        del created_at, times
        return self.together([(events, finished)])

    def together(self, answers: Sequence[tuple[Sequence[Event], Finished]]) -> bytes:
        """Several answers in one object."""
        choices = [self._choice(index, events, finished) for index, (events, finished) in enumerate(answers)]
        answer = self._object(choices)
        answer.usage = to_usage([finished.usage for _, finished in answers], self._per_prompt)
        answer.route = route_of(answers[0][0][:1])
        return _encode(answer) + b"\n"

    def loaded(self, *, is_stream: bool) -> bytes:
        """What answers an empty prompt, which only has the model loaded."""
        choice = wire.CompletionChoice("", self._index, "load")
        if is_stream:
            return self._frame([choice]) + self.close([])
        answer = self._object([choice])
        answer.usage = to_usage([], self._per_prompt)
        return _encode(answer) + b"\n"

    def failure(self, message: str) -> bytes:
        """The last event of a stream that broke off."""
        return sse_event(error_body(ArrieroError(message)))

    def _opening(self) -> bytes:
        """The prompt, where it is wanted and has not been told yet."""
        echoed = self._echo(self._index)
        if not echoed or self._has_begun:
            return b""
        self._has_begun = True
        return self._frame([wire.CompletionChoice(echoed, self._index, None)])

    def _text(self, event: TextDelta) -> bytes:
        choice = wire.CompletionChoice(event.text, self._index, None)
        if event.logprobs:
            choice.logprobs = _logprobs(event.logprobs, self._offset)
            self._offset += sum(len(token.token) for token in event.logprobs)
        return self._frame([choice])

    def _frame(
        self,
        choices: list[wire.CompletionChoice],
        usages: Sequence[Usage] = (),
        route: AnswerRoute | UnsetType = UNSET,
    ) -> bytes:
        answer = self._object(choices)
        answer.route = route
        if self._include_usage:
            # Ollama tells zeros until it is over.
            answer.usage = to_usage(usages, self._per_prompt)
        return sse_event(_encode(answer))

    def _choice(self, index: int, events: Sequence[Event], finished: Finished) -> wire.CompletionChoice:
        text, _ = text_and_thinking(events)
        tokens = [token for event in events if type(event) is TextDelta for token in event.logprobs]
        logprobs = _logprobs(tokens, 0) if tokens else UNSET
        return wire.CompletionChoice(self._echo(index) + text, index, finished.reason, logprobs)

    def _echo(self, index: int) -> str:
        """The text that an answer begins with."""
        return self._echoes[index // self._per_prompt]

    def _object(self, choices: list[wire.CompletionChoice]) -> wire.Completion:
        head = self._head
        return wire.Completion(head.id, _OBJECT, head.created, head.model, FINGERPRINT, choices)


def _logprobs(tokens: Sequence[TokenLogprob], offset: int) -> wire.CompletionLogprobs:
    """The tokens of a piece of text that begins after so many characters."""
    offsets = []
    for token in tokens:
        offsets.append(offset)
        offset += len(token.token)
    return wire.CompletionLogprobs(
        [token.token for token in tokens],
        [token.logprob for token in tokens],
        [{top.token: top.logprob for top in token.top} for token in tokens] if any(t.top for t in tokens) else None,
        offsets,
    )
