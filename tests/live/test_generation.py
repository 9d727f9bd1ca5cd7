"""What the embedded engine makes of options and of many requests at once."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.live.launching import MODEL, PARIS, Server

pytestmark = pytest.mark.live


def generate(server: Server, prompt: str = PARIS, **fields: Any) -> dict[str, Any]:
    answer: dict[str, Any] = server.post("/api/generate", {"model": MODEL, "prompt": prompt, "stream": False, **fields})
    return answer


def stream(server: Server, path: str, body: dict[str, Any]) -> list[dict[str, Any]]:
    with server.open(path, {"model": MODEL, **body}) as answer:
        lines = answer.read().split(b"\n")
    assert lines.pop() == b""
    return [json.loads(line) for line in lines]


@pytest.mark.parametrize("prompt", [PARIS, "Repeat: 你好世界 🎉🎊", "Count from one to ten.", "é\u0301 ñ 👩‍👩‍👧"])
def test_a_stream_says_what_one_piece_says(server: Server, prompt: str) -> None:
    options = {"temperature": 0, "num_predict": 60}
    whole = generate(server, prompt, options=options)
    lines = stream(server, "/api/generate", {"prompt": prompt, "options": options})

    assert "".join(line["response"] for line in lines) == whole["response"]
    assert "\ufffd" not in whole["response"]
    assert lines[-1]["done_reason"] == whole["done_reason"]
    assert lines[-1]["eval_count"] == whole["eval_count"]


def test_num_predict_is_exact(server: Server) -> None:
    answer = generate(server, "Write a long story.", options={"num_predict": 10})

    assert answer["eval_count"] == 10
    assert answer["done_reason"] == "length"


@pytest.mark.parametrize("limit", [-1, -2, 0])
def test_no_limit_lets_the_model_end(server: Server, limit: int) -> None:
    answer = generate(server, options={"temperature": 0, "num_predict": limit})

    assert answer["response"] == "The capital of France is Paris."
    assert answer["done_reason"] == "stop"


@pytest.mark.parametrize("seed", [7, 2**63 - 1, 0xFFFFFFFF, -2, 3.9])
def test_a_seed_repeats_an_answer(server: Server, seed: float) -> None:
    options = {"seed": seed, "temperature": 1.5, "num_predict": 24}

    texts = {generate(server, "Tell me a story.", options=options)["response"] for _ in range(3)}

    assert len(texts) == 1


def test_no_seed_does_not_repeat_an_answer(server: Server) -> None:
    options = {"seed": -1, "temperature": 1.5, "num_predict": 24}

    texts = {generate(server, "Tell me a story.", options=options)["response"] for _ in range(3)}

    assert len(texts) > 1


def test_a_stop_text_ends_the_answer_and_is_not_in_it(server: Server) -> None:
    answer = generate(server, options={"temperature": 0, "stop": [" Paris"]})

    assert answer["response"] == "The capital of France is"
    assert answer["done_reason"] == "stop"


def test_raw_goes_to_the_model_as_it_is(server: Server) -> None:
    answer = generate(server, "The capital of France is", raw=True, options={"temperature": 0, "num_predict": 1})

    assert answer["response"] == " Paris"
    assert answer["prompt_eval_count"] == 5
    assert "context" not in answer


def test_the_prompt_is_counted_with_what_came_out_of_the_cache(server: Server) -> None:
    first, second = generate(server), generate(server)

    assert first["prompt_eval_count"] == second["prompt_eval_count"] > 30


@pytest.mark.parametrize("raw", [False, True])
def test_json_format_is_held_to(server: Server, raw: bool) -> None:
    schema = {"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]}
    prompt = "How old is Ollama? Answer in JSON."

    answer = generate(server, prompt, format=schema, raw=raw, options={"temperature": 0, "num_predict": 60})

    assert isinstance(json.loads(answer["response"])["age"], int)


@pytest.mark.parametrize("repeat_last_n", [-1, 0, 64, 300_000_000])
def test_the_penalties_window_may_be_any_number(server: Server, repeat_last_n: int) -> None:
    options = {"temperature": 0, "repeat_penalty": 1.05, "repeat_last_n": repeat_last_n}

    assert "Paris" in generate(server, options=options)["response"]


def test_a_prompt_longer_than_the_context_is_refused_with_both_numbers(server: Server) -> None:
    with pytest.raises(Exception, match="400") as error:
        generate(server, "word " * 20_000)

    message = json.loads(error.value.read())["error"]  # type: ignore[attr-defined]  # urllib's HTTPError
    assert "exceeds" in message
    assert "8192" in message


def test_32_clients_each_get_a_whole_answer(server: Server) -> None:
    def ask(number: int) -> list[dict[str, Any]]:
        body = {"messages": [{"role": "user", "content": f"Tell me about the number {number}."}]}
        return stream(server, "/api/chat", {**body, "options": {"num_predict": 24}})

    with ThreadPoolExecutor(32) as clients:
        answers = list(clients.map(ask, range(32)))

    for lines in answers:
        assert all("error" not in line for line in lines)
        assert [line["done"] for line in lines] == [False] * (len(lines) - 1) + [True]
        assert lines[-1]["eval_count"] <= 24
        assert "".join(line["message"]["content"] for line in lines)


def test_the_context_is_the_tokens_of_the_whole_exchange(server: Server) -> None:
    context: list[int] = []
    for prompt in ("Hi.", "And?", "So?"):
        answer = generate(server, prompt, context=context, options={"temperature": 0, "num_predict": 4})
        assert answer["context"][: len(context)] == context
        context = answer["context"]
        assert len(context) == answer["prompt_eval_count"] + answer["eval_count"]


def test_old_messages_make_room_and_that_is_told(server: Server) -> None:
    turns = [{"role": "user", "content": f"{number} " + "word " * 60} for number in range(10)]
    messages = [{"role": "system", "content": "Be brief."}, *turns, {"role": "user", "content": PARIS}]
    options = {"temperature": 0, "num_ctx": 256, "num_predict": 20}
    last = stream(server, "/api/chat", {"messages": messages, "options": options})[-1]
    told = last["truncated"]
    assert (told["num_ctx"], told["prompt_tokens"]) == (256, last["prompt_eval_count"])
    assert 0 < told["dropped_messages"] < 10
    assert told["prompt_tokens"] < 256


def test_an_answer_ends_with_the_context_unless_it_may_shift(server: Server) -> None:
    options = {"temperature": 0, "num_ctx": 64, "num_predict": 120}
    answer = generate(server, "Write a very long story about mules.", options=options)
    assert answer["done_reason"] == "length"
    assert answer["prompt_eval_count"] + answer["eval_count"] == 64
    shifted = generate(server, "Write a very long story about mules.", options=options, shift=True)
    assert shifted["eval_count"] == 120
