import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from arriero.cli.api import Api
from arriero.cli.run import Flags, _session
from arriero.engines.fake import FakeEngine
from tests.cli.commands import arriero
from tests.cli.servers import Told, golden_server, scripted_server
from tests.contract.models import TEXT, golden_engines

STATISTICS = (
    r"total duration:       \S+s\nload duration:        \S+s\n"
    r"prompt eval count:    11 token\(s\)\nprompt eval duration: 2ms\nprompt eval rate:     5500\.00 tokens/s\n"
    r"eval count:           3 token\(s\)\neval duration:        3ms\neval rate:            1000\.00 tokens/s\n"
)
SHOWN: dict[str, object] = {"model_info": {}, "capabilities": ["completion"]}
ANSWER = Told(lines=({"response": "Yes."}, {"response": "", "done": True}))


def told(**shown: object) -> Told:
    return Told(200, json.dumps({**SHOWN, **shown}).encode())


@pytest.fixture
def engines() -> dict[str, FakeEngine]:
    return golden_engines()


@pytest.fixture
def url(tmp_path: Path, engines: dict[str, FakeEngine]) -> Iterator[str]:
    with golden_server(tmp_path, engines) as url:
        yield url


def test_a_prompt_is_answered_and_the_statistics_are_told_beside_it(url: str) -> None:
    done = arriero(url, "run", "gen", "Why", "not?", "--verbose")

    assert done.stdout == f"{TEXT}\n"
    assert re.fullmatch(STATISTICS, done.stderr)


def test_thoughts_are_shown_between_two_lines_or_not_at_all(url: str) -> None:
    shown = arriero(url, "run", "think", "Why?").stdout

    assert shown == f"Thinking...\nLet me think.\n...done thinking.\n\n{TEXT}\n"
    assert arriero(url, "run", "think", "Why?", "--hidethinking").stdout == f"{TEXT}\n"
    assert arriero(url, "run", "think", "--think=false", "Why?").stdout == f"{TEXT}\n"


def test_thinking_that_a_model_cannot_do_is_refused_by_the_server(url: str) -> None:
    assert "does not support thinking" in str(arriero(url, "run", "gen", "--think", "Why?").exception)


def test_an_answer_that_breaks_off_ends_its_line_and_the_command(url: str) -> None:
    done = arriero(url, "run", "gen", "fail in the middle")

    assert done.stdout == "Hello\n"
    assert str(done.exception) == "out of memory"


def test_without_a_prompt_the_model_is_loaded(url: str) -> None:
    assert arriero(url, "run", "gen").output == ""
    assert "gen:latest" in arriero(url, "ps").output


def test_an_embedding_model_needs_a_text(url: str) -> None:
    assert "embedding models require input text" in str(arriero(url, "run", "emb").exception)


def test_an_embedding_model_prints_the_vector() -> None:
    answers = {
        "POST /api/show": told(capabilities=["embedding"]),
        "POST /api/embed": Told(200, b'{"embeddings":[[0.5,-1]]}'),
    }
    with scripted_server(answers) as server:
        done = arriero(server.url, "run", "emb", "some", "text", "--dimensions", "2")

    assert json.loads(done.stdout) == [0.5, -1]
    assert (server.asked[1].json()["input"], server.asked[1].json()["dimensions"]) == ("some text", 2)


def test_all_that_was_asked_for_is_in_the_request() -> None:
    with scripted_server({"POST /api/show": told(), "POST /api/generate": ANSWER}) as server:
        flags = ["--system", "Be brief.", "--format", '{"type":"object"}', "--keepalive", "5m", "--think=high"]
        done = arriero(server.url, "run", "gen", *flags, "And", "now?", typed="Piped.")

    assert done.stdout == "Yes.\n"
    sent = server.asked[1].json()
    assert sent["prompt"] == "Piped. And now?"
    assert (sent["system"], sent["format"], sent["think"]) == ("Be brief.", {"type": "object"}, "high")
    assert (sent["keep_alive"], sent["stream"]) == ("5m", True)


def test_think_takes_no_word_of_the_prompt() -> None:
    with scripted_server({"POST /api/show": told(projector_info=None), "POST /api/generate": ANSWER}) as server:
        arriero(server.url, "run", "gen", "--think", "high", "--keepalive", "-1", "--", "--think")

    sent = server.asked[1].json()
    assert (sent["think"], sent["prompt"], sent["keep_alive"]) == (True, "high --think", -1)


def test_what_was_not_asked_for_is_not() -> None:
    with scripted_server({"POST /api/show": told(), "POST /api/generate": ANSWER}) as server:
        arriero(server.url, "run", "gen", "Why?")

    assert not {"think", "format", "keep_alive", "images", "context"} & server.asked[1].json().keys()


def test_a_picture_is_sent_to_a_model_that_sees(tmp_path: Path) -> None:
    (tmp_path / "cat.png").write_bytes(b"png")
    with scripted_server({"POST /api/show": told(capabilities=["vision"]), "POST /api/generate": ANSWER}) as server:
        done = arriero(server.url, "run", "vis", f"What is {tmp_path}/cat.png")

    assert done.stderr == f"Added image '{tmp_path}/cat.png'\n"
    assert (server.asked[1].json()["prompt"], server.asked[1].json()["images"]) == ("What is", ["cG5n"])


def test_a_model_that_is_not_there_is_fetched() -> None:
    shows = [Told(404, b'{"error":"model \'gen\' not found"}'), told()]
    pulled = Told(lines=({"status": "pulling manifest"}, {"status": "success"}))
    answers: dict[str, Told | list[Told]] = {
        "POST /api/show": shows,
        "POST /api/pull": pulled,
        "POST /api/generate": ANSWER,
    }
    with scripted_server(answers) as server:
        done = arriero(server.url, "run", "gen", "Why?")

    assert server.paths == ["POST /api/show", "POST /api/pull", "POST /api/show", "POST /api/generate"]
    assert (done.stdout, done.stderr) == ("Yes.\n", "pulling manifest\nsuccess\n")


def test_any_other_error_fetches_nothing() -> None:
    with scripted_server({"POST /api/show": Told(500, b'{"error":"broken"}')}) as server:
        done = arriero(server.url, "run", "gen", "Why?")

    assert str(done.exception) == "broken"
    assert server.paths == ["POST /api/show"]


def test_a_model_that_makes_pictures_is_refused() -> None:
    with scripted_server({"POST /api/show": told(capabilities=["image"])}) as server:
        assert "makes images" in str(arriero(server.url, "run", "painter", "A cat").exception)


def test_bytes_that_are_no_text_are_sent_as_question_marks() -> None:
    with scripted_server({"POST /api/show": told(), "POST /api/generate": ANSWER}) as server:
        command = [sys.executable, "-m", "arriero", "run", "gen", os.fsdecode(b"caf\xe9")]
        environ = {"OLLAMA_HOST": server.url, "LANG": "C.UTF-8"}
        done = subprocess.run(command, input=b"\xff", capture_output=True, env=environ, check=False)

    assert done.stdout == b"Yes.\n"
    assert server.asked[1].json()["prompt"] == "\ufffd caf\ufffd"


def test_characters_that_a_terminal_does_not_know_do_not_end_the_answer() -> None:
    lines = Told(lines=({"response": "5 €"}, {"response": "", "done": True}))
    with scripted_server({"POST /api/show": told(), "POST /api/generate": lines}) as server:
        environ = {"OLLAMA_HOST": server.url, "PYTHONIOENCODING": "ascii"}
        command = [sys.executable, "-m", "arriero", "run", "gen", "How much?"]
        done = subprocess.run(command, input=b"", capture_output=True, env=environ, check=False)

    assert done.stdout == b"5 ?\n"


def test_what_goes_elsewhere_than_to_the_terminal_is_no_conversation(url: str) -> None:
    master, slave = pty.openpty()
    try:
        command = [sys.executable, "-m", "arriero", "run", "gen"]
        done = subprocess.run(
            command, stdin=slave, capture_output=True, env={**os.environ, "OLLAMA_HOST": url}, check=True, timeout=15
        )
    finally:
        os.close(master)
        os.close(slave)
    assert done.stdout == b""


@pytest.mark.parametrize(("value", "keeps"), [("0", True), ("", True), ("1", False), ("yes", False)])
def test_a_history_is_kept_unless_it_is_refused(value: str, keeps: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_NOHISTORY", value)
    asked = Flags(None, None, None, "", None, False, False, False, False)
    assert _session("gen", asked).display.keeps_history is keeps


def test_what_was_left_out_of_a_conversation_is_told(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    turns = [{"role": "user", "content": "word " * 300}, {"role": "assistant", "content": "x"}]
    messages = [*turns, {"role": "user", "content": "hi"}]
    with Api({"OLLAMA_HOST": url}) as api:
        api.call(lambda client: client.chat("gen", messages=messages, options={"num_ctx": 128}))
    assert "note: the context is too small for all of it (dropped_messages=1" in capsys.readouterr().err
