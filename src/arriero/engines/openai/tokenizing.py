"""A model of a server that speaks OpenAI's API and tells which tokens a text is made of: SGLang and vLLM."""

from contextlib import aclosing

from msgspec import Struct

from arriero.engines.answers.think_text import OPEN
from arriero.engines.base import ServedModel
from arriero.engines.context import behind_context, with_context
from arriero.engines.fitting import generate_within
from arriero.engines.openai.body import tokenize_body
from arriero.engines.openai.estimating import byte_count
from arriero.engines.openai.plain import LONGEST_TEXT, OpenAIEngine, with_limit, within_room
from arriero.engines.openai.quirks import Quirks
from arriero.engines.openai.wire import OpenAIWire
from arriero.errors import EngineDied, EngineFailed, PromptTooLong
from arriero.types.chat import ChatPrompt, InfillPrompt, Message, Prompt, TextPrompt, TextRequest
from arriero.types.events import EventStream

# More tokens than a template puts around messages.
_TEMPLATE_ROOM = 1024


class _Tokens(Struct):
    tokens: list[int]


class _Counted(Struct):
    count: int


class _Text(Struct):
    # vLLM's name and SGLang's.
    prompt: str | None = None
    text: str | None = None


class TokenizingEngine(OpenAIEngine):
    """One model of a server that counts, renders and tokenizes as well (see ``Counts`` and the like)."""

    def __init__(self, quirks: Quirks, wire: OpenAIWire, model: ServedModel, *, is_cumulative: bool = False) -> None:
        super().__init__(quirks, wire, model, is_cumulative=is_cumulative)
        self._has_open_thinking: bool | None = None

    def generate(self, request: TextRequest) -> EventStream:
        """Stream one answer (see ``Engine``), within the context."""
        if isinstance(request.prompt, ChatPrompt) and request.prompt.context:
            return behind_context(self, request, request.prompt)
        if self._context is None:
            return super().generate(request)
        return generate_within(self, request, self._context)

    def ask(self, request: TextRequest) -> EventStream:
        """Stream the answer to a prompt that is sent as it is. Raises PromptTooLong where it does not fit."""
        stream = super().ask(request)
        return with_context(self, request, stream) if request.wants_context else stream

    async def count(self, prompt: Prompt) -> int:
        """The tokens of a prompt (see ``Counts``)."""
        match prompt:
            case ChatPrompt(context=context):
                body = tokenize_body(self._model.name, prompt, self._quirks)
                return len(context) + (await self._wire.call("/tokenize", body, _Counted)).count
            case TextPrompt(text=text, context=context):
                return len(context) + len(await self.tokenize(text, is_rendered=True, is_first=not context))
            case InfillPrompt():
                return await self.count(self._gap(prompt))

    async def tokenize(self, text: str, *, is_rendered: bool = False, is_first: bool = True) -> list[int]:
        """The tokens of a text (see ``Tokenizes``)."""
        body = {"model": self._model.name, "prompt": text, "add_special_tokens": is_rendered and is_first}
        return (await self._wire.call("/tokenize", body, _Tokens)).tokens

    async def render(self, prompt: ChatPrompt) -> str:
        """The prompt after the model's chat template (see ``Renders``)."""
        tokens = await self.tokenize_chat(prompt)
        again = {"model": self._model.name, "tokens": tokens, "skip_special_tokens": False}
        rendered = await self._wire.call("/detokenize", again, _Text)
        return rendered.prompt or rendered.text or ""

    async def tokenize_chat(self, prompt: ChatPrompt) -> list[int]:
        """The tokens of a prompt after the model's chat template (see ``TokenizesChats``)."""
        body = tokenize_body(self._model.name, prompt, self._quirks)
        return (await self._wire.call("/tokenize", body, _Tokens)).tokens

    async def _shortened(self, request: TextRequest, error: EngineFailed) -> TextRequest | None:
        if isinstance(error, PromptTooLong) and not request.is_truncating and error.prompt_tokens == error.num_ctx + 1:
            # vLLM stops counting there, and the user wants to know.
            raise PromptTooLong(await self.count(request.prompt), error.num_ctx) from error
        shorter = await super()._shortened(request, error)
        if shorter is not None or self._context is None or isinstance(error, PromptTooLong):
            return shorter
        # Whatever the words of the refusal are: if it can be about the length, the length is looked at.
        wanted = request.sampling.max_tokens or 0
        if byte_count(request.prompt) + _TEMPLATE_ROOM + wanted <= self._context:
            return None
        size = await self._size(request.prompt)
        return within_room(request, size, self._context) if size + max(1, wanted) > self._context else None

    async def _size(self, prompt: Prompt) -> int:
        return await self.count(prompt)

    async def _text(self, request: TextRequest, prompt: TextPrompt) -> EventStream:
        wanted = request.sampling.max_tokens
        is_short = wanted is not None and self._fits(byte_count(prompt) + wanted)
        if not prompt.context and (is_short or self._context is None):
            async with aclosing(super()._text(request, prompt)) as stream:
                async for events in stream:
                    yield events
            return
        await self._look_at_seed(request)
        own = await self.tokenize(prompt.text, is_rendered=True, is_first=not prompt.context)
        tokens = [*prompt.context, *own]
        if self._context is not None:
            request = within_room(request, len(tokens), self._context)
        elif wanted is None:
            request = with_limit(request, LONGEST_TEXT)
        async with aclosing(self._complete(request, prompt, tokens)) as stream:
            async for events in stream:
                yield events

    def _fits(self, tokens: int) -> bool:
        return self._context is not None and tokens < self._context

    async def _opens_thinking(self, prompt: ChatPrompt) -> bool:
        if self._tells_thinking:
            return False
        if self._has_open_thinking is None:
            try:
                rendered = await self.render(ChatPrompt((Message("user", "x"),), think=prompt.think))
            except EngineDied:
                raise
            except EngineFailed:
                # A template that wants more than this is not looked through.
                rendered = ""
            self._has_open_thinking = rendered.rstrip().endswith(OPEN)
        return self._has_open_thinking
