"""``arriero route stats``, ``calibrate``, ``pairs``, ``label``, ``export``, ``eval`` and ``fit``."""

import json
import math
import random
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import Result

from arriero.router.calibration import Platt
from arriero.router.decision_log import DecisionLog, LogSettings
from arriero.router.decision_rows import DecisionRow, Outcome
from arriero.router.pairs import Pair
from arriero.router.tuning import Tuning, load_tuning, save_tuning, tuning_file
from arriero.types.routing import Decision, Reason, Score, Side
from tests.cli.commands import arriero
from tests.cli.servers import in_thread
from tests.serving_routers import running_router

NOBODY = "http://127.0.0.1:1"
CONFIG = '[router.smart]\nlocal = "small"\nremote = "big"\nprice_in = 1.0\nprice_out = 2.0\n'


def route(home: Path, *arguments: str, url: str = NOBODY) -> Result:
    return arriero(url, "route", *arguments, ARRIERO_HOME=str(home))


def logged(home: Path, probabilities: Sequence[float], router: str = "smart", scorer: str = "linear") -> None:
    log = DecisionLog(home / "decisions.db", LogSettings(frozenset({"smart"})))
    for value in probabilities:
        side: Side = "remote" if value >= 0.5 else "local"
        decision = Decision(side, side, Reason.SCORE, score=Score(value, scorer, 0.1), threshold=0.5, took_ms=0.2)
        log.finish(log.write(DecisionRow(time.time(), router, decision)), Outcome(5.0, 9.0, 10, 20, "stop"))
    log.close()


def paired(home: Path, prompts: Sequence[str]) -> None:
    log = DecisionLog(home / "decisions.db", LogSettings(frozenset({"smart"})))
    for prompt in prompts:
        log.write_pair(Pair(time.time(), "smart", prompt, "here", "there", score=0.4, scorer="linear"))
    log.close()


def labels(home: Path, count: int = 60) -> str:
    """A file of prompts, of which the remote model answers the long ones better."""
    draw = random.Random(4)
    words = ["river", "prime", "matrix", "tango", "poem", "cheese", "integral", "proof", "orbit", "lemon"]
    path = home / "labels.jsonl"
    with path.open("w") as file:
        for number in range(count):
            hard = number % 2
            prompt = " ".join(draw.choices(words, k=3 + 20 * hard))
            file.write(json.dumps({"prompt": prompt, "q_local": 0.5, "q_remote": 0.5 + 0.4 * hard}) + "\n")
    return str(path)


@pytest.mark.parametrize("command", ["explain", "stats", "calibrate", "pairs", "label", "export", "fit", "eval"])
def test_help_is_there(tmp_path: Path, command: str) -> None:
    assert route(tmp_path, command, "--help").output.startswith(f"Usage: cli route {command}")


def test_stats_tell_of_every_router_and_its_costs(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(CONFIG)
    logged(tmp_path, [0.2, 0.3, 0.9])
    logged(tmp_path, [0.9], router="other")

    both = route(tmp_path, "stats").stdout
    one = json.loads(route(tmp_path, "stats", "--router", "Smart", "--json").stdout)

    assert "smart: 3 decisions" in both
    assert "other: 1 decisions" in both
    assert list(one) == ["smart"]
    assert one["smart"]["sides"][1]["cost"] == pytest.approx(50e-6)


def test_stats_of_nothing_say_so(tmp_path: Path) -> None:
    logged(tmp_path, [0.2])

    assert "nothing is written down" in route(tmp_path / "empty", "stats").stderr
    assert "nothing is written down" in route(tmp_path, "stats", "--since", "0s").stderr
    assert "no router is called 'nope'; there are: smart" in str(route(tmp_path, "stats", "--router", "nope").exception)
    assert "write 90m, 24h or 7d" in route(tmp_path, "stats", "--since", "soon").stderr


def test_calibrate_writes_a_threshold(tmp_path: Path) -> None:
    logged(tmp_path, [number / 1000 for number in range(1000)])

    result = route(tmp_path, "calibrate", "--remote-share", "30%")

    assert result.exit_code == 0, result.output
    first, windows, written = result.stdout.splitlines()
    assert first == "smart: threshold 0.7000, which 30.0 % of 1000 scores reach"
    assert windows.strip() == "of the last 5 times 200 requests it would have sent 0.0 % to 100.0 %"
    assert str(tuning_file(tmp_path, "smart")) in written
    assert load_tuning(tuning_file(tmp_path, "smart")) == Tuning(0.7)


def test_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    logged(tmp_path, [0.1, 0.9])

    result = route(tmp_path, "calibrate", "--remote-share", "0.5", "--dry-run", "--json")

    assert json.loads(result.stdout)["tuning"]["threshold"] == 0.9
    assert json.loads(result.stdout)["file"] is None
    assert not tuning_file(tmp_path, "smart").exists()


def test_few_scores_are_called_few_and_the_configuration_wins(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(CONFIG + "threshold = 0.6\n")
    logged(tmp_path, [0.1, 0.9])
    logged(tmp_path, [0.4] * 9, scorer="judge")

    output = route(tmp_path, "calibrate", "--remote-share", "50%").stdout

    assert "of 2 scores" in output
    assert "little to go by" in output
    assert "threshold = 0.6, and that wins" in output


def test_labels_make_probabilities_of_scores_and_leave_other_scorers_as_they_were(tmp_path: Path) -> None:
    judge = Platt(0.5, 0.1)
    save_tuning(tuning_file(tmp_path, "smart"), Tuning(0.9, {"judge": judge}))
    logged(tmp_path, [0.1, 0.9])

    result = route(tmp_path, "calibrate", "--labels", labels(tmp_path), "--remote-share", "30%")

    assert "linear is calibrated on 60 labels" in result.stdout
    tuning = load_tuning(tuning_file(tmp_path, "smart"))
    assert set(tuning.calibrations) == {"linear", "judge"}
    assert tuning.calibrations["judge"] == judge


def test_a_scorer_that_tells_nothing_of_the_labels_is_left_alone(tmp_path: Path) -> None:
    logged(tmp_path, [0.1, 0.9])
    file = tmp_path / "labels.jsonl"
    lines = (
        {"prompt": "p", "gain": number % 2, "score": 0.9 - 0.01 * (number % 2), "scorer": "judge"}
        for number in range(40)
    )
    file.write_text("".join(f"{json.dumps(line)}\n" for line in lines))

    result = route(tmp_path, "calibrate", "--labels", str(file))

    assert "it is left alone" in result.stdout
    assert load_tuning(tuning_file(tmp_path, "smart")) == Tuning()


def test_the_server_scores_labels_for_its_own_scorer(tmp_path: Path) -> None:
    logged(tmp_path, [0.1])
    with in_thread(running_router(tmp_path / "server")) as server:
        arguments = ("calibrate", "--router", "smart", "--labels", labels(tmp_path), "--server")
        result = route(tmp_path, *arguments, url=server.url)

    assert "linear is calibrated on 60 labels" in result.stdout
    assert "the threshold is 0.5" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("calibrate",), "say what to set"),
        (("calibrate", "--remote-share", "30%"), "there is no router"),
        (("eval",), "give a file of labels, or --from-log"),
        (("eval", "--from-log"), "arriero route pairs"),
        (("pairs", "7"), "no pair 7"),
        (("label", "7", "--local", "1", "--remote", "0"), "no pair 7"),
    ],
)
def test_errors_say_what_to_do(tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    assert words in str(route(tmp_path, *arguments).exception)


def test_pairs_are_listed_shown_labelled_and_exported(tmp_path: Path) -> None:
    paired(tmp_path, ["What is a mule?", "Where is Lima?"])

    listed = route(tmp_path, "pairs").stdout.splitlines()
    assert [line.split()[0] for line in listed] == ["ID", "1", "2"]
    assert listed[1].endswith("What is a mule?")
    assert route(tmp_path, "pairs", "2").stdout == "PROMPT\nWhere is Lima?\n\nLOCAL\nhere\n\nREMOTE\nthere\n"

    told = route(tmp_path, "label", "1", "--local", "0.4", "--remote", "0.9").stdout
    assert told == "pair 1: the remote answer is better by 0.5\n"
    assert [line.split()[0] for line in route(tmp_path, "pairs").stdout.splitlines()] == ["ID", "2"]
    assert len(route(tmp_path, "pairs", "--all").stdout.splitlines()) == 3
    (line,) = route(tmp_path, "export", "--pairs").stdout.splitlines()
    assert json.loads(line)["prompt"] == "What is a mule?"
    assert json.loads(line)["gain"] == pytest.approx(0.5)


def test_decisions_are_exported_a_line_each(tmp_path: Path) -> None:
    logged(tmp_path, [0.2, 0.9])

    lines = [json.loads(line) for line in route(tmp_path, "export").stdout.splitlines()]

    assert [line["decision"]["side"] for line in lines] == ["local", "remote"]


def test_scorers_are_measured_beside_the_length(tmp_path: Path) -> None:
    head, columns, length, linear, *_ = route(tmp_path, "eval", labels(tmp_path)).stdout.splitlines()

    assert head == "60 labels"
    assert columns.split()[0] == "SCORER"
    assert length.split()[:2] == ["length", "0.750"]
    assert linear.split()[0] == "linear"


def test_a_router_of_the_server_is_measured_too(tmp_path: Path) -> None:
    with in_thread(running_router(tmp_path / "server")) as server:
        arguments = ("eval", labels(tmp_path), "--scorer", "linear", "--server", "smart", "--json")
        linear, smart = json.loads(route(tmp_path, *arguments, url=server.url).stdout)

    assert (linear["scorer"], smart["scorer"]) == ("linear", "smart")
    measures = (each["evaluation"]["measures"]["apgr"] for each in (linear, smart))
    assert math.isclose(*measures, abs_tol=0.01)


def test_fit_trains_measures_and_says_how_to_use_it(tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    weights = tmp_path / "w.json"

    result = route(tmp_path, "fit", labels(tmp_path), "-o", str(weights))

    assert result.exit_code == 0, result.exception
    assert [line.split()[0] for line in result.stdout.splitlines()[1:5]] == ["SCORER", "length", "linear", "fitted"]
    assert f'weights = "{weights}"' in result.stdout
    measured = json.loads(route(tmp_path, "eval", labels(tmp_path), "--weights", str(weights), "--json").stdout)
    assert [each["scorer"] for each in measured] == ["length", "linear", "fitted"]
