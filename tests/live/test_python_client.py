"""Every method of Ollama's client for Python, plain and async, against a server with a real model."""

import asyncio
import inspect
import math
from collections.abc import AsyncIterator, Awaitable, Iterator
from pathlib import Path
from time import monotonic

# Methods are called by their names: their answers are whatever the client makes of them.
from typing import Any

import ollama
import pytest

from tests.factories_store import tiny_gguf
from tests.live.homes import copy_home
from tests.live.launching import MODEL, PARIS, Server, launched

pytestmark = pytest.mark.live

ANSWER = "The capital of France is Paris."
OPTIONS = {"temperature": 0, "num_predict": 16, "num_ctx": 1024}
TURN = [{"role": "user", "content": PARIS}]
SCHEMA = {"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]}
# These two ask Ollama's own services, and not this server.
ELSEWHERE = {"web_search", "web_fetch"}
METHODS = {
    "chat", "copy", "create", "create_blob", "delete", "embed", "embeddings", "generate", "list", "ps", "pull", "push",
    "show", "systemone",
}  # fmt: skip


class Calls:
    """Calls methods of either client; of a stream it returns the parts."""

    def __init__(self, client: ollama.Client | ollama.AsyncClient, runner: asyncio.Runner) -> None:
        self._client = client
        self._runner = runner

    def __call__(self, method: str, *values: Any, **fields: Any) -> Any:
        answer = getattr(self._client, method)(*values, **fields)
        if inspect.isawaitable(answer):
            answer = self._runner.run(_answer_of(answer))
        return list(answer) if isinstance(answer, Iterator) else answer

    def refused(self, method: str, *values: Any, **fields: Any) -> tuple[int, str]:
        with pytest.raises(ollama.ResponseError) as error:
            self(method, *values, **fields)
        return error.value.status_code, error.value.error

    def close(self) -> None:
        self("close")


async def _answer_of(awaited: Awaitable[Any]) -> Any:
    answer = await awaited
    return [part async for part in answer] if isinstance(answer, AsyncIterator) else answer


@pytest.fixture(scope="module")
def changing(model_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose models may be changed."""
    with launched(copy_home(model_home, tmp_path_factory.mktemp("client")), "serve", module=("arriero",)) as server:
        yield server


@pytest.fixture(scope="module", params=[ollama.Client, ollama.AsyncClient])
def call(changing: Server, request: pytest.FixtureRequest) -> Iterator[Calls]:
    with asyncio.Runner() as runner:
        calls = Calls(request.param(changing.url, timeout=60), runner)
        yield calls
        calls.close()


@pytest.mark.parametrize("kind", [ollama.Client, ollama.AsyncClient])
def test_there_is_no_other_method(kind: type) -> None:
    assert {name for name in dir(kind) if not name.startswith("_")} - {"close"} == METHODS | ELSEWHERE


def test_models_are_listed_and_shown(call: Calls) -> None:
    [model] = [model for model in call("list").models if model.model == MODEL]
    assert model.details.family == "llama"
    assert model.size > 90_000_000
    assert model.modified_at.tzinfo
    shown = call("show", MODEL)
    assert shown.capabilities == ["completion"]
    assert shown.modelinfo["llama.embedding_length"] == 576
    assert shown.details.parameter_size == "134.52M"
    assert "{%" in shown.template
    assert shown.modelfile.startswith("# Modelfile")


@pytest.mark.parametrize("stream", [False, True])
def test_chat(call: Calls, *, stream: bool) -> None:
    answer = call("chat", MODEL, TURN, stream=stream, options=OPTIONS, keep_alive="5m")
    parts = answer if stream else [answer]
    assert "".join(part.message.content for part in parts) == ANSWER
    last = parts[-1]
    assert (last.model, last.done, last.done_reason, last.eval_count) == (MODEL, True, "stop", 8)
    assert last.total_duration > last.eval_duration > 0
    assert last.created_at


def test_chat_takes_options_and_messages_as_objects(call: Calls) -> None:
    options = ollama.Options(temperature=0, num_predict=4, seed=1, top_k=40, top_p=0.9, stop=["\n"], num_ctx=1024)
    answer = call("chat", MODEL, [ollama.Message(role="user", content=PARIS)], options=options, keep_alive=60.0)
    assert (answer.done_reason, answer.eval_count) == ("length", 4)


def test_chat_with_a_format_and_log_probabilities(call: Calls) -> None:
    answer = call("chat", MODEL, TURN, format=SCHEMA, options={**OPTIONS, "num_predict": 40})
    assert '"age"' in answer.message.content
    answer = call("chat", MODEL, TURN, logprobs=True, top_logprobs=2, options=OPTIONS)
    assert "".join(chosen.token for chosen in answer.logprobs) == ANSWER
    assert all(len(chosen.top_logprobs) == 2 for chosen in answer.logprobs)


def test_chat_refuses_what_the_model_cannot_do(call: Calls) -> None:
    def get_weather(city: str) -> str:
        """Get the weather of a city."""
        return city

    status, message = call.refused("chat", MODEL, TURN, tools=[get_weather])
    assert (status, "does not support tools" in message) == (400, True)
    status, message = call.refused("chat", MODEL, TURN, think=True, stream=True)
    assert (status, message) == (400, f'"{MODEL}" does not support thinking')
    status, message = call.refused("chat", "nope", TURN)
    assert (status, message) == (404, "model 'nope' not found")


@pytest.mark.parametrize("stream", [False, True])
def test_generate(call: Calls, *, stream: bool) -> None:
    answer = call("generate", MODEL, PARIS, stream=stream, options=OPTIONS, keep_alive="5m")
    parts = answer if stream else [answer]
    assert "".join(part.response for part in parts) == ANSWER
    assert parts[-1].context
    again = call("generate", MODEL, "And of Spain?", context=parts[-1].context, options=OPTIONS)
    assert again.prompt_eval_count > len(parts[-1].context)
    assert again.context[: len(parts[-1].context)] == parts[-1].context


def test_generate_takes_all_that_it_may_be_given(call: Calls) -> None:
    def text(prompt: str, **fields: Any) -> str:
        return str(call("generate", MODEL, prompt, options=OPTIONS, **fields).response)

    assert text("The capital of France is", raw=True).startswith(" Paris")
    assert text("France", template="{{ .System }} The capital of {{ .Prompt }} is", system="Facts:").startswith(
        " Paris"
    )
    assert text(PARIS, system="You are a pirate.") != ""
    assert text(PARIS, format="json", raw=True).lstrip().startswith("{")
    assert text(PARIS, think=False) == ANSWER
    assert len(call("generate", MODEL, PARIS, logprobs=True, options=OPTIONS).logprobs) == 7
    assert call.refused("generate", MODEL, "a", suffix="b")[0] == 400
    assert call.refused("generate", MODEL, "a", images=[b"\x89PNG\r\n\x1a\n"])[0] == 400
    assert call.refused("generate", MODEL, "a", think=True)[0] == 400


def test_a_model_is_loaded_listed_and_unloaded(call: Calls) -> None:
    late = monotonic() + 30
    assert call("generate", MODEL, keep_alive="10m", options={"num_ctx": 1024}).done_reason == "load"
    [model] = call("ps").models
    assert (model.name, model.model) == (MODEL, MODEL)
    assert (model.size > 50_000_000, model.size_vram, model.context_length >= 1024) == (True, 0, True)
    assert model.expires_at.tzinfo
    assert call("generate", MODEL, keep_alive=0).done_reason == "unload"
    # A process takes a moment to go.
    while call("ps").models:
        assert monotonic() < late


def test_questions_are_answered_by_probabilities(call: Calls) -> None:
    questions = {"nice": {"type": "noul", "instructions": "Is the weather nice?"}}
    answer = call("systemone", MODEL, state="The sun shines.", questions=questions, keep_alive="5m").answers["nice"]
    assert 0 < answer.noul < 1


def test_texts_become_vectors(call: Calls) -> None:
    answer = call("embed", MODEL, ["a", "b"], truncate=True, dimensions=32, keep_alive="5m", options={"num_ctx": 1024})
    assert [len(vector) for vector in answer.embeddings] == [32, 32]
    assert all(math.isclose(math.hypot(*vector), 1, abs_tol=1e-5) for vector in answer.embeddings)
    older = call("embeddings", MODEL, "a", options={"num_ctx": 1024}, keep_alive="5m")
    assert len(older.embedding) == 576
    status, _ = call.refused("embed", MODEL, "word " * 2000, truncate=False, options={"num_ctx": 1024})
    assert status == 400


@pytest.mark.parametrize("stream", [False, True])
def test_a_model_that_is_here_is_pulled_at_once(call: Calls, *, stream: bool) -> None:
    answer = call("pull", MODEL, stream=stream)
    assert (answer[-1] if stream else answer).status == "success"


def test_pushing_tells_what_is_in_its_way(call: Calls) -> None:
    name = "127.0.0.1:9/someone/small"
    call("copy", MODEL, name)
    status, message = call.refused("push", name, insecure=True)
    assert status >= 400
    assert "127.0.0.1:9" in message
    _, message = call.refused("push", name, insecure=True, stream=True)
    assert "127.0.0.1:9" in message
    call("delete", name)


def test_a_model_is_made_of_another(call: Calls) -> None:
    parts = call(
        "create",
        "pirate",
        from_=MODEL,
        system="You are a pirate.",
        parameters=ollama.Options(temperature=0, num_predict=8, stop=["Ahoy"]),
        license=["Do as you like.", "But be kind."],
        messages=[ollama.Message(role="user", content="Hi"), {"role": "assistant", "content": "Arr"}],
        stream=True,
    )
    assert parts[-1].status == "success"
    shown = call("show", "pirate")
    assert "You are a pirate." in shown.modelfile
    # Those of the base hold, too.
    assert shown.license.endswith("\nDo as you like.\nBut be kind.")
    assert {line.split()[0] for line in shown.parameters.splitlines()} == {"temperature", "num_predict", "stop"}
    answer = call("chat", "pirate", TURN)
    assert answer.eval_count <= 8
    assert answer.prompt_eval_count > call("chat", MODEL, TURN, options=OPTIONS).prompt_eval_count
    assert call("create", "pirate", from_=MODEL, template="{{ .Prompt }}").status == "success"
    assert call("show", "pirate").template == "{{ .Prompt }}"
    assert call("delete", "pirate").status == "success"
    assert call.refused("show", "pirate")[0] == 404


def test_a_model_is_made_of_a_file(call: Calls, tmp_path: Path) -> None:
    path = tiny_gguf(tmp_path / "tiny.gguf")
    digest = call("create_blob", path)
    assert call("create_blob", str(path)) == digest
    assert call("create", "tiny", files={"tiny.gguf": digest}).status == "success"
    assert call("show", "tiny").details.family == "llama"
    assert call("copy", "tiny", "tiny:copy").status == "success"
    assert {"tiny:latest", "tiny:copy"} < {model.model for model in call("list").models}
    for name in ("tiny", "tiny:copy"):
        assert call("delete", name).status == "success"
    assert call.refused("delete", "tiny")[0] == 404
    assert call.refused("copy", "tiny", "other")[0] == 404


def test_a_large_blob_that_is_here_is_not_sent_again(call: Calls, model_home: Path) -> None:
    """The server answers before it has read the body."""
    [path] = [path for path in (model_home / "models" / "blobs").iterdir() if path.stat().st_size > 90_000_000]
    assert call("create_blob", path) == path.name.replace("-", ":")


def test_what_is_wrong_is_told(call: Calls) -> None:
    assert call.refused("create", "x", from_=MODEL, quantize="q4_0")[0] == 400
    assert call.refused("create", "x", from_=MODEL, parameters={"num_ctx": "many"})[0] == 400
    assert call.refused("show", "nope")[0] == 404
    assert call.refused("generate", MODEL, PARIS, format={"type": "nonsense"}, options=OPTIONS)[0] == 400
    assert call.refused("chat", MODEL, [{"role": "user", "content": "word " * 3000}], options=OPTIONS)[0] == 400
