"""The seed's quick start: launch, list, chat and stream with Ollama's own client."""

from collections.abc import Iterator
from pathlib import Path

import ollama
import openai
import pytest

from tests.live.homes import copy_home
from tests.live.launching import PARIS, Server, launched

pytestmark = pytest.mark.live

NAME = "Qwen/Qwen2.5-1.5B-Instruct"
AT_ZERO = {"temperature": 0}


@pytest.fixture(scope="module")
def renamed(model_home: Path) -> Iterator[Server]:
    flags = ("--model", "smollm2:135m", "--served-model-name", NAME, "--host", "0.0.0.0")
    with launched(model_home, *flags) as running:
        yield running


def test_lists_exactly_the_name_that_was_given(renamed: Server) -> None:
    with ollama.Client(host=renamed.url) as client:
        listed = client.list()

    assert [model.model for model in listed.models] == [NAME]


def test_chats(renamed: Server) -> None:
    with ollama.Client(host=renamed.url) as client:
        answer = client.chat(model=NAME, messages=[{"role": "user", "content": PARIS}], options=AT_ZERO)

    assert answer["message"]["content"] == "The capital of France is Paris."
    assert answer.done_reason == "stop"


def test_streams_what_it_says_in_one_piece(renamed: Server) -> None:
    messages = [{"role": "user", "content": PARIS}]
    with ollama.Client(host=renamed.url) as client:
        chunks = list(client.chat(model=NAME, messages=messages, stream=True, options=AT_ZERO))

    assert "".join(chunk.message.content or "" for chunk in chunks) == "The capital of France is Paris."
    assert len(chunks) > 2
    last = chunks[-1]
    assert last.done
    for duration in (last.total_duration, last.load_duration, last.prompt_eval_duration, last.eval_duration):
        assert duration
    assert last.prompt_eval_count
    assert last.eval_count


def test_openais_client_finds_the_same_model(renamed: Server) -> None:
    client = openai.OpenAI(base_url=f"{renamed.url}/v1", api_key="unused")

    assert [model.id for model in client.models.list()] == [NAME]
    answer = client.chat.completions.create(model=NAME, messages=[{"role": "user", "content": PARIS}], temperature=0)
    assert answer.choices[0].message.content == "The capital of France is Paris."


def test_models_are_made_and_deleted_beside_it(model_home: Path, tmp_path: Path) -> None:
    flags = ("--model", "smollm2:135m", "--served-model-name", NAME)
    with launched(copy_home(model_home, tmp_path), *flags) as running, ollama.Client(host=running.url) as client:
        client.create("brief", from_=NAME, system="You are brief.", parameters={"num_predict": 5})
        client.copy("brief", "other/brief:1")
        assert {model.model for model in client.list().models} == {"other/brief:1", "brief:latest", NAME}
        assert client.generate("brief", PARIS, options=AT_ZERO).eval_count == 5
        client.delete("brief")
        client.delete("other/brief:1")
        assert [model.model for model in client.list().models] == [NAME]
        assert client.generate(NAME, PARIS, options=AT_ZERO).response == "The capital of France is Paris."
