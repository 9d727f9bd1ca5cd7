import json
from collections.abc import Callable, Sequence

import pytest

from arriero.errors import (
    ArrieroError,
    EngineDied,
    EngineFailed,
    EngineUnreachable,
    InvalidRequest,
    PromptTooLong,
)
from arriero.runners.balance import Candidate, Health, Retry, after_failure, choose, retry_after
from arriero.runners.prefixes import Prefixes, marks_of_body
from arriero.types.chat import ChatPrompt, Message, TextPrompt
from arriero.types.marks import marks_of

NOW_S = 100.0
REFUSED = EngineUnreachable("refused")
BROKEN = EngineFailed("broken")


def busy(key: str, in_flight: int = 0, last_asked: int = 0, out_until_s: float = 0.0, **more: bool) -> Candidate:
    return Candidate(key, in_flight, last_asked, out_until_s, **more)


def chosen(*candidates: Candidate, preferred: str | None = None) -> str | None:
    found = choose(candidates, preferred, NOW_S)
    return found.key if found else None


def test_the_idlest_answers() -> None:
    assert chosen(busy("a", 2), busy("b", 1), busy("c", 3)) == "b"


def test_servers_that_are_equally_idle_take_turns() -> None:
    assert chosen(busy("a", last_asked=2), busy("b", last_asked=1)) == "b"


def test_nobody_answers_where_there_is_nobody() -> None:
    assert chosen() is None


def test_a_conversation_returns_to_where_its_cache_is() -> None:
    assert chosen(busy("a"), busy("b", 4), preferred="b") == "b"


def test_a_conversation_goes_elsewhere_rather_than_wait_behind_many() -> None:
    assert chosen(busy("a"), busy("b", 5), preferred="b") == "a"
    assert chosen(busy("a", 10), busy("b", 24), preferred="b") == "b"


def test_one_that_is_left_alone_is_not_asked() -> None:
    assert chosen(busy("a", out_until_s=NOW_S + 1), busy("b", 9)) == "b"
    assert chosen(busy("a", out_until_s=NOW_S + 1), busy("b", 9), preferred="a") == "b"
    assert chosen(busy("a", out_until_s=NOW_S), busy("b", 9)) == "a"


def test_where_all_are_left_alone_those_are_asked_that_can_be_reached() -> None:
    away = busy("a", out_until_s=NOW_S + 1, is_reachable=False)
    poor = [busy("b", 3, out_until_s=NOW_S + 9), busy("c", 2, out_until_s=NOW_S + 8)]

    assert chosen(away, *poor) == "c"


def test_where_none_can_be_reached_the_first_to_return_is_asked() -> None:
    later = busy("a", out_until_s=NOW_S + 2, is_reachable=False)
    assert chosen(later, busy("b", 9, out_until_s=NOW_S + 1, is_reachable=False)) == "b"


def test_one_that_cannot_be_reached_is_left_alone_at_once_and_longer_each_time() -> None:
    health = Health()
    pauses = []
    for _ in range(7):
        health = after_failure(health, REFUSED, NOW_S)
        pauses.append(health.out_until_s - NOW_S)

    assert pauses == [1, 2, 4, 8, 16, 30, 30]
    assert health.error == "refused"
    assert after_failure(Health(100_000), REFUSED, NOW_S).out_until_s == NOW_S + 30


def test_one_broken_answer_may_be_the_requests_fault_three_are_not() -> None:
    health = after_failure(after_failure(Health(), BROKEN, NOW_S), BROKEN, NOW_S)
    assert health.out_until_s == 0.0

    assert after_failure(health, BROKEN, NOW_S).out_until_s == NOW_S + 4


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (EngineUnreachable("refused"), Retry.YES),
        (EngineFailed("busy", 503), Retry.YES),
        (EngineFailed("too many", 429), Retry.YES),
        (EngineFailed("bad gateway", 502), Retry.YES),
        (EngineDied("gone"), Retry.ONCE),
        (EngineFailed("internal", 500), Retry.ONCE),
        (EngineFailed("not here any more", 404), Retry.YES),
        (EngineFailed("cannot embed", 501), Retry.NO),
        (EngineFailed("bad request", 400), Retry.NO),
        (PromptTooLong(9, 8), Retry.NO),
        (InvalidRequest("no"), Retry.NO),
    ],
    ids=str,
)
def test_only_faults_of_the_server_are_asked_again(error: ArrieroError, expected: Retry) -> None:
    assert retry_after(error) is expected


def turns(*texts: str) -> Sequence[int]:
    return marks_of(ChatPrompt(tuple(Message("user", text) for text in texts)))


def body(*texts: str) -> Sequence[int]:
    return marks_of_body(json.dumps({"model": "m", "messages": [{"content": text} for text in texts]}).encode())


@pytest.mark.parametrize("marks", [turns, body])
def test_the_longest_beginning_of_a_conversation_counts(marks: Callable[..., Sequence[int]]) -> None:
    prefixes = Prefixes()
    prefixes.remember(marks("system", "a"), "one")
    prefixes.remember(marks("system", "a", "b", "c"), "two")

    assert prefixes.find(marks("system", "a", "b", "c", "d", "e")) == "two"
    assert prefixes.find(marks("system", "a", "other")) == "one"
    assert prefixes.find(marks("system")) is None


def test_what_is_no_conversation_is_not_remembered() -> None:
    prefixes = Prefixes()
    for marks in (marks_of(TextPrompt("hi")), marks_of_body(b'{"prompt": "hi"}'), marks_of_body(b"{")):
        prefixes.remember(marks, "one")
        assert prefixes.find(marks) is None


def test_what_is_old_is_forgotten() -> None:
    prefixes = Prefixes(most=2)
    for text in "abc":
        prefixes.remember(turns(text), text)

    assert [prefixes.find(turns(text)) for text in "abc"] == [None, "b", "c"]
