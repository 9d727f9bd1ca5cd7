"""``/v1/completions``."""

import itertools
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from arriero.errors import ModelNotFound
from arriero.protocol import openai_completion as wire
from arriero.protocol.go_json import decode_body
from arriero.protocol.ollama import GenerateRequest
from arriero.protocol.ollama_convert import generate_prompt, read_keep_alive
from arriero.protocol.ollama_options import options_for, to_load_options, to_num_ctx, to_sampling
from arriero.protocol.openai_answer import AnswerHead
from arriero.protocol.openai_completion_answer import CompletionAnswer
from arriero.protocol.openai_request import read_count, read_engine_fields, read_logit_bias
from arriero.server.abilities import decide_think
from arriero.server.choices import Choice, send_choices, with_seeds
from arriero.server.errors import EMPTY_BODY
from arriero.server.exchange import Exchange
from arriero.server.ollama_checks import check_generate
from arriero.server.route_wish import with_wish
from arriero.server.services import Services
from arriero.server.streaming import Job
from arriero.types.chat import Passing, TextRequest
from arriero.types.loading import Demand
from arriero.types.models import ModelRecord


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
        natives = wire.to_natives(body)
        wire.check(body)
        count, keep_alive_s = read_count(body), read_keep_alive(body.keep_alive)
        sampled = _Sampled(wire.read_completion_tops(body), read_logit_bias(body), read_engine_fields(body))
        if not body.model.strip():
            # As at `/api/generate`; chat has another status for it.
            raise ModelNotFound("model '' not found")
        record = self._library.find(body.model)
        options = options_for(record, wire.read_completion_options(body))
        requests = [_request(native, record, options, sampled) for native in natives]
        demand = with_wish(
            Demand(keep_alive_s, to_load_options(options)), exchange, record, body.options, body.metadata
        )
        encoders = self._encoders(body, [native.prompt if body.echo else "" for native in natives], count)
        ignored = wire.completion_ignored(body)
        passing = None if body.echo else Passing("completions", body.model, body.stream_options.include_usage)
        job = Job(record, requests[0], demand, encoders[0], body.stream, asked_ns, ignored, passing)
        if natives[0].prompt or natives[0].suffix:
            each = [seeded for request in requests for seeded in with_seeds(request, count)]
            await send_choices(exchange, self._carrier, job, list(map(Choice, each, encoders)))
            return
        async with exchange.while_connected():
            await self._carrier.load(record, demand)
        content_type = encoders[0].content_type if body.stream else encoders[0].whole_content_type
        await exchange.reply(encoders[0].loaded(is_stream=body.stream), content_type)

    def _encoders(self, body: wire.CompletionRequest, echoes: Sequence[str], count: int) -> list[CompletionAnswer]:
        """One for each answer to each prompt."""
        head = AnswerHead(f"cmpl-{next(self._numbers)}", int(time.time()), body.model)
        include_usage = body.stream_options.include_usage
        return [
            CompletionAnswer(head, include_usage=include_usage, index=index, echoes=echoes, per_prompt=count)
            for index in range(count * len(echoes))
        ]


@dataclass(frozen=True, slots=True)
class _Sampled:
    """What Ollama's options have no words for."""

    top_logprobs: int | None
    logit_bias: tuple[tuple[int, float], ...]
    engine_fields: Mapping[str, Any]


# Options are Ollama's own, checked.
def _request(
    native: GenerateRequest, record: ModelRecord, options: Mapping[str, Any], sampled: _Sampled
) -> TextRequest:
    """What to ask the model for one prompt. Raises InvalidRequest for what it cannot do."""
    check_generate(native, record)
    prompt = generate_prompt(native, record, decide_think(None, native.model, record))
    sampling = replace(to_sampling(options), logit_bias=sampled.logit_bias)
    return TextRequest(
        prompt,
        sampling,
        top_logprobs=sampled.top_logprobs,
        num_ctx=to_num_ctx(options),
        engine_fields=sampled.engine_fields,
    )
