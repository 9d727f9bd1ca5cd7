"""``/v1/responses``."""

import secrets
import time

from arriero.protocol import openai_responses as wire
from arriero.protocol import openai_responses_read as read
from arriero.protocol.go_json import decode_body
from arriero.protocol.ollama_convert import read_keep_alive
from arriero.protocol.openai_responses_answer import ResponsesAnswer
from arriero.protocol.openai_responses_tools import left_out, offered_tools, read_tools
from arriero.server.conversation import Conversation
from arriero.server.errors import EMPTY_BODY
from arriero.server.exchange import Exchange
from arriero.server.services import Services
from arriero.server.streaming import Job, send_answer
from arriero.types.events import Finished
from arriero.types.times import Times
from arriero.types.usage import Usage


class OpenAIResponses:
    """The handler of OpenAI's newer API. Nothing is kept between requests."""

    def __init__(self, services: Services) -> None:
        self._library = services.library
        self._carrier = services.carrier

    async def create(self, exchange: Exchange) -> None:
        """``POST /v1/responses``. Without any input, the model is loaded."""
        asked_ns = time.perf_counter_ns()
        body = decode_body(await exchange.body(), wire.ResponsesRequest, empty=EMPTY_BODY)
        read.check(body)
        conversation, tools = _conversation(body), offered_tools(body)
        held = conversation.held_against(self._library, exchange)
        encoder = ResponsesAnswer(body, tools, secrets.token_hex(12), int(time.time()))
        ignored = [*(f"tools.{kind}" for kind in left_out(body)), *read.passed_over(body)]
        job = Job(held.record, held.request, held.demand, encoder, body.stream, asked_ns, ignored)
        if conversation.messages:
            await send_answer(exchange, self._carrier, job)
            return
        async with exchange.while_connected():
            await self._carrier.load(held.record, held.demand)
        await _reply_empty(exchange, job)


def _conversation(body: wire.ResponsesRequest) -> Conversation:
    messages = read.read_messages(body)
    tools, tool_choice = read_tools(body)
    return Conversation(
        body.model,
        messages,
        tools=tools,
        tool_choice=tool_choice,
        is_one_call=not body.parallel_tool_calls,
        think=read.read_think(body),
        json_format=read.read_format(body),
        options=read.read_options(body),
        is_truncating=body.truncation == "auto",
        keep_alive_s=read_keep_alive(body.keep_alive),
        top_logprobs=read.read_response_tops(body),
        metadata=body.metadata,
    )


async def _reply_empty(exchange: Exchange, job: Job) -> None:
    """Answer that there is nothing to answer."""
    finished = Finished("stop", Usage())
    now_ns = time.perf_counter_ns()
    times = Times(job.asked_ns, now_ns, now_ns, now_ns)
    if job.is_stream:
        await exchange.start(job.encoder.content_type, job.encoder.failure)
        await exchange.finish(job.encoder.last(finished, "", times))
    else:
        await exchange.reply(job.encoder.whole([], finished, "", times), job.encoder.whole_content_type)
