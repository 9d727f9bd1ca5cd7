"""A model of a server that speaks OpenAI's API, as an engine: what all such servers can do."""

from collections.abc import Mapping, Sequence
from contextlib import aclosing
from functools import partial
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from arriero.engines.answers.call_pieces import tool_splitter
from arriero.engines.answers.passing import PassingReader
from arriero.engines.answers.reader import AnswerReader, Telling
from arriero.engines.answers.stop_texts import StopTexts
from arriero.engines.answers.think_text import OPEN, ThinkText
from arriero.engines.answers.white_space import WhiteSpaceWatch
from arriero.engines.base import ServedModel
from arriero.engines.chat_messages import tool_names
from arriero.engines.formatted_thinking import think_then_answer
from arriero.engines.openai.body import chat_request, text_request
from arriero.engines.openai.estimating import Estimate, generate_by_estimate
from arriero.engines.openai.infill_marks import infill_text
from arriero.engines.openai.passable import is_passable
from arriero.engines.openai.quirks import Quirks
from arriero.engines.openai.refusals import AnswerTooLong
from arriero.engines.openai.sampling import passed_over
from arriero.engines.openai.wire import OpenAIWire, Reader
from arriero.engines.opening import Beginning, Opening
from arriero.errors import EngineFailed, PromptTooLong
from arriero.types.chat import ChatPrompt, InfillPrompt, Prompt, TextPrompt, TextRequest
from arriero.types.events import EventStream

_CHAT, _TEXT = "/v1/chat/completions", "/v1/completions"
# Text completions end after 16 tokens where the request does not say, and nobody may know the context.
LONGEST_TEXT = 4096
_INFO_TIMEOUT_S = 5.0
# A refusal tells the context, and the next one the tokens of the prompt.
_MOST_SHORTENED = 2


class _ServerInfo(Struct):
    enable_deterministic_inference: bool = False


class OpenAIEngine:
    """One model of a server that answers, and need not be able to do more (see ``Engine``).

    is_cumulative: pieces of an answer repeat what came before.
    """

    def __init__(self, quirks: Quirks, wire: OpenAIWire, model: ServedModel, *, is_cumulative: bool = False) -> None:
        self._quirks = quirks
        self._wire = wire
        self._model = model
        self._context = model.context
        self._is_cumulative = is_cumulative
        self._tells_thinking = False
        self._is_seeded: bool | None = None if quirks.seeds_by_flag else True

    def generate(self, request: TextRequest) -> EventStream:
        """Stream one answer (see ``Engine``), within the context."""
        return generate_by_estimate(self, request, self._context)

    def ask(self, request: TextRequest) -> EventStream:
        """Stream the answer to a prompt that is sent as it is. Raises PromptTooLong where it does not fit."""
        return Opening(partial(self._begin, self._with_fair_limit(request)))

    def ignored(self, request: TextRequest) -> Sequence[str]:
        """What of the sampling parameters is passed over (see ``Ignores``)."""
        return passed_over(request, self._quirks, is_seeded=self._is_seeded is not False)

    async def health(self) -> bool:
        """Whether the server answers; costs it nothing."""
        return await self._wire.is_ready(self._quirks.health_path)

    async def aclose(self) -> None:
        """Drop the connections."""
        await self._wire.aclose()

    async def _begin(self, request: TextRequest) -> Beginning:
        """Begin an answer, with a shorter limit for it where it does not fit behind the prompt."""
        for attempt in range(_MOST_SHORTENED + 1):
            stream = self._once(request)
            try:
                first = await anext(stream)
            except EngineFailed as error:
                if error.status != 400 or attempt == _MOST_SHORTENED:
                    raise
                shorter = await self._shortened(request, error)
                if shorter is None:
                    raise
                request = shorter
            else:
                return first, stream
        raise AssertionError("the last attempt returns or raises")

    def _once(self, request: TextRequest) -> EventStream:
        match request.prompt:
            case ChatPrompt() as prompt:
                return Opening(partial(self._begin_chat, request, prompt))
            case TextPrompt(thinks=True) as prompt if request.json_format and _is_open(prompt):
                return think_then_answer(self._once, request, prompt)
            case TextPrompt() as prompt:
                return self._text(request, prompt)
            case InfillPrompt() as prompt:
                return self._text(request, self._gap(prompt))

    async def _shortened(self, request: TextRequest, error: EngineFailed) -> TextRequest | None:
        """The request with a limit that fits; None where it was refused for something else. Raises PromptTooLong."""
        if not isinstance(error, AnswerTooLong):
            return None
        size = error.prompt_tokens or await self._size(request.prompt)
        return within_room(request, size, error.limit)

    async def _size(self, prompt: Prompt) -> int:
        """The tokens of a prompt, as far as can be told."""
        return Estimate().tokens(prompt)

    async def _begin_chat(self, request: TextRequest, prompt: ChatPrompt) -> Beginning:
        """Begin the answer to a chat."""
        if prompt.context:
            raise _no_context()
        await self._look_at_seed(request)
        think = None
        if prompt.think is not None:
            think = ThinkText(is_open=bool(prompt.think) and await self._opens_thinking(prompt))
        reader = self._reader(request, prompt, think)
        body = chat_request(self._model.name, prompt, request, self._quirks)
        stream = self._wire.stream(_CHAT, body, self._passing(request, reader))
        first = await anext(stream)
        # What is thought comes before all text.
        self._tells_thinking = self._tells_thinking or reader.has_told_thinking
        return first, stream

    async def _opens_thinking(self, prompt: ChatPrompt) -> bool:
        """Whether the template has the prompt end with the tag that opens thinking."""
        del prompt
        return False

    async def _text(self, request: TextRequest, prompt: TextPrompt) -> EventStream:
        """Stream what follows a text."""
        if prompt.context:
            raise _no_context()
        await self._look_at_seed(request)
        if request.sampling.max_tokens is None:
            room = LONGEST_TEXT if self._context is None else self._context - Estimate().tokens(prompt)
            request = with_limit(request, max(1, room))
        async with aclosing(self._complete(request, prompt, prompt.text)) as stream:
            async for events in stream:
                yield events

    def _complete(self, request: TextRequest, prompt: TextPrompt, given: str | Sequence[int]) -> EventStream:
        """Stream what follows a text, or tokens."""
        think = ThinkText(is_open=_is_open(prompt)) if prompt.thinks else None
        body: Mapping[str, Any] = text_request(self._model.name, given, request, self._quirks)
        reader = self._reader(request, prompt, think)
        return self._wire.stream(_TEXT, body, self._passing(request, reader))

    def _reader(self, request: TextRequest, prompt: ChatPrompt | TextPrompt, think: ThinkText | None) -> AnswerReader:
        tools = prompt.tools if isinstance(prompt, ChatPrompt) else ()
        stop = request.sampling.stop
        return AnswerReader(
            tool_splitter(tool_names(tools)) if tools else None,
            request.top_logprobs or 0,
            think=think,
            stops=StopTexts(stop) if len(stop) > self._quirks.most_stops else None,
            watch=WhiteSpaceWatch() if request.json_format else None,
            telling=Telling(self._is_cumulative, self._quirks.names_end_token),
        )

    def _passing(self, request: TextRequest, reader: AnswerReader) -> Reader:
        """Who reads the answer: one that passes its bytes on, where the client may have them."""
        if request.passing is None or not self._quirks.passes or self._is_cumulative:
            return reader
        may_pass = is_passable(request, self._model.name, self._quirks.most_stops)
        if not may_pass:
            return reader
        return PassingReader(request.passing, reader, is_known=not self._quirks.is_vouched_for)

    def _gap(self, prompt: InfillPrompt) -> TextPrompt:
        """The text that has the model fill a gap."""
        names = (self._model.name, *(self._model.model_info.get(f"general.{key}") for key in ("basename", "name")))
        text = infill_text(" ".join(str(name) for name in names if name), prompt)
        if text is None:
            raise EngineFailed(
                f"nobody knows the marks by which {self._model.name} fills a gap: send a prompt without a suffix", 400
            )
        return TextPrompt(text)

    def _with_fair_limit(self, request: TextRequest) -> TextRequest:
        """The request without a limit that is none: servers refuse one that is larger than their context."""
        most = request.sampling.max_tokens
        if most is None or self._context is None or most < self._context:
            return request
        return with_limit(request, None)

    async def _look_at_seed(self, request: TextRequest) -> None:
        """Find out, once, whether a seed has an effect on this server."""
        if self._is_seeded is not None or request.sampling.seed in (None, -1):
            return
        try:
            info = await self._wire.get("/server_info", _ServerInfo, timeout_s=_INFO_TIMEOUT_S)
        except EngineFailed:
            # It will be asked again; the answer does not depend on it.
            return
        self._is_seeded = info.enable_deterministic_inference


def within_room(request: TextRequest, size: int, limit: int) -> TextRequest:
    """The request with an answer that has room behind a prompt of ``size`` tokens. Raises PromptTooLong."""
    if size >= limit:
        raise PromptTooLong(size, limit)
    wanted = request.sampling.max_tokens
    return with_limit(request, limit - size if wanted is None else min(wanted, limit - size))


def with_limit(request: TextRequest, most: int | None) -> TextRequest:
    """The request with an answer of so many tokens at most."""
    return replace(request, sampling=replace(request.sampling, max_tokens=most))


def _is_open(prompt: TextPrompt) -> bool:
    return prompt.text.rstrip().endswith(OPEN)


def _no_context() -> EngineFailed:
    return EngineFailed("this model's server cannot go on from the context of an earlier answer: send messages", 400)
