import msgspec
import pytest

from benchmarks.load import Burst, Outcome, Side, count_tokens, running_load
from tests.benchmarks.test_mock_llama_server import mock_server


@pytest.mark.parametrize(
    "answer",
    [
        b'{"message":{"content":"Hi"},"done":false}\n{"message":{"content":""},"done":true,"eval_count":7}\n',
        b'data: {"choices":[]}\n\ndata: {"choices":[],"usage":{"completion_tokens":7}}\n\ndata: [DONE]\n\n',
        b'{"message":{"content":"Hi"},"done":true,"eval_count":7}',
    ],
    ids=["ollama stream", "llama.cpp stream", "ollama in one piece"],
)
def test_the_tokens_are_those_that_the_answer_says(answer: bytes) -> None:
    assert count_tokens(answer) == 7


def test_an_answer_that_broke_off_counts_for_nothing() -> None:
    with pytest.raises(ValueError, match="ended without its count"):
        count_tokens(b'{"message":{"content":"Hi"},"done":false}\n')


def test_speed_counts_the_tokens_of_all_answers() -> None:
    outcome = msgspec.json.decode(
        b'{"wall_s":2.0,"answers":[{"first_s":0.1,"total_s":1.0,"tokens":30},'
        b'{"first_s":0.1,"total_s":2.0,"tokens":50}]}',
        type=Outcome,
    )
    assert outcome.tokens_per_s == 40.0


async def test_a_burst_is_sent_whole_and_each_answer_timed() -> None:
    bodies = [msgspec.Raw(b'{"max_tokens":3}'), msgspec.Raw(b'{"max_tokens":4}')]
    async with mock_server() as url, running_load() as load:
        side = Side(f"{url}/v1/chat/completions")
        outcome = await load.send(Burst(side, bodies, requests=6, concurrency=2))
    assert sorted(answer.tokens for answer in outcome.answers) == [3, 3, 3, 4, 4, 4]
    assert all(0 < answer.first_s <= answer.total_s <= outcome.wall_s for answer in outcome.answers)


async def test_a_refused_request_ends_the_benchmark() -> None:
    async with mock_server() as url, running_load() as load:
        with pytest.raises(RuntimeError, match="a child process has ended"):
            await load.send(Burst(Side(f"{url}/nothing"), [msgspec.Raw(b"{}")], requests=1, concurrency=1))
