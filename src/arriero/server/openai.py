"""``/v1/chat/completions``."""

import itertools
import time

from msgspec.structs import replace

from arriero.protocol import openai_convert as convert
from arriero.protocol.go_json import decode_body
from arriero.protocol.ollama_convert import read_keep_alive
from arriero.protocol.openai_answer import AnswerHead
from arriero.protocol.openai_chat import ChatCompletionRequest
from arriero.protocol.openai_chat_answer import ChatAnswer
from arriero.protocol.openai_messages import read_messages
from arriero.protocol.openai_request import read_count, read_engine_fields, read_logit_bias
from arriero.protocol.openai_tools import custom_names, read_tools
from arriero.server.choices import Choice, send_choices, with_seeds
from arriero.server.conversation import Conversation
from arriero.server.errors import EMPTY_BODY
from arriero.server.exchange import Exchange
from arriero.server.services import Services
from arriero.server.streaming import Job
from arriero.types.chat import Passing


class OpenAIChat:
    """The handler of chat completions."""

    def __init__(self, services: Services) -> None:
        self._library = services.library
        self._carrier = services.carrier
        self._numbers = itertools.count(1)

    async def completions(self, exchange: Exchange) -> None:
        """``POST /v1/chat/completions``."""
        asked_ns = time.perf_counter_ns()
        body = decode_body(await exchange.body(), ChatCompletionRequest, empty=EMPTY_BODY)
        convert.check_modalities(body)
        conversation = _conversation(body)
        count = read_count(body)
        held = conversation.held_against(self._library, exchange)
        head = AnswerHead(f"chatcmpl-{next(self._numbers)}", int(time.time()), body.model)
        include_usage = body.stream_options.include_usage
        custom = custom_names(body)
        encoders = [ChatAnswer(head, include_usage=include_usage, index=index, custom=custom) for index in range(count)]
        requests = with_seeds(replace(held.request, engine_fields=read_engine_fields(body)), count)
        # Of a tool that takes a text, the engine knows nothing.
        passing = None if custom else Passing("chat", body.model, include_usage)
        ignored = convert.passed_over(body)
        job = Job(held.record, requests[0], held.demand, encoders[0], body.stream, asked_ns, ignored, passing)
        await send_choices(exchange, self._carrier, job, list(map(Choice, requests, encoders)))


def _conversation(body: ChatCompletionRequest) -> Conversation:
    messages = read_messages(body.messages)
    tools, tool_choice = read_tools(body)
    return Conversation(
        body.model,
        messages,
        tools=tools,
        tool_choice=tool_choice,
        is_one_call=not body.parallel_tool_calls,
        think=convert.read_think(body),
        json_format=convert.read_format(body),
        options=convert.read_chat_options(body),
        keep_alive_s=read_keep_alive(body.keep_alive),
        top_logprobs=convert.read_chat_tops(body),
        logit_bias=read_logit_bias(body),
        metadata=body.metadata,
    )
