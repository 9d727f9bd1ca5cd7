from pathlib import Path

from tests.cli.commands import arriero
from tests.cli.servers import Told, scripted_server
from tests.cli.terminals import CTRL_C, at_terminal

DIGEST = "sha256:74701a8c35f6c8d9" + "0" * 48
PULLED = (
    {"status": "pulling manifest"},
    {"status": "pulling 74701a8c35f6", "digest": DIGEST, "total": 10},
    {"status": "pulling 74701a8c35f6", "digest": DIGEST, "total": 10, "completed": 5},
    {"status": "pulling 74701a8c35f6", "digest": DIGEST, "total": 10, "completed": 10},
    {"status": "verifying sha256 digest"},
    {"status": "writing manifest"},
    {"status": "success"},
)


def test_pull_tells_each_step_once() -> None:
    with scripted_server({"POST /api/pull": Told(lines=PULLED)}) as server:
        done = arriero(server.url, "pull", "qwen3:0.6b")

    assert done.stderr.splitlines() == [
        "pulling manifest",
        "pulling 74701a8c35f6",
        "verifying sha256 digest",
        "writing manifest",
        "success",
    ]
    assert done.stdout == ""
    assert server.asked[0].json() == {"model": "qwen3:0.6b", "insecure": False, "stream": True}


def test_an_error_in_the_stream_is_the_commands() -> None:
    lines = ({"status": "pulling manifest"}, {"error": "pull model manifest: file does not exist"})
    with scripted_server({"POST /api/pull": Told(lines=lines)}) as server:
        done = arriero(server.url, "pull", "nope-does-not-exist")

    assert str(done.exception) == "pull model manifest: file does not exist"


def test_push() -> None:
    lines = ({"status": "retrieving manifest"}, {"status": "pushing manifest"}, {"status": "success"})
    with scripted_server({"POST /api/push": Told(lines=lines)}) as server:
        done = arriero(server.url, "push", "me/mine", "--insecure")

    assert done.stderr.splitlines() == [line["status"] for line in lines]
    assert server.asked[0].json() == {"model": "me/mine", "insecure": True, "stream": True}


def test_at_a_terminal_there_is_a_bar_for_each_blob(tmp_path: Path) -> None:
    with (
        scripted_server({"POST /api/pull": Told(lines=PULLED)}) as server,
        at_terminal(server.url, tmp_path, "pull", "qwen3:0.6b") as terminal,
    ):
        assert terminal.end() == 0

    lines = terminal.screen.splitlines()
    assert lines[-3:] == ["verifying sha256 digest", "writing manifest", "success"]
    assert lines[-4].startswith("pulling 74701a8c35f6 ━━━━")
    assert "pulling manifest" in lines


def test_ctrl_c_ends_a_pull_without_a_word(tmp_path: Path) -> None:
    with (
        scripted_server({"POST /api/pull": Told(lines=PULLED[:3], hangs=True)}) as server,
        at_terminal(server.url, tmp_path, "pull", "qwen3:0.6b") as terminal,
    ):
        terminal.expect("pulling 74701a8c35f6")
        terminal.type(CTRL_C)
        assert terminal.end() == 130
    assert "Traceback" not in terminal.raw
