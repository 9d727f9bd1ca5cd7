from arriero.engines.formatted_thinking import think_then_answer
from arriero.types.chat import JsonFormat, TextPrompt, TextRequest
from arriero.types.events import Event, EventStream, Finished, FinishReason, TextDelta, ThinkingDelta
from arriero.types.sampling import SamplingParams
from arriero.types.usage import Usage

PROMPT = TextPrompt("Q <think>\n", (1, 2), thinks=True)
FORMAT = JsonFormat()


class Thinker:
    """Thinks four tokens, and answers in three."""

    def __init__(self, reason: FinishReason = "stop") -> None:
        self.reason = reason
        self.requests: list[TextRequest] = []

    async def ask(self, request: TextRequest) -> EventStream:
        self.requests.append(request)
        if request.json_format:
            yield [TextDelta("{}"), Finished("stop", Usage(9, 0, 3, 5, 50))]
        else:
            yield [ThinkingDelta("I")]
            yield [ThinkingDelta(" see"), Finished(self.reason, Usage(6, 2, 4, 10, 100))]


async def answered(engine: Thinker, max_tokens: int | None = None) -> list[Event]:
    sampling = SamplingParams(max_tokens=max_tokens, stop=("X",))
    request = TextRequest(PROMPT, sampling, FORMAT)
    return [event async for batch in think_then_answer(engine.ask, request, PROMPT) for event in batch]


async def test_the_format_holds_for_the_answer_and_not_for_the_thinking() -> None:
    engine = Thinker()
    events = await answered(engine, 20)
    assert events[:-1] == [ThinkingDelta("I"), ThinkingDelta(" see"), TextDelta("{}")]
    first, second = engine.requests
    assert (first.prompt, first.json_format, first.sampling.stop) == (PROMPT, None, ("X", "</think>"))
    assert (second.prompt, second.json_format) == (TextPrompt("Q <think>\nI see\n</think>\n\n", (1, 2)), FORMAT)
    assert (second.sampling.stop, second.sampling.max_tokens) == (("X",), 16)


async def test_it_is_told_what_both_took() -> None:
    assert (await answered(Thinker()))[-1] == Finished("stop", Usage(6, 2, 7, 15, 150))


async def test_there_is_no_answer_where_thinking_takes_it_all() -> None:
    for engine, max_tokens in ((Thinker("length"), None), (Thinker(), 4)):
        events = await answered(engine, max_tokens)
        assert events == [ThinkingDelta("I"), ThinkingDelta(" see"), Finished("length", Usage(6, 2, 4, 10, 100))]
        assert len(engine.requests) == 1
