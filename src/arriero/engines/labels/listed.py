"""Labels by an engine that tells only the likeliest tokens: by their texts, and taken on trust to be single tokens."""

from collections.abc import Sequence
from itertools import islice

from arriero.engines.base import Engine
from arriero.engines.labels.pools import label_sets, pool
from arriero.engines.labels.prompt import CUE, as_chat, prompt_text
from arriero.engines.labels.reading import bounded_reading
from arriero.errors import EngineFailed
from arriero.types.chat import TextPrompt, TextRequest
from arriero.types.events import Finished, TextDelta, TopLogprob
from arriero.types.sampling import SamplingParams
from arriero.types.system_one import Decided, DecisionRequest, Question, Reading
from arriero.types.usage import Usage

# So many of the likeliest tokens every server tells that tells any.
MOST_LISTED = 20
_SAMPLING = SamplingParams(max_tokens=1, temperature=0.0)


async def decide_by_list(engine: Engine, request: DecisionRequest, *, has_template: bool) -> Decided:
    """A reading for each question. has_template: the model is for chat. Raises EngineFailed, PromptTooLong."""
    for question in request.questions:
        _check_count(question)
    readings: list[Reading] = []
    input_tokens = cached_tokens = 0
    for question in request.questions:
        labels = _labels(question)
        text = prompt_text(request.state, question, labels)
        prompt = as_chat(text, request.images) if has_template else TextPrompt(text + CUE)
        top, usage = await _first_tokens(
            engine, TextRequest(prompt, _SAMPLING, top_logprobs=MOST_LISTED, is_truncating=False)
        )
        readings.append(bounded_reading(top, labels))
        input_tokens += usage.prompt_tokens
        cached_tokens += usage.cached_tokens
    return Decided(tuple(readings), input_tokens, cached_tokens)


async def _first_tokens(engine: Engine, request: TextRequest) -> tuple[Sequence[TopLogprob], Usage]:
    """What an answer might begin with, and what it took to find out."""
    top: Sequence[TopLogprob] = ()
    usage = Usage()
    async for events in engine.generate(request):
        for event in events:
            if isinstance(event, TextDelta) and event.logprobs and not top:
                top = event.logprobs[0].top
            elif isinstance(event, Finished):
                usage = event.usage
    if not top:
        raise EngineFailed("the engine of this model tells no probabilities: ask another model", 501)
    return top, usage


def _labels(question: Question) -> Sequence[str]:
    """Those that most vocabularies have."""
    count = len(question.options)
    sets = label_sets(question.kind, count)
    return sets[0] if sets else tuple(islice(pool(), count))


def _check_count(question: Question) -> None:
    if (count := len(question.options)) > MOST_LISTED:
        raise EngineFailed(
            f"questions.{question.id} has {count} options, and the engine of this model tells the probabilities of "
            f"{MOST_LISTED} tokens only: ask with fewer, or ask a model that this server runs itself",
            400,
        )
