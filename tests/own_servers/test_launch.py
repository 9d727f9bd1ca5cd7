"""What users see of SGLang and vLLM as processes of the server's own."""

import json
import signal
import sys
from pathlib import Path

import ollama
import psutil
import pytest

from tests.live.launching import Server
from tests.own_servers.starting import Launched, engine_launched, engine_started, until_dead

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="watches processes as Linux tells of them")

CHAT = {"model": "tiny", "messages": [{"role": "user", "content": "Hi"}]}
# As long as the engine lives.
ENDLESS = {"model": "tiny", "messages": [{"role": "user", "content": "Talk for ever."}]}


def answer(server: Server) -> str:
    """What a whole answer says."""
    return str(server.post("/api/chat", {**CHAT, "stream": False})["message"]["content"])


def begun(launched: Launched) -> object:
    """An answer that is under way."""
    stream = launched.server.open("/api/chat", ENDLESS)
    assert json.loads(stream.readline())["message"]["content"] == "Hello"
    return stream


@pytest.mark.parametrize("engine", ["sglang", "vllm"])
def test_an_engine_is_launched_with_flags_of_ours_and_of_its_own(tmp_path: Path, engine: str) -> None:
    flags = ["--tp", "2", "--enable-metrics", "--foo=bar", "-q", "x", "--tp", "3", "--max-running-requests", "5"]
    with engine_launched(tmp_path, engine, *flags) as running:
        [start] = running.starts()
        given = " ".join(start["argv"])

        assert answer(running.server) == "Hello there."
        assert given.endswith(f"--stand-in-record {running.record} --tp 2 --enable-metrics --foo=bar -q x --tp 3")
        assert {"sglang": "--max-running-requests 5", "vllm": "--max-num-seqs 5"}[engine] in given
        assert "--host 127.0.0.1" in given
        assert running.server.url.rpartition(":")[2] not in given
        assert start["environment"].get("VLLM_API_KEY", "") not in given or engine == "sglang"


def test_the_model_is_told_with_the_context_that_the_engine_has(tmp_path: Path) -> None:
    with engine_launched(tmp_path, "sglang") as running, ollama.Client(running.server.url) as client:
        assert [model.model for model in client.list().models] == ["tiny"]
        assert [model.context_length for model in client.ps().models] == [777]
        assert "".join(chunk.message.content or "" for chunk in client.chat(**CHAT, stream=True)) == "Hello there."


def test_the_engines_lines_are_shown_under_its_name(tmp_path: Path) -> None:
    with engine_started(tmp_path, "vllm") as server:
        assert server.wait_for_line("engine: vLLM").endswith(", as --engine says")
        assert server.wait_for_line("vllm is loading") == "[vllm] vllm is loading"
        assert server.wait_for_line("shards") == "[vllm] Loading shards: 100%"


def test_a_killed_engine_ends_its_answers_with_an_error_and_the_next_one_answers(tmp_path: Path) -> None:
    with engine_launched(tmp_path, "sglang") as running:
        processes = running.processes()
        with begun(running) as stream:  # type: ignore[attr-defined]  # what urllib opens
            processes[0].kill()
            lines = [json.loads(line) for line in stream]

        assert list(lines[-1]) == ["error"]
        assert answer(running.server) == "Hello there."
        assert len(running.starts()) == 2
        until_dead(processes)


def test_nothing_is_left_of_an_engine_whose_server_was_killed(tmp_path: Path) -> None:
    with engine_launched(tmp_path, "vllm") as running:
        processes = [*running.processes(), *psutil.Process(running.server.process.pid).children()]
        assert len(processes) == 4
        running.server.process.kill()

        until_dead(processes)


def test_nothing_is_left_of_an_engine_when_its_server_ends(tmp_path: Path) -> None:
    with engine_launched(tmp_path, "sglang") as running:
        processes = running.processes()
        running.server.process.send_signal(signal.SIGTERM)
        assert running.server.process.wait(20) == 0

        until_dead(processes)


def test_only_keep_alive_0_unloads_and_num_ctx_loads_nothing_anew(tmp_path: Path) -> None:
    with engine_launched(tmp_path, "sglang") as running:
        post = running.server.post
        post("/api/chat", {**CHAT, "stream": False, "keep_alive": "1ms", "options": {"num_ctx": 64}})
        assert answer(running.server) == "Hello there."
        assert len(running.starts()) == 1

        assert post("/api/generate", {"model": "tiny", "keep_alive": 0})["done_reason"] == "unload"
        until_dead(running.processes())
        assert answer(running.server) == "Hello there."
        assert len(running.starts()) == 2


def test_an_engine_that_dies_at_its_start_tells_its_last_words(tmp_path: Path) -> None:
    with engine_started(tmp_path, "sglang", "--stand-in-dies") as server:
        line = server.wait_for_line("could not load tiny: the engine exited")

        assert line.endswith(
            "the engine exited with code 1: RuntimeError: error: unrecognized arguments: --stand-in-dies"
        )
        assert server.process.wait(20) == 1
