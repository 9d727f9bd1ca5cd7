"""``/api/chat`` and ``/api/generate``."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import msgspec
from msgspec import UNSET

from arriero.engines.base import Engine, Renders
from arriero.errors import ArrieroError, InvalidRequest, ModelNotFound
from arriero.protocol import ollama as wire
from arriero.protocol import ollama_convert as convert
from arriero.protocol.go_json import decode_body
from arriero.protocol.ollama_answer import chat_answer, chat_object, generate_answer, generate_object
from arriero.protocol.ollama_options import options_for, to_load_options, to_num_ctx, to_sampling
from arriero.protocol.timestamps import utc_now
from arriero.server.abilities import decide_think
from arriero.server.errors import JSON
from arriero.server.exchange import Exchange
from arriero.server.ollama_checks import check_chat, check_generate
from arriero.server.route_wish import with_wish
from arriero.server.services import Services
from arriero.server.streaming import AnswerEncoder, Job, send_answer
from arriero.types.chat import InfillPrompt, Prompt, TextPrompt, TextRequest
from arriero.types.loading import Demand
from arriero.types.models import ModelRecord

TextBody = wire.ChatRequest | wire.GenerateRequest
TextObject = wire.ChatResponse | wire.GenerateResponse
Body = TypeVar("Body", wire.ChatRequest, wire.GenerateRequest)


@dataclass(frozen=True, slots=True)
class _Kind(Generic[Body]):
    """What differs between the two endpoints.

    is_empty: nothing is to be answered, only to be loaded. wants_context: the answer ends with the tokens of the
    exchange. blank: an answer without text, of a model at a time.
    """

    struct: type[Body]
    is_empty: Callable[[Body], bool]
    wants_context: Callable[[Body], bool]
    check: Callable[[Body, ModelRecord], None]
    prompt: Callable[[Body, ModelRecord, convert.Think], Prompt]
    blank: Callable[[str, str], TextObject]
    encoder: Callable[[str], AnswerEncoder]
    no_model: Callable[[], ArrieroError]


_CHAT = _Kind(
    struct=wire.ChatRequest,
    is_empty=lambda body: not body.messages,
    wants_context=lambda _: False,
    check=check_chat,
    prompt=convert.chat_prompt,
    blank=chat_object,
    encoder=chat_answer,
    no_model=lambda: InvalidRequest("model is required"),
)
_GENERATE = _Kind(
    struct=wire.GenerateRequest,
    is_empty=lambda body: not (body.prompt or body.suffix),
    wants_context=lambda body: not body.raw,
    check=check_generate,
    prompt=convert.generate_prompt,
    blank=generate_object,
    encoder=generate_answer,
    # Ollama's own tests want 404 here and 400 in chat.
    no_model=lambda: ModelNotFound("model '' not found"),
)


class OllamaText:
    """Handlers of the two endpoints that generate text."""

    def __init__(self, services: Services) -> None:
        self._library = services.library
        self._carrier = services.carrier

    async def chat(self, exchange: Exchange) -> None:
        """``POST /api/chat``."""
        await self._handle(exchange, _CHAT)

    async def generate(self, exchange: Exchange) -> None:
        """``POST /api/generate``."""
        await self._handle(exchange, _GENERATE)

    async def _handle(self, exchange: Exchange, kind: _Kind[Body]) -> None:
        asked_ns = time.perf_counter_ns()
        body = decode_body(await exchange.body(), kind.struct)
        asked_think, keep_alive_s = _read_values(body)
        if not body.model.strip():
            raise kind.no_model()
        record = self._library.find(body.model)
        if kind.is_empty(body) and keep_alive_s == 0:
            self._carrier.unload(record)
            await _reply_done(exchange, kind.blank(body.model, utc_now()), "unload")
            return
        kind.check(body, record)
        think = decide_think(asked_think, body.model, record)
        options = options_for(record, body.options)
        json_format = convert.read_format(body.format)
        demand = Demand(keep_alive_s, to_load_options(options, is_shifting=body.shift))
        demand = with_wish(demand, exchange, record, body.options, {})
        if kind.is_empty(body):
            async with exchange.while_connected():
                await self._carrier.load(record, demand)
            await _reply_done(exchange, kind.blank(body.model, utc_now()), "load")
            return
        prompt = kind.prompt(body, record, think)
        if body.debug_render_only:
            rendered = kind.blank(body.model, utc_now())
            text = await self._render(exchange, record, demand, prompt)
            rendered.debug_info = wire.DebugInfo(text, len(convert.images_of(body)) or UNSET)
            await exchange.reply(msgspec.json.encode(rendered), JSON)
            return
        request = TextRequest(
            prompt,
            to_sampling(options),
            json_format,
            top_logprobs=body.top_logprobs if body.logprobs else None,
            num_ctx=to_num_ctx(options),
            is_truncating=body.truncate,
            is_shifting=body.shift,
            wants_context=kind.wants_context(body),
        )
        job = Job(record, request, demand, kind.encoder(body.model), body.stream, asked_ns)
        await send_answer(exchange, self._carrier, job)

    async def _render(self, exchange: Exchange, record: ModelRecord, demand: Demand, prompt: Prompt) -> str:
        """The prompt as the model would get it."""

        async def render(engine: Engine) -> str:
            if isinstance(prompt, TextPrompt):
                return prompt.text
            if isinstance(prompt, InfillPrompt):
                return f"{prompt.prefix}{prompt.suffix}"
            if not isinstance(engine, Renders):
                raise InvalidRequest(f"the engine of {record.name} cannot show a rendered prompt")
            return await engine.render(prompt)

        async with exchange.while_connected():
            return await self._carrier.call(record, render, demand)


def _read_values(body: TextBody) -> tuple[convert.Think, float | None]:
    """Check what Ollama checks before it looks for the model; ``think``, and ``keep_alive`` in seconds."""
    convert.check_base64(convert.images_of(body))
    think = convert.read_think(body.think)
    keep_alive_s = convert.read_keep_alive(body.keep_alive)
    if not 0 <= body.top_logprobs <= 20:
        raise InvalidRequest("top_logprobs must be between 0 and 20")
    return think, keep_alive_s


async def _reply_done(exchange: Exchange, answer: TextObject, reason: str) -> None:
    """Answer a request that loads or unloads: one object, whatever ``stream`` says."""
    answer.done = True
    answer.done_reason = reason
    await exchange.reply(msgspec.json.encode(answer), JSON)
