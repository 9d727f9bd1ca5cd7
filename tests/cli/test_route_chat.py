import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from arriero.cli.route_chat import chat
from tests.cli.servers import Told, in_thread, scripted_server
from tests.cli.terminals import CTRL_C, CTRL_D, Terminal, at_terminal
from tests.client.servers import REMOTE_MODEL, StandIn, listening, remote

HARD = "Explain quantum computing in detail"


@pytest.fixture
def servers() -> Iterator[tuple[StandIn, StandIn]]:
    here, there = StandIn(), remote()
    with in_thread(listening(here, there)):
        yield here, there


def talk(home: Path, arguments: list[str], *lines: str, url: str = "http://127.0.0.1:9") -> Result:
    runner = CliRunner(env={"ARRIERO_HOME": str(home), "OLLAMA_HOST": url, "ARRIERO_API_KEY": None})
    return runner.invoke(chat, arguments, input="".join(f"{line}\n" for line in lines), catch_exceptions=False)


def test_two_models_answer_and_each_answer_says_whose_it_is(servers: tuple[StandIn, StandIn], tmp_path: Path) -> None:
    here, there = servers
    result = talk(tmp_path, ["--remote-host", there.url], "Hello!", HARD, "/why", "quit", url=here.url)
    assert result.exit_code == 0
    assert f"llama3.2 <-> {REMOTE_MODEL}, judged by llama3.2" in result.output
    assert "Hello there.\nLocal Ollama · llama3.2 · Simple task\n" in result.output
    assert f"Quantum computing is ...\nRemote SGLang · {REMOTE_MODEL} · Complex task\n" in result.output
    assert "Complex task\nLLM Judge: COMPLEX\n" in result.output
    assert result.output.endswith("Goodbye!\n")
    assert [turn["content"] for turn in there.chats[0]["messages"]] == ["Hello!", "Hello there.", HARD]


@pytest.mark.parametrize("word", ["quit", "EXIT", "q", "/quit"])
def test_the_seeds_words_leave(word: str, tmp_path: Path) -> None:
    assert talk(tmp_path, [], word).output.endswith("You: Goodbye!\n")


def test_the_end_of_what_is_typed_leaves(tmp_path: Path) -> None:
    assert talk(tmp_path, []).output.endswith("\nGoodbye!\n")


def test_a_side_is_kept_until_the_router_decides_again(servers: tuple[StandIn, StandIn], tmp_path: Path) -> None:
    here, there = servers
    asked = ["--local-host", here.url, "--remote-host", there.url]
    output = talk(tmp_path, asked, "/remote", "Hi", "/local", HARD, "/clear", "/auto", "Hi", "/help", "/what").output
    assert [line.rpartition(" · ")[2] for line in output.splitlines() if " · " in line] == [
        "Forced remote",
        "Forced local",
        "Simple task",
    ]
    assert [len(body["messages"]) for body in here.chats] == [3, 1]
    assert "/why      why the last answer came from there" in output
    assert "Unknown command '/what'" in output


def test_an_error_is_told_and_the_conversation_goes_on(servers: tuple[StandIn, StandIn], tmp_path: Path) -> None:
    here, there = servers
    here.refuses, there.refuses = (503, "loading"), (503, "starting")
    result = talk(tmp_path, ["--local-host", here.url, "--remote-host", there.url], "Hi", "/why", "quit")
    assert "Error: neither model of SmartRouter can answer now" in result.output
    assert "Nobody has answered yet." in result.output
    assert result.output.endswith("Goodbye!\n")


ROUTE = {"side": "remote", "model": "big", "reason": "score", "score": 0.91, "threshold": 0.5, "scorer": "judge"}
LINES = (
    {"message": {"content": "Hi."}},
    {"message": {"content": ""}, "done": True, "route": {**ROUTE, "judge": "COMPLEX"}},
)


def test_a_router_that_is_served_is_talked_with_and_its_route_is_shown(tmp_path: Path) -> None:
    with scripted_server({"POST /api/chat": Told(lines=LINES)}) as server:
        output = talk(tmp_path, ["--model", "smart"], "Hello!", "/why", "/local", "Hello!", url=server.url).output
        assert [json.loads(asked.body)["model"] for asked in server.asked] == ["smart", "smart:local"]
    assert "Hi.\nremote · big · score\n" in output
    assert "score\nLLM Judge: COMPLEX\nScore: 0.91 (judge), threshold 0.50\n" in output


def test_a_server_that_refuses_is_told_of(tmp_path: Path) -> None:
    refusal = Told(404, b'{"error": "model \'smart\' not found"}')
    broken = Told(lines=({"message": {"content": "Hi"}}, {"error": "it broke"}))
    with scripted_server({"POST /api/chat": [refusal, broken]}) as server:
        output = talk(tmp_path, ["--model", "smart"], "Hello!", "Hello!", url=server.url).output
    assert "Error: model 'smart' not found" in output
    assert "Error: it broke" in output


@pytest.fixture
def terminal(servers: tuple[StandIn, StandIn], tmp_path: Path) -> Iterator[Terminal]:
    here, there = servers
    here.waits = asyncio.Event()
    with at_terminal(here.url, tmp_path, "route", "chat", "--remote-host", there.url) as terminal:
        terminal.expect("You: ")
        yield terminal


def test_ctrl_c_stops_an_answer_and_at_the_prompt_it_leaves(terminal: Terminal) -> None:
    terminal.type("Hello!\n")
    terminal.expect("\n\nHello")
    terminal.type(CTRL_C)
    terminal.expect("Local Ollama")
    terminal.expect("You: ")
    terminal.interrupt_prompt("Goodbye!")
    assert terminal.end() == 0


def test_ctrl_d_leaves(terminal: Terminal) -> None:
    terminal.type(CTRL_D)
    terminal.expect("Goodbye!")
    assert terminal.end() == 0


def test_the_seeds_module_is_the_same_command(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "arriero.smart_router", "--help"],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    assert done.stdout.startswith("Usage: python -m arriero.smart_router [OPTIONS]")
    assert "--remote-model" in done.stdout
