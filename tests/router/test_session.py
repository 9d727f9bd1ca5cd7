import pytest

from arriero.router.session import Latch, SessionMemory, by_session, by_tool_loop
from arriero.router.settings import Sessions
from arriero.router.subject import Subject
from arriero.types.chat import Message, ToolCall
from arriero.types.routing import NO_WISH, Reason, Wish
from tests.router.factories_routing import subject, turns

USUAL = Sessions()
REMOTE, LOCAL = Latch("remote"), Latch("local")


def kept(latch: Latch | None, *, is_high: bool = False, settings: Sessions = USUAL, tokens: int = 0) -> Latch | None:
    return by_session(latch, is_high=is_high, subject=subject("x", prompt_tokens=tokens), settings=settings)


def found(memory: SessionMemory, asked: Subject, wish: Wish = NO_WISH) -> Latch | None:
    return memory.find(memory.marks(asked, wish), asked, wish)


def test_a_new_or_a_local_conversation_is_kept_nowhere() -> None:
    for latch in (None, LOCAL):
        assert kept(latch) is None
        assert kept(latch, is_high=True) is None


def test_a_remote_one_comes_down_after_so_many_low_scores_in_a_row() -> None:
    latch: Latch | None = REMOTE
    followed = []
    for is_high in (False, False, True, False, False, False):
        latch = kept(latch, is_high=is_high)
        assert latch
        followed.append(latch)

    assert [each.low_scores for each in followed[:-1]] == [1, 2, 0, 1, 2]
    assert followed[-1] == LOCAL


@pytest.mark.parametrize(("tokens", "stays_for"), [(0, 3), (3_999, 3), (4_000, 4), (12_000, 6), (100_000, 6)])
def test_a_long_conversation_is_worth_some_low_scores_more(tokens: int, stays_for: int) -> None:
    latch, low_scores = kept(REMOTE, tokens=tokens), 1
    while latch and latch.side == "remote":
        latch, low_scores = kept(latch, tokens=tokens), low_scores + 1

    assert low_scores == stays_for


def test_one_low_score_is_enough_where_the_user_says_so() -> None:
    assert kept(REMOTE, settings=Sessions(comes_down_after=1)) == LOCAL


def test_a_conversation_that_nobody_has_answered_is_nowhere() -> None:
    memory = SessionMemory(10)
    memory.remember(memory.marks(subject("hi"), NO_WISH), REMOTE)

    assert found(memory, subject("hi")) is None
    assert found(memory, subject("hi", "hello", "again")) == REMOTE


def test_conversations_that_begin_alike_are_told_apart_by_their_answers() -> None:
    memory = SessionMemory(10)
    for answer, latch in (("one", REMOTE), ("two", LOCAL)):
        marks = memory.marks(subject("hi"), NO_WISH)
        memory.remember(marks, latch)
        memory.answered(marks, Message("assistant", answer), latch)

    assert found(memory, subject("hi", "one", "and?")) == REMOTE
    assert found(memory, subject("hi", "two", "and?")) == LOCAL


def test_an_answer_that_a_client_has_trimmed_is_still_known() -> None:
    memory = SessionMemory(10)
    marks = memory.marks(subject("hi"), NO_WISH)
    memory.answered(marks, Message("assistant", " one\n"), REMOTE)
    memory.answered(marks, Message("assistant", "two"), LOCAL)

    assert found(memory, subject("hi", "one", "and?")) == REMOTE


def test_conversations_whose_answers_are_calls_are_told_apart_by_them() -> None:
    memory = SessionMemory(10)
    marks = memory.marks(subject("look"), NO_WISH)
    for place, latch in (("Lima", REMOTE), ("Oslo", LOCAL)):
        memory.remember(marks, latch)
        call = ToolCall("look", {"place": place, "far": True})
        memory.answered(marks, Message("assistant", "", tool_calls=(call,)), latch)

    for place, latch in (("Lima", REMOTE), ("Oslo", LOCAL)):
        # Clients give calls ids, and write their arguments in any order.
        call = ToolCall("look", {"far": True, "place": place}, "call_9")
        asked = Subject((*turns("look"), Message("assistant", "", tool_calls=(call,)), Message("tool", "sunny")))
        assert found(memory, asked) == latch


def test_a_session_that_has_a_name_is_known_by_it_and_by_its_key() -> None:
    memory, wish = SessionMemory(10), Wish(session="mine", keys=("k",))
    memory.remember(memory.marks(subject("hi"), wish), REMOTE)

    assert found(memory, subject("something else"), wish) == REMOTE
    assert found(memory, subject("hi"), Wish(session="mine", keys=("another",))) is None
    assert found(memory, subject("hi"), Wish(session="other", keys=("k",))) is None


def test_what_was_not_asked_for_the_longest_time_is_forgotten_first() -> None:
    memory = SessionMemory(2)
    for name in ("one", "two", "one", "three"):
        memory.remember(memory.marks(subject("hi"), Wish(session=name)), REMOTE)

    assert found(memory, subject("hi"), Wish(session="one")) == REMOTE
    assert found(memory, subject("hi"), Wish(session="two")) is None


def test_the_answer_of_a_tool_belongs_to_who_has_called_it() -> None:
    loop = Subject((*turns("look", "calls"), Message("tool", "sunny")))

    for latch in (REMOTE, LOCAL):
        verdict = by_tool_loop(latch, loop)
        assert verdict
        assert (verdict.side, verdict.reason) == (latch.side, Reason.TOOL_LOOP)
    assert by_tool_loop(None, loop) is None
    assert by_tool_loop(REMOTE, subject("look", "calls", "thanks")) is None
