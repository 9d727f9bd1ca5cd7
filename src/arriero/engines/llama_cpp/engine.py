"""A running llama.cpp server, as an engine."""

from collections.abc import Mapping, Sequence
from contextlib import aclosing
from typing import Any

from msgspec import Struct

from arriero.engines.answers.call_pieces import tool_splitter
from arriero.engines.answers.reader import AnswerReader
from arriero.engines.answers.think_text import OPEN, ThinkText
from arriero.engines.base import NextTokens, Plan
from arriero.engines.chat_messages import chat_format, tool_names
from arriero.engines.context import behind_context, with_context
from arriero.engines.fitting import generate_within
from arriero.engines.formatted_thinking import think_then_answer
from arriero.engines.llama_cpp.body import chat_body, request_body
from arriero.engines.llama_cpp.embedding import batch_of
from arriero.engines.llama_cpp.infill import infill_room
from arriero.engines.llama_cpp.loopback import LoopbackConnector
from arriero.engines.llama_cpp.native_reader import NativeReader
from arriero.engines.llama_cpp.next_tokens import (
    Completion,
    listed,
    listing_body,
    most_listed,
    next_tokens,
    weighed,
    weighing_body,
)
from arriero.engines.openai.embedding import embed_by
from arriero.engines.openai.wire import OpenAIWire
from arriero.errors import EngineFailed
from arriero.protocol.openai_engine import WholeAnswer
from arriero.types.chat import ChatPrompt, InfillPrompt, Prompt, TextPrompt, TextRequest
from arriero.types.embeddings import Embeddings
from arriero.types.events import EventStream, Truncated

HOST = "127.0.0.1"
_WHOLE_TIMEOUT_S = 3600.0
_INFILL_MARKS = 16  # more than the names of files and the like that llama.cpp puts around the text


class _Rendered(Struct):
    prompt: str


class _Counted(Struct):
    input_tokens: int


class _Tokens(Struct):
    tokens: list[int]


def worker_wire(port: int, api_key: str) -> OpenAIWire:
    """Connections to a worker of ours, on a port of the loopback interface."""
    headers = {"Authorization": f"Bearer {api_key}"}
    return OpenAIWire(f"http://{HOST}:{port}", headers, LoopbackConnector(HOST, port))


class LlamaCppEngine:
    """One running server of llama.cpp's: a worker of ours, or one that runs elsewhere.

    wire: keeps no connections, since llama.cpp closes one after a streamed answer. plan: how the server was started.
    input_limit: tokens of a text to embed, at most; None: as many as the context has.
    """

    def __init__(self, wire: OpenAIWire, plan: Plan, seed: int | None = None, input_limit: int | None = None) -> None:
        self._wire = wire
        self._plan = plan
        self._seed = seed
        self._infill_room = infill_room(batch_of(plan))
        self.input_limit = input_limit or plan.context

    def generate(self, request: TextRequest) -> EventStream:
        """Stream one answer (see ``Engine``), within the context."""
        if isinstance(request.prompt, ChatPrompt) and request.prompt.context:
            return behind_context(self, request, request.prompt)
        return generate_within(self, request, self._plan.context, engine_shifts=self._plan.is_shifting)

    def ask(self, request: TextRequest) -> EventStream:
        """Stream the answer to a prompt that is sent as it is. Raises PromptTooLong where it does not fit."""
        stream = self._ask(request)
        return with_context(self, request, stream) if request.wants_context else stream

    def _ask(self, request: TextRequest) -> EventStream:
        body = request_body(request, self._plan.context, self._seed)
        tops = request.top_logprobs or 0
        match request.prompt:
            case ChatPrompt(tools=tools):
                splitter = tool_splitter(tool_names(tools)) if tools else None
                reader = AnswerReader(splitter, tops)
                if tools and request.top_logprobs is not None:
                    # llama.cpp refuses to stream these together.
                    return self._in_one_piece(body, reader)
                return self._wire.stream("/v1/chat/completions", body, reader)
            case TextPrompt(text=text, thinks=thinks) as prompt:
                is_open = thinks and text.rstrip().endswith(OPEN)
                if is_open and request.json_format:
                    return self._with_checked_schema(request, think_then_answer(self._ask, request, prompt))
                think = ThinkText(is_open=is_open) if thinks else None
                stream = self._wire.stream("/v1/completions", body, AnswerReader(think, tops))
                return self._with_checked_schema(request, stream) if request.json_format else stream
            case InfillPrompt() as prompt:
                native = NativeReader(tops)
                stream = self._fill(prompt, request, self._wire.stream("/infill", body, native), native)
                return self._with_checked_schema(request, stream) if request.json_format else stream

    async def _in_one_piece(self, body: Mapping[str, Any], reader: AnswerReader) -> EventStream:
        whole = {name: value for name, value in body.items() if name != "stream_options"} | {"stream": False}
        answer = await self._wire.call("/v1/chat/completions", whole, WholeAnswer, timeout_s=_WHOLE_TIMEOUT_S)
        yield reader.read_whole(answer)

    async def count(self, prompt: Prompt) -> int:
        """The tokens of a prompt."""
        match prompt:
            case ChatPrompt():
                counted = await self._wire.call("/v1/chat/completions/input_tokens", chat_body(prompt), _Counted)
                return counted.input_tokens
            case TextPrompt(text=text, context=context):
                return len(context) + len(await self.tokenize(text, is_rendered=True, is_first=not context))
            case InfillPrompt(prefix, suffix):
                return sum(self._infill_room.taken(await self._infill_tokens(prefix, suffix))) + _INFILL_MARKS

    async def tokenize(self, text: str, *, is_rendered: bool = False, is_first: bool = True) -> list[int]:
        """The tokens of a text (see ``Tokenizes``)."""
        body = {"content": text, "add_special": is_rendered and is_first, "parse_special": is_rendered}
        return (await self._wire.call("/tokenize", body, _Tokens)).tokens

    async def next_tokens(self, prompt: TextPrompt, tokens: Sequence[int]) -> NextTokens:
        """How likely each of the tokens is behind a prompt (see ``TellsNext``)."""
        given: str | list[int | str] = [*prompt.context, prompt.text] if prompt.context else prompt.text
        answer = await self._completion(listing_body(given, most_listed(len(tokens))))
        likeliest = listed(answer)
        if all(token in likeliest for token in tokens):
            return next_tokens(answer, [likeliest[token] for token in tokens])
        anchor = next(iter(likeliest))
        proportions = await self._completion(weighing_body(given, [anchor, *tokens]))
        scale = listed(await self._completion(listing_body(given, most_listed(0))))
        if anchor not in scale:
            raise EngineFailed("llama.cpp does not say the same twice: another model has taken its place")
        return next_tokens(answer, weighed(proportions, anchor, scale[anchor], tokens))

    async def _completion(self, body: Mapping[str, Any]) -> Completion:
        return await self._wire.call("/completion", body, Completion, timeout_s=_WHOLE_TIMEOUT_S)

    async def embed(self, inputs: Sequence[str | Sequence[int]]) -> Embeddings:
        """One vector for each input (see ``Embeds``)."""
        return await embed_by(self._wire, "", inputs)

    async def render(self, prompt: ChatPrompt) -> str:
        """The prompt after the model's chat template."""
        return (await self._wire.call("/apply-template", chat_body(prompt), _Rendered)).prompt

    async def health(self) -> bool:
        """Whether the worker answers."""
        return await self._wire.is_ready("/health")

    async def aclose(self) -> None:
        """Drop the connections."""
        await self._wire.aclose()

    async def _with_checked_schema(self, request: TextRequest, stream: EventStream) -> EventStream:
        """Stream an answer whose schema llama.cpp can read: for a bare text it would pass over one that it cannot."""
        await self._wire.call("/apply-template", {"messages": [], **chat_format(request.json_format)}, _Rendered)
        async with aclosing(stream):
            async for events in stream:
                yield events

    async def _fill(
        self, prompt: InfillPrompt, request: TextRequest, stream: EventStream, reader: NativeReader
    ) -> EventStream:
        """Stream what fills a gap, and tell first what llama.cpp has not looked at."""
        room, dropped = self._infill_room, 0
        # A token is a byte at least.
        sizes = len(prompt.prefix.encode()), len(prompt.suffix.encode())
        if room.taken(sizes) != sizes:
            sizes = await self._infill_tokens(prompt.prefix, prompt.suffix)
            dropped = sum(sizes) - sum(room.taken(sizes))
            if dropped and not request.is_truncating:
                raise EngineFailed(
                    f"{sizes[0]} tokens stand before the gap and {sizes[1]} after it, and the model is shown "
                    f"{room.prefix} and {room.suffix}: send less context, or ask for a larger num_batch",
                    400,
                )
        async with aclosing(stream):
            first = await anext(stream)
            limit = min(request.num_ctx or self._plan.context, self._plan.context)
            yield [Truncated(0, reader.prompt_tokens, limit, dropped), *first] if dropped else first
            async for events in stream:
                yield events

    async def _infill_tokens(self, prefix: str, suffix: str) -> tuple[int, int]:
        return len(await self.tokenize(prefix)), len(await self.tokenize(suffix))
