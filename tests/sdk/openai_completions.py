"""Completions, embeddings and models with OpenAI's client."""

import base64
from typing import Any

import numpy as np
import openai
import pytest

from tests.sdk.clients import openai_client
from tests.sdk.openai_chat import SDK
from tests.sdk.questions import ANSWER, QUESTION
from tests.sdk.scenario import scenarios


async def a_prompt_is_completed(client: openai.AsyncOpenAI, model: str) -> str:
    asked: Any = {"model": model, "prompt": QUESTION, "temperature": 0, "max_tokens": 24}
    whole = await client.completions.create(**asked)
    assert (whole.choices[0].text, whole.choices[0].finish_reason) == (ANSWER, "stop")
    assert whole.usage is not None
    chunks = [
        chunk
        async for chunk in await client.completions.create(**asked, stream=True, stream_options={"include_usage": True})
    ]
    assert "".join(choice.text for chunk in chunks for choice in chunk.choices) == ANSWER
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == whole.usage.completion_tokens
    return f"{ANSWER!r}, also in {len(chunks)} pieces"


async def tokens_of_a_completion_are_told(client: openai.AsyncOpenAI, model: str) -> str:
    answer = await client.completions.create(model=model, prompt=QUESTION, temperature=0, max_tokens=4, logprobs=2)
    logprobs = answer.choices[0].logprobs
    assert logprobs is not None
    assert "".join(logprobs.tokens or ()) == answer.choices[0].text
    assert all(each <= 0 for each in logprobs.token_logprobs or ())
    assert [len(top) for top in logprobs.top_logprobs or ()] == [2] * len(logprobs.tokens or ())
    return f"{logprobs.tokens}"


async def a_prompt_is_repeated(client: openai.AsyncOpenAI, model: str) -> str:
    answer = await client.completions.create(model=model, prompt=QUESTION, temperature=0, max_tokens=24, echo=True)
    assert answer.choices[0].text == QUESTION + ANSWER
    return repr(answer.choices[0].text)


async def a_gap_for_a_model_that_fills_none_is_refused(client: openai.AsyncOpenAI, model: str) -> str:
    with pytest.raises(openai.BadRequestError, match="does not support insert") as caught:
        await client.completions.create(model=model, prompt="def f(", suffix="return 1", max_tokens=4)
    return f"400 {caught.value.body}"


async def a_gap_is_filled(client: openai.AsyncOpenAI, model: str) -> str:
    answer = await client.completions.create(
        model=model,
        prompt="def add(a, b):\n    return ",
        suffix="\n\n\nprint(add(1, 2))\n",
        temperature=0,
        max_tokens=16,
    )
    assert answer.choices[0].text.startswith("a + b"), answer
    return repr(answer.choices[0].text)


async def texts_become_vectors(client: openai.AsyncOpenAI, model: str) -> str:
    texts = ["The dog barks.", "A hound is barking.", "Prices fell in May."]
    # Without a format, the client asks for base64 and decodes it.
    decoded = await client.embeddings.create(model=model, input=texts)
    numbers = await client.embeddings.create(model=model, input=texts, encoding_format="float")
    packed = await client.embeddings.create(model=model, input=texts, encoding_format="base64")
    assert [each.index for each in decoded.data] == [0, 1, 2]
    vectors = [np.array(each.embedding) for each in decoded.data]
    for vector, plain, coded in zip(vectors, numbers.data, packed.data, strict=True):
        assert np.allclose(vector, plain.embedding, atol=1e-4)
        # Asked for by name, it is left as it came.
        unpacked = np.frombuffer(base64.b64decode(str(coded.embedding)), dtype="<f4")
        assert np.allclose(vector, unpacked, atol=1e-4)
    assert all(abs(np.linalg.norm(vector) - 1) < 1e-3 for vector in vectors)
    assert decoded.usage.prompt_tokens > 9
    return f"three of {len(vectors[0])} numbers, as floats and as base64"


async def models_are_listed_and_found(client: openai.AsyncOpenAI, model: str) -> str:
    ids = [each.id async for each in client.models.list()]
    assert any(each in {model, f"{model}:latest"} for each in ids), ids
    found = await client.models.retrieve(model)
    assert (found.id, found.object) == (model, "model")
    with pytest.raises(openai.NotFoundError, match="not found"):
        await client.models.retrieve("nobody")
    return f"{len(ids)} listed, {found.id!r} found, another 404"


COMPLETIONS = scenarios(
    SDK,
    "completions",
    openai_client,
    {
        "plain": (
            a_prompt_is_completed,
            tokens_of_a_completion_are_told,
            a_prompt_is_repeated,
            a_gap_for_a_model_that_fills_none_is_refused,
        ),
        "skilled": (a_gap_is_filled,),
    },
)
EMBEDDINGS = scenarios(SDK, "embeddings", openai_client, {"plain": (texts_become_vectors,)})
LISTED = scenarios(SDK, "models", openai_client, {"plain": (models_are_listed_and_found,)})
