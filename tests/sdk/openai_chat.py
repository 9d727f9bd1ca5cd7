"""Chat completions with OpenAI's client."""

from typing import Any

import openai
import pytest
from openai.types.chat import ChatCompletion, ChatCompletionMessageParam

from tests.sdk.clients import openai_client
from tests.sdk.questions import ANSWER, PICTURE, QUESTION, THOUGHT, THOUGHTFUL_ANSWER, City, city_schema
from tests.sdk.scenario import scenarios

SDK = "openai for Python"
TURN: list[ChatCompletionMessageParam] = [{"role": "user", "content": QUESTION}]


def text_of(answer: ChatCompletion) -> str:
    """The text of the one answer."""
    [choice] = answer.choices
    return choice.message.content or ""


async def a_question_is_answered(client: openai.AsyncOpenAI, model: str) -> str:
    answer = await client.chat.completions.create(model=model, messages=TURN, temperature=0, max_tokens=24)
    [choice] = answer.choices
    assert (choice.message.role, choice.message.content, choice.finish_reason) == ("assistant", ANSWER, "stop")
    assert (answer.object, answer.model, choice.message.tool_calls) == ("chat.completion", model, None)
    usage = answer.usage
    assert usage is not None
    assert usage.prompt_tokens > 5
    assert 4 <= usage.completion_tokens <= 10, usage
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    return f"{choice.message.content!r}, {usage.total_tokens} tokens"


async def a_stream_adds_up_to_the_whole(client: openai.AsyncOpenAI, model: str) -> str:
    stream = await client.chat.completions.create(model=model, messages=TURN, temperature=0, max_tokens=24, stream=True)
    chunks = [chunk async for chunk in stream]
    choices = [choice for chunk in chunks for choice in chunk.choices]
    assert "".join(choice.delta.content or "" for choice in choices) == ANSWER
    assert [choice.finish_reason for choice in choices] == [None] * (len(choices) - 1) + ["stop"]
    assert choices[0].delta.role == "assistant"
    assert len(choices) > 3, f"{len(choices)} pieces"
    assert len({(chunk.id, chunk.model, chunk.object) for chunk in chunks}) == 1
    assert not any(chunk.usage for chunk in chunks), "nobody has asked for usage"
    return f"{len(choices)} pieces"


async def a_stream_tells_its_usage_where_that_is_asked_for(client: openai.AsyncOpenAI, model: str) -> str:
    stream = await client.chat.completions.create(
        model=model, messages=TURN, temperature=0, max_tokens=24, stream=True, stream_options={"include_usage": True}
    )
    *others, last = [chunk async for chunk in stream]
    assert last.choices == []
    assert last.usage is not None
    assert last.usage.total_tokens == last.usage.prompt_tokens + last.usage.completion_tokens > 10
    assert not any(chunk.usage for chunk in others)
    return f"{last.usage.total_tokens} tokens"


async def the_clients_own_reader_collects_a_stream(client: openai.AsyncOpenAI, model: str) -> str:
    async with client.chat.completions.stream(model=model, messages=TURN, temperature=0, max_tokens=24) as stream:
        kinds = [event.type async for event in stream]
        final = await stream.get_final_completion()
    assert (text_of(final), final.choices[0].finish_reason) == (ANSWER, "stop")
    assert {"chunk", "content.delta", "content.done"} <= set(kinds), kinds
    return f"{kinds.count('content.delta')} pieces"


async def a_text_ends_an_answer(client: openai.AsyncOpenAI, model: str) -> str:
    for stop in ("Paris", ["London", "Paris"]):
        answer = await client.chat.completions.create(model=model, messages=TURN, temperature=0, stop=stop)
        [choice] = answer.choices
        assert ((choice.message.content or "").rstrip(), choice.finish_reason) == ("The capital of France is", "stop")
    return repr(choice.message.content)


async def a_seed_repeats_an_answer_or_is_told_to_be_ignored(client: openai.AsyncOpenAI, model: str) -> str:
    raw = [
        await client.chat.completions.with_raw_response.create(
            model=model, messages=TURN, temperature=1.5, seed=7, max_tokens=8
        )
        for _ in range(3)
    ]
    texts = {text_of(each.parse()) for each in raw}
    ignored = raw[0].headers.get("x-arriero-ignored", "")
    # Not all three: what is computed beside others' requests differs in its last digits.
    assert len(texts) < 3 or "seed" in ignored, texts
    return f"x-arriero-ignored: {ignored}" if ignored else f"{len(texts)} of three"


async def either_limit_cuts_an_answer_off(client: openai.AsyncOpenAI, model: str) -> str:
    older = await client.chat.completions.create(model=model, messages=TURN, temperature=0, max_tokens=3)
    newer = await client.chat.completions.create(model=model, messages=TURN, temperature=0, max_completion_tokens=3)
    for answer in (older, newer):
        assert (text_of(answer), answer.choices[0].finish_reason) == ("The capital of", "length")
        assert answer.usage is not None
        assert answer.usage.completion_tokens == 3
    return "3 tokens, `length`"


async def a_developer_is_listened_to(client: openai.AsyncOpenAI, model: str) -> str:
    told: ChatCompletionMessageParam = {
        "role": "developer",
        "content": "You know all capitals by heart.",
    }
    prompts = []
    for turns in (TURN, [told, *TURN]):
        answer = await client.chat.completions.create(model=model, messages=turns, temperature=0, max_tokens=8)
        assert answer.usage is not None
        prompts.append(answer.usage.prompt_tokens)
    assert prompts[0] != prompts[1], f"{prompts[0]} tokens with and without"
    return f"{prompts[1]} tokens with it, {prompts[0]} without"


async def several_answers_come_to_one_question(client: openai.AsyncOpenAI, model: str) -> str:
    answer = await client.chat.completions.create(model=model, messages=TURN, temperature=1.5, n=2, max_tokens=4)
    assert [choice.index for choice in answer.choices] == [0, 1]
    assert answer.usage is not None
    assert 2 <= answer.usage.completion_tokens <= 8
    stream = await client.chat.completions.create(
        model=model, messages=TURN, temperature=1.5, n=2, max_tokens=4, stream=True
    )
    ends = [choice.index async for chunk in stream for choice in chunk.choices if choice.finish_reason]
    assert sorted(ends) == [0, 1]
    return "two, whole and streamed"


async def log_probabilities_are_of_the_answers_tokens(client: openai.AsyncOpenAI, model: str) -> str:
    answer = await client.chat.completions.create(
        model=model, messages=TURN, temperature=0, max_tokens=4, logprobs=True, top_logprobs=3
    )
    logprobs = answer.choices[0].logprobs
    assert logprobs is not None
    tokens = logprobs.content or []
    assert "".join(token.token for token in tokens) == text_of(answer)
    assert all(token.logprob <= 0 and len(token.top_logprobs) == 3 for token in tokens), tokens
    assert bytes(tokens[0].bytes or []) == tokens[0].token.encode()
    return f"{tokens[0].token!r} {tokens[0].logprob:.3f}"


async def a_schema_is_kept_to(client: openai.AsyncOpenAI, model: str) -> str:
    wanted: Any = {"type": "json_schema", "json_schema": {"name": "city", "strict": True, "schema": city_schema()}}
    asked: Any = {"model": model, "messages": TURN, "temperature": 0, "max_tokens": 80, "response_format": wanted}
    whole = text_of(await client.chat.completions.create(**asked))
    stream = await client.chat.completions.create(**asked, stream=True)
    streamed = "".join([choice.delta.content or "" async for chunk in stream for choice in chunk.choices])
    assert City.model_validate_json(whole) == City.model_validate_json(streamed), (whole, streamed)
    return repr(whole)


async def an_answer_is_parsed_into_a_type(client: openai.AsyncOpenAI, model: str) -> str:
    answer = await client.chat.completions.parse(
        model=model, messages=TURN, temperature=0, max_tokens=80, response_format=City
    )
    parsed = answer.choices[0].message.parsed
    assert isinstance(parsed, City)
    return repr(parsed)


async def a_picture_for_a_model_that_sees_none_is_refused(client: openai.AsyncOpenAI, model: str) -> str:
    picture: Any = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PICTURE}"}}
    turn: Any = {"role": "user", "content": [{"type": "text", "text": "What is it?"}, picture]}
    with pytest.raises(openai.BadRequestError, match="does not support image input") as caught:
        await client.chat.completions.create(model=model, messages=[turn])
    return f"400 {caught.value.body}"


async def a_picture_takes_its_place_in_the_prompt(client: openai.AsyncOpenAI, model: str) -> str:
    sizes = []
    for count in range(3):
        picture: Any = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PICTURE}", "detail": "low"}}
        turn: Any = {"role": "user", "content": [{"type": "text", "text": "What is it?"}, *[picture] * count]}
        answer = await client.chat.completions.create(model=model, messages=[turn], temperature=0, max_tokens=2)
        assert answer.usage is not None
        sizes.append(answer.usage.prompt_tokens)
    assert sizes[2] - sizes[1] == sizes[1] - sizes[0] > 0, sizes
    return f"{sizes} tokens with none, one and two"


async def an_effort_of_a_model_that_cannot_think_is_refused(client: openai.AsyncOpenAI, model: str) -> str:
    with pytest.raises(openai.BadRequestError, match="does not support thinking"):
        await client.chat.completions.create(model=model, messages=TURN, reasoning_effort="low")
    answer = await client.chat.completions.create(
        model=model, messages=TURN, temperature=0, max_tokens=24, reasoning_effort="none"
    )
    assert text_of(answer) == ANSWER
    return "400; `none` is answered"


async def thinking_is_told_apart(client: openai.AsyncOpenAI, model: str) -> str:
    asked: Any = {"model": model, "messages": TURN, "temperature": 0, "max_tokens": 48, "reasoning_effort": "medium"}
    message = (await client.chat.completions.create(**asked)).choices[0].message
    assert ((message.model_extra or {}).get("reasoning"), message.content) == (THOUGHT, THOUGHTFUL_ANSWER)
    deltas = [
        choice.delta
        async for chunk in await client.chat.completions.create(**asked, stream=True)
        for choice in chunk.choices
    ]
    assert "".join((delta.model_extra or {}).get("reasoning") or "" for delta in deltas) == THOUGHT
    assert "".join(delta.content or "" for delta in deltas) == THOUGHTFUL_ANSWER
    return f"{THOUGHT!r}, then {message.content!r}"


async def thinking_can_be_turned_off(client: openai.AsyncOpenAI, model: str) -> str:
    answer = await client.chat.completions.create(
        model=model, messages=TURN, temperature=0, max_tokens=48, reasoning_effort="none"
    )
    message = answer.choices[0].message
    assert not (message.model_extra or {}).get("reasoning"), message
    assert "Paris" in (message.content or "")
    assert "think>" not in (message.content or "")
    return repr(message.content)


CHAT = (
    *scenarios(
        SDK,
        "chat",
        openai_client,
        {
            "plain": (
                a_question_is_answered,
                a_text_ends_an_answer,
                a_seed_repeats_an_answer_or_is_told_to_be_ignored,
                either_limit_cuts_an_answer_off,
                a_developer_is_listened_to,
                several_answers_come_to_one_question,
                log_probabilities_are_of_the_answers_tokens,
                a_picture_for_a_model_that_sees_none_is_refused,
            ),
            "seeing": (a_picture_takes_its_place_in_the_prompt,),
        },
    ),
    *scenarios(
        SDK,
        "chat, streamed",
        openai_client,
        {
            "plain": (
                a_stream_adds_up_to_the_whole,
                a_stream_tells_its_usage_where_that_is_asked_for,
                the_clients_own_reader_collects_a_stream,
            )
        },
    ),
    *scenarios(
        SDK, "answers of a type", openai_client, {"plain": (a_schema_is_kept_to, an_answer_is_parsed_into_a_type)}
    ),
    *scenarios(
        SDK,
        "reasoning",
        openai_client,
        {
            "plain": (an_effort_of_a_model_that_cannot_think_is_refused,),
            "able": (thinking_is_told_apart, thinking_can_be_turned_off),
        },
    ),
)
