import logging
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from arriero.errors import ConfigError, InvalidRequest
from arriero.router.decision_database import read_rows
from arriero.router.decision_log import DecisionLog, LogSettings
from arriero.router.decision_rows import DecisionRow, Outcome
from arriero.router.labels import export_jsonl, label, read_pairs
from arriero.router.pairs import Pair
from arriero.types.routing import Reason, Score
from tests.documents import ROOT
from tests.router.factories_decisions import NOON_S, decision, row

DAY_S = 86_400.0
IMPATIENT = LogSettings(busy_timeout_s=0.01)
KEEPING = LogSettings(keeps_prompts_of=frozenset({"smart"}))
PAIR = Pair(NOON_S, "smart", "Where is Lima?", "In Peru.", "In Peru, on the coast.", score=0.3, scorer="linear")


def log_at(path: Path, settings: LogSettings | None = None, now_s: float = NOON_S) -> DecisionLog:
    return DecisionLog(path, settings or LogSettings(), lambda: now_s)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new" / "decisions.sqlite"


def written(path: Path, *rows: DecisionRow, settings: LogSettings | None = None) -> list[DecisionRow]:
    log = log_at(path, settings)
    for each in rows:
        log.write(each)
    log.close()
    assert log.dropped == 0
    return read_rows(path)


def test_a_decision_is_read_as_it_was_written(path: Path) -> None:
    score = Score(0.7, "judge", 40.0, "COMPLEX", ("cached", "bounded"))
    made = row(decision("remote", score=score, chosen="local"), is_shadow=True)

    (found,) = written(path, made, settings=KEEPING)

    assert msgspec.structs.replace(found, prompt_hash="", session=made.session) == made


def test_a_decision_without_a_score_has_none(path: Path) -> None:
    (found,) = written(path, row(decision(reason=Reason.FORCED, score=None)))

    assert found.decision == decision(reason=Reason.FORCED, score=None)


def test_an_outcome_is_filled_in(path: Path) -> None:
    log = log_at(path)
    first, second = (log.write(row(decision())) for _ in range(2))
    outcome = Outcome(30.0, 90.0, 12, 34, "stop", second_look="empty")
    log.finish(second, outcome)
    log.close()

    assert first != second
    assert [found.outcome for found in read_rows(path)] == [None, outcome]


def test_who_answers_in_the_end_takes_the_place_of_who_was_chosen(path: Path) -> None:
    log = log_at(path)
    answered = decision("remote", reason=Reason.FAILOVER, chosen="local")
    log.finish(log.write(row(decision("local"))), Outcome(answered=answered))
    log.close()

    (found,) = read_rows(path)
    assert found.decision == answered


def test_prompts_and_sessions_are_only_hashes_unless_prompts_are_kept(path: Path) -> None:
    first, second = written(path, row(decision()), row(decision()))

    assert (first.prompt, len(first.prompt_hash), len(first.session)) == ("", 64, 64)
    assert (first.prompt_hash, first.session) == (second.prompt_hash, second.session)
    for file in path.parent.iterdir():
        assert b"Lima" not in file.read_bytes()
        assert b"conversation" not in file.read_bytes()


def test_prompts_are_kept_of_those_routers_only_that_shall(path: Path) -> None:
    other = msgspec.structs.replace(row(decision()), router="other")

    found = written(path, row(decision()), other, settings=KEEPING)

    assert [each.prompt for each in found] == ["Where is Lima?", ""]


def test_hashes_of_two_logs_tell_nothing_of_each_other(tmp_path: Path) -> None:
    (one,) = written(tmp_path / "one", row(decision()))
    (two,) = written(tmp_path / "two", row(decision()))

    assert one.prompt_hash != two.prompt_hash


def test_half_a_character_is_written_as_a_question_mark(path: Path) -> None:
    (found,) = written(path, msgspec.structs.replace(row(decision()), prompt="a\ud800b"), settings=KEEPING)

    assert found.prompt == "a?b"


def test_only_its_owner_may_read_it(path: Path) -> None:
    path.parent.mkdir()
    path.touch(mode=0o644)
    log = log_at(path)
    log.write(row(decision()))

    assert {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()} == {0o600}
    log.close()


def test_it_goes_on_where_it_stopped(path: Path) -> None:
    written(path, row(decision()))
    first, second = written(path, row(decision()))

    assert first.prompt_hash == second.prompt_hash


def test_only_what_is_new_enough_is_read(path: Path) -> None:
    written(path, row(decision(), at_s=NOON_S - 10), row(decision(), at_s=NOON_S))

    assert [found.at_s for found in read_rows(path, NOON_S - 5)] == [NOON_S]


def test_it_is_read_while_somebody_writes(path: Path) -> None:
    written(path, row(decision()))
    with closing(sqlite3.connect(path)) as writing:
        writing.execute("DELETE FROM decisions")

        assert len(read_rows(path)) == 1


def test_what_a_killed_server_has_written_is_there(path: Path) -> None:
    written(path, row(decision()))
    script = (
        "import os, sqlite3, sys; connection = sqlite3.connect(sys.argv[1]);"
        "connection.execute('UPDATE decisions SET model = ?', ('other',)); connection.commit(); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", script, path], check=False)

    assert path.with_name(f"{path.name}-wal").exists()
    assert [found.decision.model for found in read_rows(path)] == ["other"]


def test_a_script_that_ends_without_closing_it_loses_nothing(path: Path) -> None:
    script = (
        "import pathlib, sys; from arriero.router.decision_log import DecisionLog;"
        "from tests.router.factories_decisions import decision, row;"
        "DecisionLog(pathlib.Path(sys.argv[1]), clock_s=lambda: 0).write(row(decision()))"
    )
    subprocess.run([sys.executable, "-c", script, path], check=True, cwd=ROOT)

    assert len(read_rows(path)) == 1


def test_where_there_is_no_log_there_are_no_decisions(path: Path) -> None:
    assert read_rows(path) == []
    assert read_pairs(path) == []
    assert not path.exists()


def test_what_is_too_old_is_removed_at_the_start(path: Path) -> None:
    written(path, row(decision(), at_s=NOON_S - 31 * DAY_S), row(decision()))
    log = log_at(path)
    log.write(row(decision(), at_s=NOON_S + 1))
    log.close()

    assert [found.at_s for found in read_rows(path)] == [NOON_S, NOON_S + 1]


def test_the_oldest_are_removed_beyond_a_size(path: Path) -> None:
    settings = LogSettings(max_bytes=200_000)
    written(path, *(row(decision(), at_s=NOON_S + n) for n in range(2_000)), settings=settings)

    found = read_rows(path)
    assert 0 < len(found) < 2_000
    assert found[-1].at_s == NOON_S + 1_999
    assert path.stat().st_size <= 200_000


def test_another_process_that_writes_costs_decisions_and_one_warning(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    written(path)
    with closing(sqlite3.connect(path)) as other:
        other.execute("BEGIN IMMEDIATE")
        log = log_at(path, IMPATIENT)
        log.finish(log.write(row(decision())), Outcome())
        log.close()

    assert log.dropped == 2
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


def test_what_cannot_be_a_database_costs_one_warning(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path.parent.mkdir()
    path.write_bytes(b"something else " * 100)
    log = log_at(path)
    log.write(row(decision()))
    log.close()

    assert log.dropped == 1
    assert [record.message for record in caplog.records] == ["decisions cannot be written down"]
    with pytest.raises(ConfigError, match="cannot be read: file is not a database"):
        read_rows(path)


def test_a_directory_is_left_as_it_is(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path.mkdir(parents=True, mode=0o755)
    log = log_at(path)
    log.close()

    assert stat.S_IMODE(path.stat().st_mode) == 0o755
    assert len(caplog.records) == 1


def test_what_comes_too_fast_is_lost(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    log = log_at(path, LogSettings(most_waiting=0))
    log.write(row(decision()))
    log.write(row(decision()))
    log.close()

    assert (log.dropped, len(caplog.records)) == (2, 1)


async def test_after_the_end_nothing_is_written(path: Path) -> None:
    log = log_at(path)
    await log.aclose()
    log.write(row(decision()))
    await log.aclose()

    assert (log.dropped, read_rows(path)) == (1, [])


def test_a_log_of_a_newer_version_is_left_alone(path: Path) -> None:
    written(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")

    for use in (log_at, read_rows, read_pairs):
        with pytest.raises(ConfigError, match=r"version 99, known is 1\): update arriero, or move the file away"):
            use(path)


def test_a_reason_that_is_not_known_is_passed_over(path: Path) -> None:
    written(path, row(decision()))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE decisions SET reason = 'by magic'")
        connection.commit()

    assert read_rows(path) == []


def with_pair(path: Path, settings: LogSettings | None = None) -> Pair:
    log = log_at(path, settings)
    log.write_pair(PAIR)
    log.close()
    (found,) = read_pairs(path)
    return found


def test_of_two_answers_only_the_lengths_are_kept(path: Path) -> None:
    found = with_pair(path)

    assert (found.prompt, found.local_answer, found.remote_answer) == ("", "", "")
    assert (found.local_chars, found.remote_chars, found.score) == (8, 22, 0.3)


def test_pairs_that_somebody_has_judged_are_what_weights_are_fitted_to(path: Path) -> None:
    found = with_pair(path, KEEPING)
    assert list(export_jsonl(path)) == []

    label(path, found.id, local_quality=0.5, remote_quality=1.0)

    (line,) = export_jsonl(path)
    expected = {"prompt": PAIR.prompt, "q_local": 0.5, "q_remote": 1.0, "gain": 0.5, "score": 0.3, "scorer": "linear"}
    assert msgspec.json.decode(line) == expected


def test_without_its_prompt_a_pair_teaches_nothing(path: Path) -> None:
    found = with_pair(path)
    label(path, found.id, local_quality=0.0, remote_quality=1.0)

    assert list(export_jsonl(path)) == []


def test_what_somebody_has_judged_is_kept(path: Path) -> None:
    found = with_pair(path, KEEPING)
    label(path, found.id, local_quality=0.0, remote_quality=1.0)
    log = log_at(path, LogSettings(max_bytes=0), now_s=NOON_S + 100 * DAY_S)
    log.write_pair(PAIR)
    log.close()

    assert [each.id for each in read_pairs(path)] == [found.id]


def test_a_pair_that_is_not_there_cannot_be_judged(path: Path) -> None:
    with_pair(path)

    for wrong in (path, path.with_name("nothing")):
        with pytest.raises(InvalidRequest, match="has no pair 7"):
            label(wrong, 7, local_quality=0.0, remote_quality=1.0)
    with pytest.raises(InvalidRequest, match="from 0"):
        label(path, 1, local_quality=0.0, remote_quality=1.5)
