"""``/v1/messages``, and the count of a prompt's tokens."""

import time

import msgspec

from arriero.engines.base import Counts, Engine
from arriero.protocol import anthropic as wire
from arriero.protocol import anthropic_read as read
from arriero.protocol.anthropic_answer import AnthropicAnswer
from arriero.protocol.anthropic_tools import left_out, read_tool_choice, read_tools
from arriero.protocol.go_json import decode_body
from arriero.protocol.ollama_convert import read_keep_alive
from arriero.server.conversation import Conversation
from arriero.server.errors import ANTHROPIC, EMPTY_BODY
from arriero.server.exchange import Exchange
from arriero.server.services import Services
from arriero.server.streaming import Job, send_answer


class AnthropicMessages:
    """Handlers of Anthropic's API."""

    def __init__(self, services: Services) -> None:
        self._library = services.library
        self._carrier = services.carrier

    async def create(self, exchange: Exchange) -> None:
        """``POST /v1/messages``."""
        asked_ns = time.perf_counter_ns()
        body = decode_body(await exchange.body(), wire.MessagesRequest, empty=EMPTY_BODY)
        read.check(body)
        conversation = _conversation(body)
        held = conversation.held_against(self._library, exchange)
        estimate = read.estimate_tokens(conversation.messages, conversation.tools)
        encoder = AnthropicAnswer(body.model, exchange.request_id, estimate)
        ignored = [f"tools.{kind}" for kind in left_out(body)]
        job = Job(held.record, held.request, held.demand, encoder, body.stream, asked_ns, ignored)
        await send_answer(exchange, self._carrier, job)

    async def count_tokens(self, exchange: Exchange) -> None:
        """``POST /v1/messages/count_tokens``: Anthropic's own, which Ollama does not have.

        Engines that cannot count are not asked: the number is an estimate then.
        """
        body = decode_body(await exchange.body(), wire.MessagesRequest, empty=EMPTY_BODY)
        read.check(body, needs_limit=False)
        conversation = _conversation(body)
        held = conversation.held_against(self._library, exchange)
        estimate = read.estimate_tokens(conversation.messages, conversation.tools)

        async def count(engine: Engine) -> int:
            return await engine.count(held.request.prompt) if isinstance(engine, Counts) else estimate

        # Counting takes no slot: it does not wait for answers under way.
        async with exchange.while_connected():
            tokens = await self._carrier.call(held.record, count, held.demand)
        await exchange.reply(msgspec.json.encode(wire.TokenCount(tokens)), ANTHROPIC.content_type)


def _conversation(body: wire.MessagesRequest) -> Conversation:
    messages = read.read_messages(body)
    return Conversation(
        body.model,
        messages,
        tools=read_tools(body),
        tool_choice=read_tool_choice(body),
        is_one_call=body.tool_choice.disable_parallel_tool_use,
        think=read.read_think(body),
        think_tokens=read.read_think_tokens(body),
        may_skip_thinking=True,
        json_format=read.read_format(body),
        options=read.read_options(body),
        is_truncating=body.truncate,
        wants_stop_text=True,
        keep_alive_s=read_keep_alive(body.keep_alive),
        metadata=body.metadata,
    )
