"""Messages with Anthropic's client."""

from typing import Any

import anthropic
import pytest
from anthropic.types import Message, MessageParam

from tests.sdk.clients import anthropic_client
from tests.sdk.questions import ANSWER, PICTURE, QUESTION, THOUGHT, THOUGHTFUL_ANSWER, City, city_schema
from tests.sdk.scenario import scenarios

SDK = "anthropic for Python"
TURN: list[MessageParam] = [{"role": "user", "content": QUESTION}]
# The client does not know sampling any more; servers do.
GREEDY: dict[str, object] = {"temperature": 0}
TEXT_EVENTS = [
    "message_start",
    "content_block_start",
    "content_block_delta",
    "content_block_stop",
    "message_delta",
    "message_stop",
]


def text_of(answer: Message) -> str:
    """All text of an answer."""
    return "".join(block.text for block in answer.content if block.type == "text")


async def a_message_is_answered(client: anthropic.AsyncAnthropic, model: str) -> str:
    answer = await client.messages.create(model=model, max_tokens=24, messages=TURN, extra_body=GREEDY)
    assert (text_of(answer), answer.role, answer.type, answer.model) == (ANSWER, "assistant", "message", model)
    assert (answer.stop_reason, answer.stop_sequence) == ("end_turn", None)
    assert 4 <= answer.usage.output_tokens <= 10
    return f"{text_of(answer)!r}, {answer.usage.output_tokens} tokens"


async def a_stream_adds_up_to_the_whole(client: anthropic.AsyncAnthropic, model: str) -> str:
    raw = await client.messages.create(model=model, max_tokens=24, messages=TURN, extra_body=GREEDY, stream=True)
    # The client's types know of no pings, which Anthropic sends.
    kinds: list[str] = [event.type async for event in raw]
    assert [kind for kind in dict.fromkeys(kinds) if kind != "ping"] == TEXT_EVENTS
    assert kinds.count("content_block_delta") > 3
    async with client.messages.stream(model=model, max_tokens=24, messages=TURN, extra_body=GREEDY) as stream:
        texts = [text async for text in stream.text_stream]
        final = await stream.get_final_message()
    assert "".join(texts) == text_of(final) == ANSWER
    assert (final.stop_reason, final.usage.output_tokens > 3) == ("end_turn", True)
    return f"{len(kinds)} events"


async def system_blocks_are_read(client: anthropic.AsyncAnthropic, model: str) -> str:
    block: Any = {"type": "text", "text": "You know all the capitals of the world by heart."}
    sizes = []
    systems: list[Any] = [[], [block], [{**block, "cache_control": {"type": "ephemeral"}}]]
    for system in systems:
        usage = (
            await client.messages.create(model=model, max_tokens=4, system=system, messages=TURN, extra_body=GREEDY)
        ).usage
        sizes.append(usage.input_tokens + (usage.cache_read_input_tokens or 0))
    without, with_it, cached = sizes
    assert with_it == cached != without, sizes
    return f"{with_it} tokens with it, {without} without"


async def the_text_that_ends_a_message_is_told(client: anthropic.AsyncAnthropic, model: str) -> str:
    for stops in (["Paris"], ["London", "Paris"]):
        answer = await client.messages.create(
            model=model, max_tokens=24, messages=TURN, stop_sequences=stops, extra_body=GREEDY
        )
        assert text_of(answer).rstrip() == "The capital of France is"
        assert (answer.stop_reason, answer.stop_sequence) == ("stop_sequence", "Paris")
    return "stop_sequence 'Paris'"


async def a_limit_is_told(client: anthropic.AsyncAnthropic, model: str) -> str:
    answer = await client.messages.create(model=model, max_tokens=3, messages=TURN, extra_body=GREEDY)
    assert (text_of(answer), answer.stop_reason, answer.usage.output_tokens) == ("The capital of", "max_tokens", 3)
    return "3 tokens, `max_tokens`"


async def a_schema_is_kept_to(client: anthropic.AsyncAnthropic, model: str) -> str:
    answer = await client.messages.create(
        model=model,
        max_tokens=80,
        messages=TURN,
        output_config={"format": {"type": "json_schema", "schema": city_schema()}},
        extra_body=GREEDY,
    )
    return repr(City.model_validate_json(text_of(answer)))


async def a_picture_for_a_model_that_sees_none_is_refused(client: anthropic.AsyncAnthropic, model: str) -> str:
    picture: Any = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PICTURE}}
    with pytest.raises(anthropic.BadRequestError, match="does not support image input") as caught:
        await client.messages.create(model=model, max_tokens=4, messages=[{"role": "user", "content": [picture]}])
    return f"400 {caught.value.body}"


async def a_picture_takes_its_place_in_the_prompt(client: anthropic.AsyncAnthropic, model: str) -> str:
    picture: Any = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PICTURE}}
    sizes = []
    for pictures in ([], [picture]):
        turn: Any = {"role": "user", "content": [*pictures, {"type": "text", "text": "What is it?"}]}
        usage = (await client.messages.create(model=model, max_tokens=2, messages=[turn], extra_body=GREEDY)).usage
        sizes.append(usage.input_tokens + (usage.cache_read_input_tokens or 0))
    assert sizes[1] > sizes[0], sizes
    return f"{sizes[1]} tokens with it, {sizes[0]} without"


async def tokens_are_counted(client: anthropic.AsyncAnthropic, model: str) -> str:
    counted = await client.messages.count_tokens(model=model, system="Be brief.", messages=TURN)
    beta = await client.beta.messages.count_tokens(
        model=model, system="Be brief.", messages=[{"role": "user", "content": QUESTION}]
    )
    usage = (await client.messages.create(model=model, max_tokens=2, system="Be brief.", messages=TURN)).usage
    taken = usage.input_tokens + (usage.cache_read_input_tokens or 0)
    assert counted.input_tokens == beta.input_tokens == taken, (counted, beta, usage)
    return f"{taken} tokens, as the message took"


async def models_are_listed_and_found(client: anthropic.AsyncAnthropic, model: str) -> str:
    ids = [each.id async for each in client.models.list()]
    assert any(each in {model, f"{model}:latest"} for each in ids), ids
    found = await client.models.retrieve(model)
    assert (found.id, found.type) == (model, "model")
    with pytest.raises(anthropic.NotFoundError):
        await client.models.retrieve("nobody")
    return f"{len(ids)} listed, {found.id!r} found, another 404"


async def the_beta_is_answered_too(client: anthropic.AsyncAnthropic, model: str) -> str:
    asked: Any = {"model": model, "max_tokens": 24, "messages": TURN, "extra_body": GREEDY}
    answer = await client.beta.messages.create(**asked, betas=["context-management-2025-06-27"])
    assert [block.text for block in answer.content if block.type == "text"] == [ANSWER]
    async with client.beta.messages.stream(**asked) as stream:
        final = await stream.get_final_message()
    assert [block.text for block in final.content if block.type == "text"] == [ANSWER]
    return f"{ANSWER!r}, also streamed"


async def a_begun_answer_is_gone_on_with(client: anthropic.AsyncAnthropic, model: str) -> str:
    begun: list[MessageParam] = [*TURN, {"role": "assistant", "content": "The capital of"}]
    answer = await client.messages.create(model=model, max_tokens=24, messages=begun, extra_body=GREEDY)
    assert "Paris" in text_of(answer)
    return repr(text_of(answer))


async def thinking_that_a_model_cannot_is_passed_over(client: anthropic.AsyncAnthropic, model: str) -> str:
    answer = await client.messages.create(
        model=model,
        max_tokens=2000,
        messages=TURN,
        thinking={"type": "enabled", "budget_tokens": 1024},
        extra_body=GREEDY,
    )
    assert ([block.type for block in answer.content], text_of(answer)) == (["text"], ANSWER)
    return "answered without"


async def thinking_is_a_block_of_its_own(client: anthropic.AsyncAnthropic, model: str) -> str:
    asked: Any = {
        "model": model,
        "max_tokens": 1500,
        "messages": TURN,
        "thinking": {"type": "enabled", "budget_tokens": 1024},
        "extra_body": GREEDY,
    }
    async with client.messages.stream(**asked) as stream:
        streamed = await stream.get_final_message()
    whole: Message = await client.messages.create(**asked)
    for answer in (whole, streamed):
        assert [block.type for block in answer.content] == ["thinking", "text"]
        assert "".join(block.thinking for block in answer.content if block.type == "thinking") == THOUGHT
        assert text_of(answer) == THOUGHTFUL_ANSWER
    return f"{THOUGHT!r}, then {THOUGHTFUL_ANSWER!r}"


async def thinking_can_be_turned_off(client: anthropic.AsyncAnthropic, model: str) -> str:
    answer = await client.messages.create(
        model=model, max_tokens=48, messages=TURN, thinking={"type": "disabled"}, extra_body=GREEDY
    )
    assert [block.type for block in answer.content] == ["text"]
    assert "Paris" in text_of(answer)
    return repr(text_of(answer))


async def thoughts_can_be_sent_back(client: anthropic.AsyncAnthropic, model: str) -> str:
    asked: Any = {"model": model, "max_tokens": 48, "extra_body": GREEDY}
    first = await client.messages.create(messages=TURN, **asked)
    turns: Any = [*TURN, {"role": "assistant", "content": first.content}, {"role": "user", "content": QUESTION}]
    second = await client.messages.create(messages=turns, **asked)
    assert "Paris" in text_of(second)
    return repr(text_of(second))


MESSAGES = (
    *scenarios(
        SDK,
        "messages",
        anthropic_client,
        {
            "plain": (
                a_message_is_answered,
                system_blocks_are_read,
                the_text_that_ends_a_message_is_told,
                a_limit_is_told,
                a_schema_is_kept_to,
                a_begun_answer_is_gone_on_with,
                a_picture_for_a_model_that_sees_none_is_refused,
                the_beta_is_answered_too,
            ),
            "seeing": (a_picture_takes_its_place_in_the_prompt,),
        },
    ),
    *scenarios(SDK, "messages, streamed", anthropic_client, {"plain": (a_stream_adds_up_to_the_whole,)}),
    *scenarios(SDK, "models", anthropic_client, {"plain": (models_are_listed_and_found,)}),
    *scenarios(SDK, "count_tokens", anthropic_client, {"plain": (tokens_are_counted,)}),
    *scenarios(
        SDK,
        "thinking",
        anthropic_client,
        {
            "plain": (thinking_that_a_model_cannot_is_passed_over,),
            "able": (thinking_is_a_block_of_its_own, thinking_can_be_turned_off, thoughts_can_be_sent_back),
        },
    ),
)
