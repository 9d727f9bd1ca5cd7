"""Workers and servers that are killed, and clients that go away."""

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import psutil
import pytest

from tests.live.launching import MODEL, PARIS, is_alive, launched, started

pytestmark = pytest.mark.live

STORY = {"model": MODEL, "prompt": "Tell me a very long story.", "options": {"num_predict": 4000}}
QUESTION = {"model": MODEL, "prompt": PARIS, "stream": False, "options": {"temperature": 0}}
ANSWER = "The capital of France is Paris."


def test_a_killed_worker_ends_its_answer_with_an_error_line_and_the_next_request_works(model_home: Path) -> None:
    with launched(model_home) as server:
        with server.open("/api/generate", STORY) as answer:
            assert not json.loads(answer.readline())["done"]
            [worker] = server.workers()
            worker.kill()
            lines = [json.loads(line) for line in answer]

        assert list(lines[-1]) == ["error"]
        assert not any(line["done"] for line in lines[:-1])
        assert server.post("/api/generate", QUESTION)["response"] == ANSWER


def test_a_client_that_goes_away_frees_its_slot(model_home: Path) -> None:
    with launched(model_home, "--max-running-requests", "1") as server:
        with server.open("/api/generate", STORY) as answer:
            answer.readline()

        # With its only slot taken for 4,000 tokens, the server would not answer this before its time was over.
        assert server.post("/api/generate", QUESTION)["response"] == ANSWER


def test_sigterm_lets_an_answer_finish_and_the_process_end_well(model_home: Path) -> None:
    with launched(model_home) as server:
        with server.open("/api/generate", {**STORY, "options": {"num_predict": 24, "seed": 1}}) as answer:
            answer.readline()
            server.process.send_signal(signal.SIGTERM)
            lines = [json.loads(line) for line in answer]

        assert lines[-1]["done"]
        assert lines[-1]["done_reason"] in {"length", "stop"}
        assert server.process.wait(10) == 0


def test_a_second_sigterm_stops_at_once(model_home: Path) -> None:
    with launched(model_home) as server:
        workers = server.workers()
        with server.open("/api/generate", STORY) as answer:
            answer.readline()
            server.process.send_signal(signal.SIGTERM)
            server.wait_for_line("stopping")
            server.process.send_signal(signal.SIGTERM)
            lines = [json.loads(line) for line in answer]
            server.process.wait(10)

        assert list(lines[-1]) == ["error"]

        psutil.wait_procs(workers, 5)
        assert not any(is_alive(worker) for worker in workers)


@pytest.mark.parametrize("moment", ["while it loads", "when it is loaded"])
def test_a_worker_does_not_outlive_a_killed_server(model_home: Path, moment: str) -> None:
    with started(model_home) as server:
        server.wait_for_line("loading model" if moment == "while it loads" else " serves ")
        workers = _until_some(server.process.pid)
        server.process.kill()
        server.process.wait()

        _until_dead(workers)
        assert not any(is_alive(worker) for worker in workers)


def test_a_file_that_is_no_model_is_an_error_line_and_exit_code_1(model_home: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + bytes(100))

    with started(model_home, "--model", str(broken)) as server:
        assert "broken.gguf" in server.wait_for_line("Error: ")
        assert server.process.wait(20) == 1


def test_a_port_that_is_taken_is_an_error_line_and_exit_code_1(model_home: Path) -> None:
    with launched(model_home) as first, started(model_home, "--port", first.url.rpartition(":")[2]) as second:
        assert "address already in use" in second.wait_for_line("Error: ")
        assert second.process.wait(20) == 1


def test_serve_lists_the_store_and_loads_on_demand(model_home: Path) -> None:
    with launched(model_home, "serve", module=("arriero",)) as server:
        assert server.workers() == []
        assert server.post("/api/generate", QUESTION)["response"] == ANSWER
        assert len(server.workers()) == 1
        assert server.post("/api/generate", {"model": MODEL, "keep_alive": 0})["done_reason"] == "unload"
        _until_dead(server.workers())
        assert server.workers() == []


def test_unknown_models_are_404(model_home: Path) -> None:
    with launched(model_home) as server, pytest.raises(urllib.error.HTTPError, match="404") as error:
        server.post("/api/chat", {"model": "nope", "messages": [{"role": "user", "content": "x"}]})

    with error.value:
        assert json.load(error.value) == {"error": "model 'nope' not found"}


@pytest.mark.skipif(sys.platform == "win32", reason="needs a shell script that can be run")
def test_a_binary_is_run_in_place_of_the_wheel(model_home: Path, tmp_path: Path) -> None:
    binary = tmp_path / "llama-server"
    binary.write_text(f'#!/bin/sh\nexec {sys.executable} {Path(__file__).with_name("stand_in_llama_server.py")} "$@"\n')
    binary.chmod(0o755)

    with launched(model_home, "--llama-server", str(binary)) as server:
        [worker] = server.workers()
        assert "stand_in_llama_server.py" in " ".join(worker.cmdline())
        assert "LLAMA_API_KEY" in worker.environ()
        assert worker.environ()["LLAMA_API_KEY"] not in " ".join(worker.cmdline())
        assert server.post("/api/generate", QUESTION)["response"] == ANSWER


def _until_some(pid: int) -> list[psutil.Process]:
    parent = psutil.Process(pid)
    while not (workers := parent.children()):
        os.sched_yield()
    return workers


def _until_dead(workers: list[psutil.Process]) -> None:
    # psutil waits for processes that are not our children by asking again and again. One that nobody reaps stays
    # a zombie, so its state is asked for.
    for _ in range(500):
        if not any(is_alive(worker) for worker in workers):
            return
        psutil.wait_procs(workers, 0.01)


def test_sigterm_stops_a_server_whose_output_nobody_reads_any_more(model_home: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "arriero", "serve", "--port", "0"],
        env={**os.environ, "ARRIERO_HOME": str(model_home), "OLLAMA_HOST": ""},
        stderr=subprocess.PIPE,
    )
    try:
        assert process.stderr is not None
        # The last line of its greeting.
        while not (line := process.stderr.readline().decode()).startswith("or: "):
            assert process.poll() is None
        process.stderr.close()
        with urllib.request.urlopen(line.split("OLLAMA_HOST=")[1].split()[0], timeout=10):
            pass
        process.send_signal(signal.SIGTERM)
        # 120 is Python's own word for output that could not be written at the end.
        assert process.wait(10) in {0, 120}
    finally:
        process.kill()
