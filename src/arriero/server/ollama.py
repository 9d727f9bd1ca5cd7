"""``/api/chat`` and ``/api/generate``."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from arriero.engines.base import Renders
from arriero.errors import InvalidRequest, ModelNotFound
from arriero.protocol import ollama as wire
from arriero.protocol import ollama_convert as convert
from arriero.protocol.go_json import decode_body
from arriero.protocol.ollama_answer import chat_answer, chat_object, generate_answer, generate_object
from arriero.protocol.ollama_options import DEFAULT_OPTIONS, merge_options, to_sampling
from arriero.protocol.timestamps import utc_now
from arriero.server.errors import JSON
from arriero.server.exchange import Exchange
from arriero.server.ollama_checks import check_chat, check_generate, check_think
from arriero.server.services import Services
from arriero.server.streaming import AnswerEncoder, Job, send_answer
from arriero.types.chat import Prompt, TextPrompt, TextRequest
from arriero.types.models import ModelRecord

TextBody = wire.ChatRequest | wire.GenerateRequest
TextObject = wire.ChatResponse | wire.GenerateResponse


@dataclass(frozen=True, slots=True)
class _Ask:
    """What of a request is the same for both endpoints.

    blank: an answer without text. prompt: makes the prompt once it is known whether the model thinks.
    """

    body: TextBody
    record: ModelRecord
    keep_alive_s: float | None
    is_empty: bool
    blank: TextObject
    encoder: AnswerEncoder
    prompt: Callable[[convert.Think], Prompt]
    check: Callable[[], None]
    asked_ns: int


class OllamaText:
    """Handlers of the two endpoints that generate text."""

    def __init__(self, services: Services) -> None:
        self._library = services.library
        self._scheduler = services.scheduler

    async def chat(self, exchange: Exchange) -> None:
        """``POST /api/chat``."""
        asked_ns = time.perf_counter_ns()
        body = decode_body(await exchange.body(), wire.ChatRequest)
        for message in body.messages:
            convert.check_base64(message.images)
        keep_alive_s = _check_values(body)
        if not body.model.strip():
            raise InvalidRequest("model is required")
        record = self._library.find(body.model)
        ask = _Ask(
            body,
            record,
            keep_alive_s,
            is_empty=not body.messages,
            blank=chat_object(body.model, utc_now()),
            encoder=chat_answer(body.model),
            prompt=lambda think: convert.chat_prompt(body, record, think),
            check=lambda: check_chat(body, record),
            asked_ns=asked_ns,
        )
        await self._handle(exchange, ask)

    async def generate(self, exchange: Exchange) -> None:
        """``POST /api/generate``."""
        asked_ns = time.perf_counter_ns()
        body = decode_body(await exchange.body(), wire.GenerateRequest)
        convert.check_base64(body.images)
        keep_alive_s = _check_values(body)
        if not body.model.strip():
            # Ollama's own tests want 404 here and 400 in chat.
            raise ModelNotFound("model '' not found")
        record = self._library.find(body.model)
        ask = _Ask(
            body,
            record,
            keep_alive_s,
            is_empty=not body.prompt,
            blank=generate_object(body.model, utc_now()),
            encoder=generate_answer(body.model),
            prompt=lambda think: convert.generate_prompt(body, record, think),
            check=lambda: check_generate(body, record),
            asked_ns=asked_ns,
        )
        await self._handle(exchange, ask)

    async def _handle(self, exchange: Exchange, ask: _Ask) -> None:
        body, record = ask.body, ask.record
        if ask.is_empty and ask.keep_alive_s == 0:
            self._scheduler.unload(record)
            await _reply_done(exchange, ask.blank, "unload")
            return
        ask.check()
        think = check_think(convert.read_think(body.think), body.model, record)
        sampling = to_sampling(merge_options(DEFAULT_OPTIONS, record.parameters, body.options))
        json_format = convert.read_format(body.format)
        if ask.is_empty:
            async with exchange.while_connected(), self._scheduler.engine(record, ask.keep_alive_s):
                pass
            await _reply_done(exchange, ask.blank, "load")
            return
        prompt = ask.prompt(think)
        if body.debug_render_only:
            ask.blank.debug_info = wire.DebugInfo(await self._render(exchange, ask, prompt))
            await exchange.reply(msgspec.json.encode(ask.blank), JSON)
            return
        request = TextRequest(prompt, sampling, json_format)
        job = Job(record, request, ask.keep_alive_s, ask.encoder, body.stream, ask.asked_ns)
        await send_answer(exchange, self._scheduler, job)

    async def _render(self, exchange: Exchange, ask: _Ask, prompt: Prompt) -> str:
        """The prompt as the model would get it."""
        if isinstance(prompt, TextPrompt):
            return prompt.text
        async with exchange.while_connected(), self._scheduler.engine(ask.record, ask.keep_alive_s) as engine:
            if not isinstance(engine, Renders):
                raise InvalidRequest(f"the engine of {ask.body.model} cannot show a rendered prompt")
            return await engine.render(prompt)


def _check_values(body: TextBody) -> float | None:
    """Check what Ollama checks before it looks for the model; ``keep_alive`` in seconds."""
    convert.read_think(body.think)
    keep_alive_s = convert.read_keep_alive(body.keep_alive)
    if not 0 <= body.top_logprobs <= 20:
        raise InvalidRequest("top_logprobs must be between 0 and 20")
    return keep_alive_s


async def _reply_done(exchange: Exchange, answer: TextObject, reason: str) -> None:
    """Answer a request that loads or unloads: one object, whatever ``stream`` says."""
    answer.done = True
    answer.done_reason = reason
    await exchange.reply(msgspec.json.encode(answer), JSON)
