"""Thinking and answer told apart, where the template opens the thinking."""

import json
from collections.abc import Iterator
from pathlib import Path

# An answer of the API under test is any JSON.
from typing import Any

import ollama
import pytest

from arriero.store.layout import layout_from
from arriero.store.library import Library
from tests.live.launching import MODEL, PARIS, Server, launched
from tests.live.thinking import thinking_copy

pytestmark = pytest.mark.live

NAME = "thinker"
THOUGHT, ANSWER = "The capital of France is wanted.", "It is Paris."
OPTIONS = {"temperature": 0, "num_predict": 48}
SCHEMA = {
    "type": "object",
    "properties": {"capital": {"type": "string", "maxLength": 9}},
    "required": ["capital"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def thinker(model_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of a model that thinks."""
    home = tmp_path_factory.mktemp("thinker")
    weights = Library(layout_from({"ARRIERO_HOME": str(model_home)})).find(MODEL).path
    model = thinking_copy(weights, home / "thinker.gguf")
    with launched(home, "--model", str(model), "--served-model-name", NAME) as server:
        yield server


def ask(server: Server, path: str, *, stream: bool = False, prompt: str = PARIS, **fields: Any) -> list[dict[str, Any]]:
    """All lines of an answer."""
    asked = {"messages": [{"role": "user", "content": prompt}]} if path == "/api/chat" else {"prompt": prompt}
    with server.open(path, {"model": NAME, **asked, "stream": stream, "options": OPTIONS, **fields}) as answer:
        return [json.loads(line) for line in answer]


def told(lines: list[dict[str, Any]]) -> tuple[str, str]:
    """The thinking and the answer of all lines together."""
    parts = [line.get("message", line) for line in lines]
    thinking = "".join(part.get("thinking", "") for part in parts)
    return thinking, "".join(part["content" if "content" in part else "response"] for part in parts)


both = pytest.mark.parametrize("path", ["/api/chat", "/api/generate"])
either = pytest.mark.parametrize("stream", [False, True])


def test_it_is_known_to_think(thinker: Server) -> None:
    assert thinker.post("/api/show", {"model": NAME})["capabilities"] == ["thinking", "completion"]


@both
@either
@pytest.mark.parametrize("fields", [{}, {"think": True}, {"think": "low"}])
def test_thinking_and_answer_come_apart(thinker: Server, path: str, fields: dict[str, Any], *, stream: bool) -> None:
    lines = ask(thinker, path, stream=stream, **fields)

    assert told(lines) == (THOUGHT, ANSWER)
    assert (lines[-1]["done"], lines[-1]["done_reason"]) == (True, "stop")
    assert (len(lines) > 5) == stream


@both
@either
def test_without_thinking_there_is_none(thinker: Server, path: str, *, stream: bool) -> None:
    lines = ask(thinker, path, stream=stream, think=False)

    assert "Paris" in told(lines)[1]
    assert not any("thinking" in line.get("message", line) for line in lines)
    assert "think>" not in json.dumps(lines)


@both
@either
def test_an_answer_that_ends_early_is_all_thinking(thinker: Server, path: str, *, stream: bool) -> None:
    lines = ask(thinker, path, stream=stream, options={**OPTIONS, "num_predict": 5})

    thinking, answer = told(lines)
    assert (THOUGHT.startswith(thinking), answer, lines[-1]["done_reason"]) == (True, "", "length")
    assert thinking


@pytest.mark.parametrize(("budget", "thought"), [(3, "The capital"), (1024, THOUGHT)])
def test_thinking_ends_where_its_budget_does(thinker: Server, budget: int, thought: str) -> None:
    thinking = {"type": "enabled", "budget_tokens": budget}
    turns = [{"role": "user", "content": PARIS}]
    asked = {"model": NAME, "messages": turns, "max_tokens": 48, "thinking": thinking, "options": OPTIONS}
    thoughts, answer = thinker.post("/v1/messages", asked)["content"]
    assert (thoughts["thinking"], answer["text"]) == (thought, ANSWER)


@both
@either
def test_a_schema_holds_for_the_answer_and_not_for_the_thinking(thinker: Server, path: str, *, stream: bool) -> None:
    thinking, answer = told(ask(thinker, path, stream=stream, format=SCHEMA))

    assert thinking == THOUGHT
    assert json.loads(answer) == {"capital": "Paris"}


@either
def test_an_exchange_can_be_continued(thinker: Server, *, stream: bool) -> None:
    context = ask(thinker, "/api/generate")[-1]["context"]

    lines = ask(thinker, "/api/generate", stream=stream, prompt="Name the capital of Peru.", context=context)

    assert told(lines) == ("The capital of Peru is wanted.", "It is Lima.")
    assert lines[-1]["context"][: len(context)] == context
    assert lines[-1]["prompt_eval_count"] > len(context)


@either
def test_a_schema_holds_for_the_answer_of_a_continued_exchange(thinker: Server, *, stream: bool) -> None:
    context = ask(thinker, "/api/generate")[-1]["context"]
    fields = {"prompt": "Name the capital of Peru.", "context": context, "format": SCHEMA}

    lines = ask(thinker, "/api/generate", stream=stream, **fields)

    thinking, answer = told(lines)
    assert thinking == "The capital of Peru is wanted."
    assert json.loads(answer).keys() == {"capital"}


def test_earlier_thinking_may_be_sent_back(thinker: Server) -> None:
    turn = [
        {"role": "user", "content": PARIS},
        {"role": "assistant", "content": ANSWER, "thinking": THOUGHT},
        {"role": "user", "content": "Name the capital of Peru."},
    ]

    assert told(ask(thinker, "/api/chat", messages=turn)) == ("The capital of Peru is wanted.", "It is Lima.")


def test_the_real_client_reads_both(thinker: Server) -> None:
    messages = [{"role": "user", "content": PARIS}]
    with ollama.Client(thinker.url) as client:
        whole = client.chat(NAME, messages, think=True, options=OPTIONS)
        parts = list(client.chat(NAME, messages, think=True, stream=True, options=OPTIONS))
    assert (whole.message.thinking, whole.message.content) == (THOUGHT, ANSWER)
    assert "".join(part.message.thinking or "" for part in parts) == THOUGHT
    assert "".join(part.message.content or "" for part in parts) == ANSWER
