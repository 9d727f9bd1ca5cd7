"""Lets a router's judge ask the model that judges."""

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from arriero.engines.base import Decides, Engine, Tokenizes
from arriero.engines.labels.choosing import Tokenize
from arriero.errors import ArrieroError, EngineFailed
from arriero.router.judge import Ask, Decide
from arriero.router.judge_prompt import judge_prompt
from arriero.router.label_tokens import CANDIDATES
from arriero.runners.carrier import ANYTHING, Carrier
from arriero.runners.routed_answer import tell_judging
from arriero.types.chat import TextPrompt, TextRequest
from arriero.types.events import Event
from arriero.types.loading import Demand, LoadOptions
from arriero.types.models import ModelRecord
from arriero.types.sampling import SamplingParams
from arriero.types.system_one import Decided, DecisionRequest

logger = logging.getLogger(__name__)

# What a judge is shown is short: its static part, and a digest of the request.
_CONTEXT = 2048
_STAYS = Demand(math.inf, LoadOptions(context=_CONTEXT))

FindJudge = Callable[[], ModelRecord]


def own_judge(record: ModelRecord) -> ModelRecord:
    """The model to judge with: where this server runs it, in a process of its own, so that nobody's cache is lost."""
    if record.carrier != "process" or record.weights is None:
        return record
    trained = record.architecture.trained_context or _CONTEXT
    return replace(
        record, instance="judge", architecture=replace(record.architecture, trained_context=min(trained, _CONTEXT))
    )


def ask_judge(find: FindJudge, carrier: Carrier) -> Ask:
    """How a judge is asked. find: the model that judges, or raises what is in the way."""

    async def ask(request: TextRequest) -> Sequence[Event]:
        record = find()
        tell_judging(record)
        async with carrier.answer(record, request, _STAYS if record.instance else ANYTHING) as answer:
            return await answer.all_events()

    return ask


async def warm_judge(find: FindJudge, carrier: Carrier) -> None:
    """Have a judge that this server runs loaded, and read what all its prompts begin with. Never raises."""
    try:
        if find().carrier == "process":
            prompt = TextPrompt(judge_prompt("Hello", CANDIDATES[0]))
            await ask_judge(find, carrier)(TextRequest(prompt, SamplingParams(max_tokens=1)))
    except ArrieroError as error:
        logger.warning("judge is not ready", extra={"error": error.message})


def tokenize_judge(find: FindJudge, carrier: Carrier) -> Tokenize:
    """How the tokens of a text are had from the judge's engine. Raises EngineFailed where it cannot tell them."""

    async def tokenize(text: str) -> Sequence[int]:
        async def work(engine: Engine) -> Sequence[int]:
            if not isinstance(engine, Tokenizes):
                raise EngineFailed("this engine does not tell tokens", 501)
            return await engine.tokenize(text)

        record = find()
        return await carrier.call(record, work, _STAYS if record.instance else ANYTHING)

    return tokenize


def decide_judge(find: FindJudge, carrier: Carrier) -> Decide:
    """How a judge decides that was made for it. Raises EngineFailed, with 501, where it was not."""

    async def decide(request: DecisionRequest) -> Decided:
        async def work(engine: Engine) -> Decided:
            if not isinstance(engine, Decides):
                raise EngineFailed("this engine does not decide", 501)
            return await engine.decide(request)

        record = find()
        if "decision" not in record.capabilities:
            raise EngineFailed("this model was not made to decide", 501)
        tell_judging(record)
        return await carrier.call(record, work, _STAYS if record.instance else ANYTHING, takes_slot=True)

    return decide
