"""OpenAI's Responses API and Anthropic's Messages API, of a real engine, with their own clients."""

from collections.abc import Iterator

import anthropic
import openai
import pytest

from tests.live.launching import MODEL, PARIS, Server

pytestmark = pytest.mark.live

TURN: list[anthropic.types.MessageParam] = [{"role": "user", "content": PARIS}]
GREEDY = {"options": {"temperature": 0}}
ANSWER = "The capital of France is Paris."


@pytest.fixture
def client(server: Server) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=server.url, api_key="any", max_retries=0) as client:
        yield client


def test_a_message_and_its_stream_say_the_same(client: anthropic.Anthropic) -> None:
    whole = client.messages.create(model=MODEL, max_tokens=50, messages=TURN, extra_body=GREEDY)
    with client.messages.stream(model=MODEL, max_tokens=50, messages=TURN, extra_body=GREEDY) as stream:
        streamed = stream.get_final_message()

    for answer in (whole, streamed):
        assert [block.text for block in answer.content if block.type == "text"] == [ANSWER]
    assert (whole.stop_reason, streamed.stop_reason) == ("end_turn", "end_turn")


def test_a_count_is_what_a_prompt_takes(client: anthropic.Anthropic) -> None:
    counted = client.messages.count_tokens(model=MODEL, system="Be brief.", messages=TURN)
    for _ in range(2):
        usage = client.messages.create(model=MODEL, max_tokens=5, system="Be brief.", messages=TURN).usage
        assert usage.input_tokens + (usage.cache_read_input_tokens or 0) == counted.input_tokens
    # What the first request left in the cache.
    assert usage.cache_read_input_tokens


def test_the_text_that_ends_a_message_is_told(client: anthropic.Anthropic) -> None:
    answer = client.messages.create(
        model=MODEL, max_tokens=50, messages=TURN, stop_sequences=["London", "Paris"], extra_body=GREEDY
    )
    assert (answer.stop_reason, answer.stop_sequence) == ("stop_sequence", "Paris")
    answer = client.messages.create(
        model=MODEL, max_tokens=3, messages=TURN, stop_sequences=["London"], extra_body=GREEDY
    )
    assert (answer.stop_reason, answer.stop_sequence) == ("max_tokens", None)


def test_a_response_and_its_stream_say_the_same(server: Server) -> None:
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="any", max_retries=0) as client:
        whole = client.responses.create(model=MODEL, input=PARIS, temperature=0)
        with client.responses.stream(model=MODEL, input=PARIS, temperature=0) as stream:
            streamed = stream.get_final_response()

    assert whole.output_text == streamed.output_text == ANSWER
    assert (whole.status, streamed.status) == ("completed", "completed")


def test_a_response_that_is_cut_off_is_incomplete(server: Server) -> None:
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="any", max_retries=0) as client:
        answer = client.responses.create(model=MODEL, input=PARIS, max_output_tokens=3, temperature=0)

    assert answer.incomplete_details is not None
    assert (answer.status, answer.incomplete_details.reason) == ("incomplete", "max_output_tokens")
    assert answer.usage is not None
    assert answer.usage.output_tokens == 3
