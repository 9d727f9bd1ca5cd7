"""``/v1/completions``."""

import itertools
import time

from arriero.errors import ModelNotFound
from arriero.protocol import openai_completion as wire
from arriero.protocol.go_json import decode_body
from arriero.protocol.ollama_convert import generate_prompt, read_keep_alive
from arriero.protocol.ollama_options import options_for, to_load_options, to_num_ctx, to_sampling
from arriero.protocol.openai_answer import AnswerHead
from arriero.protocol.openai_completion_answer import CompletionAnswer
from arriero.protocol.openai_request import read_count
from arriero.server.abilities import decide_think
from arriero.server.choices import send_choices
from arriero.server.errors import EMPTY_BODY
from arriero.server.exchange import Exchange
from arriero.server.ollama_checks import check_generate
from arriero.server.route_wish import with_wish
from arriero.server.services import Services
from arriero.server.streaming import Job
from arriero.types.chat import TextRequest
from arriero.types.loading import Demand


class OpenAICompletion:
    """The handler of text completions: what ``/api/generate`` does, in other words."""

    def __init__(self, services: Services) -> None:
        self._library = services.library
        self._carrier = services.carrier
        self._numbers = itertools.count(1)

    async def completions(self, exchange: Exchange) -> None:
        """``POST /v1/completions``. Without a prompt, the model is loaded."""
        asked_ns = time.perf_counter_ns()
        body = decode_body(await exchange.body(), wire.CompletionRequest, empty=EMPTY_BODY)
        native = wire.to_native(body)
        wire.check_stop(body)
        count, top_logprobs = read_count(body), wire.read_completion_tops(body)
        keep_alive_s = read_keep_alive(body.keep_alive)
        if not body.model.strip():
            # As at `/api/generate`; chat has another status for it.
            raise ModelNotFound("model '' not found")
        record = self._library.find(body.model)
        check_generate(native, record)
        options = options_for(record, wire.read_completion_options(body))
        prompt = generate_prompt(native, record, decide_think(None, body.model, record))
        request = TextRequest(prompt, to_sampling(options), top_logprobs=top_logprobs, num_ctx=to_num_ctx(options))
        demand = with_wish(
            Demand(keep_alive_s, to_load_options(options)), exchange, record, body.options, body.metadata
        )
        encoders = self._encoders(body, count, native.prompt if body.echo else "")
        job = Job(record, request, demand, encoders[0], body.stream, asked_ns)
        if native.prompt or native.suffix:
            await send_choices(exchange, self._carrier, job, encoders)
            return
        async with exchange.while_connected():
            await self._carrier.load(record, demand)
        content_type = encoders[0].content_type if body.stream else encoders[0].whole_content_type
        await exchange.reply(encoders[0].loaded(is_stream=body.stream), content_type)

    def _encoders(self, body: wire.CompletionRequest, count: int, echoed: str) -> list[CompletionAnswer]:
        head = AnswerHead(f"cmpl-{next(self._numbers)}", int(time.time()), body.model)
        include_usage = body.stream_options.include_usage
        return [
            CompletionAnswer(head, include_usage=include_usage, index=index, echoed=echoed) for index in range(count)
        ]
