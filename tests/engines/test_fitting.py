import pytest

from arriero.engines.fake import FakeEngine, Script
from arriero.engines.fitting import fit, generate_within
from arriero.errors import EngineDied, EngineFailed, PromptTooLong
from arriero.types.chat import ChatPrompt, InfillPrompt, Message, Prompt, TextPrompt, TextRequest
from arriero.types.events import Event, EventStream, TextDelta, Truncated
from arriero.types.sampling import SamplingParams

SYSTEM = Message("system", "be brief")


def words(number: int, mark: str = "w") -> str:
    return " ".join([mark] * number)


def chat(*sizes: int) -> ChatPrompt:
    """A conversation whose turns have so many words; each turn says its own number."""
    roles = ("user", "assistant")
    turns = (Message(roles[n % 2], words(size, str(n))) for n, size in enumerate(sizes))
    return ChatPrompt((SYSTEM, *turns))


async def answered(engine: FakeEngine, request: TextRequest, context: int, **how: bool) -> list[Event]:
    return [event async for batch in generate_within(engine, request, context, **how) for event in batch]


async def test_a_prompt_that_fits_is_sent_as_it_is_and_not_counted() -> None:
    engine = FakeEngine(context=100)
    request = TextRequest(chat(10))
    await answered(engine, request, 100)
    assert engine.requests == [request]


async def test_old_messages_are_left_out_and_the_system_message_stays() -> None:
    engine = FakeEngine(context=100)
    events = await answered(engine, TextRequest(chat(40, 40, 40, 10)), 100)
    assert events[0] == Truncated(dropped_messages=2, prompt_tokens=52, num_ctx=100)
    asked = engine.requests[0]
    assert isinstance(asked.prompt, ChatPrompt)
    assert [message.content.split()[0] for message in asked.prompt.messages] == ["be", "2", "3"]
    assert asked.sampling.max_tokens == 48


async def test_a_smaller_limit_is_kept_by_counting() -> None:
    engine = FakeEngine(context=1000)
    request = TextRequest(chat(40, 40, 10), num_ctx=64)
    events = await answered(engine, request, 1000)
    assert events[0] == Truncated(dropped_messages=2, prompt_tokens=12, num_ctx=64)


async def test_an_answer_ends_at_the_smaller_limit() -> None:
    engine = FakeEngine(context=1000)
    await answered(engine, TextRequest(chat(10), num_ctx=64), 1000)
    await answered(engine, TextRequest(chat(10), SamplingParams(max_tokens=5), num_ctx=64), 1000)
    assert [request.sampling.max_tokens for request in engine.requests] == [64 - 12, 5]


async def test_room_is_left_for_the_answer_if_there_can_be() -> None:
    engine = FakeEngine(context=100)
    events = await answered(engine, TextRequest(chat(30, 30, 60)), 100)
    assert events[0] == Truncated(2, 62, 100)
    events = await answered(engine, TextRequest(chat(30, 90)), 100)
    assert events[0] == Truncated(1, 92, 100)


@pytest.mark.parametrize("prompt", [chat(99), TextPrompt(words(100)), InfillPrompt(words(60), words(60))])
async def test_what_is_too_long_by_itself_is_refused_with_both_numbers(prompt: Prompt) -> None:
    with pytest.raises(PromptTooLong, match="exceeds the context of 100 tokens") as caught:
        await answered(FakeEngine(context=100), TextRequest(prompt), 100)
    assert caught.value.status == 400
    assert caught.value.prompt_tokens >= 100


@pytest.mark.parametrize("num_ctx", [None, 64])
async def test_nothing_is_left_out_for_those_who_do_not_want_it(num_ctx: int | None) -> None:
    request = TextRequest(chat(60, 60), num_ctx=num_ctx, is_truncating=False)
    with pytest.raises(PromptTooLong) as caught:
        await answered(FakeEngine(context=100), request, 100)
    assert (caught.value.prompt_tokens, caught.value.num_ctx) == (122, num_ctx or 100)


async def test_the_oldest_tokens_of_an_earlier_exchange_are_left_out() -> None:
    engine = FakeEngine(context=100)
    events = await answered(engine, TextRequest(TextPrompt(words(10), tuple(range(200)))), 100)
    assert events[0] == Truncated(0, 75, 100, dropped_tokens=135)
    asked = engine.requests[0].prompt
    assert isinstance(asked, TextPrompt)
    assert asked.context == tuple(range(135, 200))


async def test_a_beginning_that_the_template_refuses_is_passed_over() -> None:
    class Strict(FakeEngine):
        async def count(self, prompt: Prompt) -> int:
            assert isinstance(prompt, ChatPrompt)
            if prompt.messages[1].role != "user":
                raise EngineFailed("roles must alternate")
            return await FakeEngine.count(self, prompt)

    request, truncated = await fit(Strict(), TextRequest(chat(30, 30, 30, 30, 5)), 100)
    assert truncated == Truncated(2, 67, 100)
    assert isinstance(request.prompt, ChatPrompt)
    assert request.prompt.messages[1].role == "user"


async def test_an_engine_that_shifts_does_so_only_for_those_who_ask() -> None:
    engine = FakeEngine(context=100)
    await answered(engine, TextRequest(chat(10)), 100, engine_shifts=True)
    await answered(engine, TextRequest(chat(10), is_shifting=True), 100, engine_shifts=True)
    await answered(engine, TextRequest(chat(10), is_shifting=True, num_ctx=20), 100, engine_shifts=True)
    assert [request.sampling.max_tokens for request in engine.requests] == [88, 1000, 200]


async def test_other_refusals_are_not_asked_again() -> None:
    engine = FakeEngine(Script(error=EngineFailed("no", 400)), context=100)
    with pytest.raises(EngineFailed, match="no"):
        await answered(engine, TextRequest(chat(10)), 100)
    assert len(engine.requests) == 1


async def test_what_fails_after_it_has_begun_is_not_begun_again() -> None:
    class Broken(FakeEngine):
        async def ask(self, request: TextRequest) -> EventStream:
            self.requests.append(request)
            yield [TextDelta("Hel")]
            raise PromptTooLong(100, 100)

    engine = Broken(context=100)
    stream = generate_within(engine, TextRequest(chat(10)), 100)
    assert await anext(stream) == [TextDelta("Hel")]
    with pytest.raises(PromptTooLong):
        await anext(stream)
    assert len(engine.requests) == 1


async def test_a_dead_engine_is_not_asked_about_every_message() -> None:
    asked: list[Prompt] = []

    class Dead(FakeEngine):
        async def count(self, prompt: Prompt) -> int:
            asked.append(prompt)
            if len(asked) > 1:
                raise EngineDied("gone")
            return 1000

    with pytest.raises(EngineDied):
        await fit(Dead(), TextRequest(chat(*[10] * 50)), 100)
    assert len(asked) == 2
