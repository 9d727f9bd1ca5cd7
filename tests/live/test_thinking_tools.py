"""Tools that are called after some thinking: Qwen2.5-Coder-0.5B under a template like Qwen3's, and shown how."""

from collections.abc import Iterator, Sequence
from pathlib import Path

# Messages are any JSON.
from typing import Any

import ollama
import pytest

from tests.live.launching import launched
from tests.live.models import qwen

pytestmark = [pytest.mark.live, pytest.mark.models]

NAME = "thinking-qwen"
TEMPLATE = Path(__file__).parent / "thinking_tools.jinja"
OPTIONS = {"temperature": 0, "num_predict": 80, "num_ctx": 4096}
THOUGHT = "Two cities are asked for: I call the tool twice."
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string", "maxLength": 20}},
    "required": ["city"],
    "additionalProperties": False,
}


def get_weather(city: str) -> str:
    """Get the weather of a city."""
    return city


def calls_of(*cities: str) -> list[dict[str, Any]]:
    return [{"function": {"name": "get_weather", "arguments": {"city": city}}} for city in cities]


MESSAGES: Sequence[dict[str, Any]] = [
    {"role": "user", "content": "Compare the weather in Oslo and in Bern."},
    {"role": "assistant", "thinking": THOUGHT, "content": "", "tool_calls": calls_of("Oslo", "Bern")},
    {"role": "tool", "tool_name": "get_weather", "content": "5 degrees"},
    {"role": "tool", "tool_name": "get_weather", "content": "9 degrees"},
    {"role": "assistant", "thinking": "I have both results.", "content": "It is 5 and 9 degrees."},
    {"role": "user", "content": "Compare the weather in Paris and in Rome."},
]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ollama.Client]:
    flags = ("--model", str(qwen()), "--served-model-name", NAME, "--chat-template", str(TEMPLATE))
    with (
        launched(tmp_path_factory.mktemp("thinking-qwen"), *flags) as server,
        ollama.Client(server.url, timeout=300) as client,
    ):
        yield client


def ask(client: ollama.Client, *, stream: bool, **fields: Any) -> tuple[str, str, list[tuple[str, Any]]]:
    """What was thought, what was said, and the calls."""
    asked = {"messages": MESSAGES, "tools": [get_weather], "options": OPTIONS, **fields}
    answer = client.chat(NAME, stream=stream, **asked)  # type: ignore[call-overload]  # its overloads take literals
    messages = [part.message for part in (answer if stream else [answer])]
    calls = [call.function for message in messages for call in message.tool_calls or ()]
    return (
        "".join(message.thinking or "" for message in messages),
        "".join(message.content or "" for message in messages),
        [(call.name, call.arguments) for call in calls],
    )


either = pytest.mark.parametrize("stream", [False, True])


def test_it_is_known_to_do_both(client: ollama.Client) -> None:
    assert client.show(NAME).capabilities == ["tools", "thinking", "completion", "insert"]


@either
def test_thinking_comes_first_and_then_the_calls(client: ollama.Client, *, stream: bool) -> None:
    calls = [("get_weather", {"city": city}) for city in ("Paris", "Rome")]
    assert ask(client, stream=stream) == (THOUGHT, "", calls)


@either
def test_a_schema_holds_for_what_comes_after_the_thinking(client: ollama.Client, *, stream: bool) -> None:
    thinking, answer, calls = ask(client, stream=stream, format=SCHEMA)
    assert (thinking, calls) == (THOUGHT, [])
    assert answer.startswith("{")


@either
def test_a_call_that_was_cut_off_is_text(client: ollama.Client, *, stream: bool) -> None:
    thinking, answer, calls = ask(client, stream=stream, options={**OPTIONS, "num_predict": 20})
    assert (thinking, calls) == (THOUGHT, [])
    assert answer.startswith('{"name"')
