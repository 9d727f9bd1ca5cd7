import json
from pathlib import Path

import pytest

from tests.cli.commands import arriero
from tests.cli.servers import Told, in_thread, scripted_server
from tests.serving_routers import running_router

NOBODY = "http://127.0.0.1:1"
HARD = "Prove by induction that the sum of the first n odd numbers is n squared, and explain every step of it."


def test_the_stage_that_is_heard_is_marked(tmp_path: Path) -> None:
    with in_thread(running_router(tmp_path)) as server:
        head, *lines = arriero(server.url, "route", "explain", HARD).stdout.splitlines()

    assert head.split() == ["STAGE", "SIDE", "SAYS"]
    assert [line.split()[:3] for line in lines if line.startswith("*")] == [["*", "threshold", "remote"]]
    assert lines[-1] == "the remote model would answer: sys (reason: score)"


def test_it_speaks_json(tmp_path: Path) -> None:
    with in_thread(running_router(tmp_path)) as server:
        told = json.loads(arriero(server.url, "route", "explain", "Hi", "--force", "remote", "--json").stdout)

    assert told["decision"]["side"] == "remote"
    assert told["decision"]["reason"] == "forced"


def test_a_conversation_comes_from_a_file(tmp_path: Path) -> None:
    turns = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    for content in (turns, {"model": "x", "messages": turns}):
        file = tmp_path / "turns.json"
        file.write_text(json.dumps(content))
        body = {"model": "smart", "stages": [], "decision": {"side": "local", "model": "m", "reason": "score"}}
        with scripted_server({"POST /api/router/explain": Told(200, json.dumps(body).encode())}) as server:
            result = arriero(server.url, "route", "explain", "And now?", "--messages", str(file))
        assert result.exit_code == 0, result.output
        sent = server.asked[0].json()["messages"]
        assert [turn["content"] for turn in sent] == ["Hi", "Hello", "And now?"]


def test_without_a_server_rules_and_the_linear_scorer_speak(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(
        '[router.smart]\nlocal = "small"\nremote = "big"\njudge = "small"\nthreshold = 0.9999\n'
        '[[router.smart.rules]]\nname = "money"\nroute = "private"\nkeywords = ["salary"]\n'
    )
    result = arriero(NOBODY, "route", "explain", HARD, ARRIERO_HOME=str(tmp_path))
    private = arriero(NOBODY, "route", "explain", "--offline", "My salary", ARRIERO_HOME=str(tmp_path))

    assert "start it with: arriero serve" in result.stderr
    assert result.stdout.splitlines()[-1] == "the local model would answer: small (reason: score)"
    assert private.stderr == ""
    assert "nobody else, whatever fails" in private.stdout
    assert "money" in private.stdout


def test_offline_a_name_may_force_a_side_and_a_router_need_not_be_known(tmp_path: Path) -> None:
    result = arriero(NOBODY, "route", "explain", "--offline", "--model", "any:Local", "Hi", ARRIERO_HOME=str(tmp_path))

    assert result.stdout.splitlines()[-1].startswith("the local model would answer: its local model (reason: forced)")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "what shall be explained?"),
        (("--model", "gen", "Hi"), "is no router"),
        (("--model", "nope", "Hi"), "not found"),
        (("--messages", "broken.json"), "has no messages"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    broken = tmp_path / "broken.json"
    broken.write_text('{"messages": 1}')
    given = [str(broken) if each == broken.name else each for each in arguments]
    with in_thread(running_router(tmp_path)) as server:
        assert words in str(arriero(server.url, "route", "explain", *given).exception)


def test_another_kind_of_server_is_named() -> None:
    with scripted_server({}) as server:
        assert "has no routers" in str(arriero(server.url, "route", "explain", "Hi").exception)
