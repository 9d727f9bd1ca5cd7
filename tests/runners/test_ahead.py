"""The local answer that is begun while the judge thinks."""

import asyncio
import itertools
from contextlib import AsyncExitStack
from typing import Any

import pytest

from arriero.engines.fake import Script
from arriero.errors import EngineUnreachable, LoadFailed
from arriero.router.scoring import ScorerFailed
from arriero.router.settings import Prices
from arriero.runners.ahead import Ahead
from arriero.runners.carrier import Answer
from arriero.types.events import EventStream, TextDelta
from arriero.types.routing import Reason
from tests.router.factories_routing import LOCAL, REMOTE, by_word, subject
from tests.runners.routers import Bench, ThinkingScorer, bench, chat, gone
from tests.serving import until


# The caller names fields of RouterSettings.
def thinking(**changes: Any) -> tuple[Bench, ThinkingScorer]:
    """A router whose judge thinks until it is told to go on, and whose local model is loaded."""
    scorer = ThinkingScorer(gate=asyncio.Event())
    made = bench(scorer, **changes)
    made.carrier.loaded[LOCAL] = 4096
    return made, scorer


async def begun_ahead(made: Bench, scorer: ThinkingScorer, text: str) -> "asyncio.Task[str]":
    """A question whose local answer has begun, and the judge still thinks."""

    async def ask() -> str:
        return (await made.ask(text)).text

    asking = asyncio.create_task(ask())
    await until(made.local, lambda: made.local.running == 1)
    assert scorer.gate
    assert not scorer.gate.is_set()
    return asking


def say(scorer: ThinkingScorer) -> None:
    assert scorer.gate
    scorer.gate.set()


async def test_on_simple_what_was_begun_is_the_answer() -> None:
    made, scorer = thinking()
    asking = await begun_ahead(made, scorer, "easy")
    say(scorer)

    assert await asking == "small talk"
    assert made.carrier.asked == [LOCAL]
    assert (made.local.cancelled, made.carrier.held) == (0, 0)


@pytest.mark.parametrize("pieces", [(), (("small",),)])
async def test_on_complex_it_is_stopped_and_given_back_before_the_other_side_is_asked(
    pieces: tuple[tuple[str]],
) -> None:
    made, scorer = thinking()
    made.local.script = Script(pieces, hang=True)
    asking = await begun_ahead(made, scorer, "hard")
    say(scorer)

    assert await asking == "big words"
    assert made.carrier.asked == [LOCAL, REMOTE]
    assert (made.local.cancelled, made.local.running, made.carrier.held, made.carrier.most_held) == (1, 0, 0, 1)


async def test_a_client_that_goes_away_while_the_judge_thinks_leaves_nothing_running() -> None:
    made, scorer = thinking()
    made.local.script = Script((("small",),), hang=True)
    asking = await begun_ahead(made, scorer, "hard")
    await gone(asking)

    assert (made.local.cancelled, made.local.running, made.carrier.held) == (1, 0, 0)
    assert made.carrier.asked == [LOCAL]


async def test_a_client_that_goes_away_while_it_is_stopped_has_nobody_asked() -> None:
    made, scorer = thinking()
    made.local.script = Script((("small",),), hang=True)
    asking = await begun_ahead(made, scorer, "hard")
    made.carrier.ending = asyncio.Event()
    say(scorer)
    await asyncio.wait_for(made.carrier.is_ending.wait(), 1)
    asking.cancel()
    made.carrier.ending.set()
    await asyncio.wait({asking})

    assert asking.cancelled()
    assert made.carrier.asked == [LOCAL]
    assert (made.carrier.held, made.local.running) == (0, 0)


async def test_a_client_that_goes_away_while_its_first_word_is_waited_for_leaves_nothing_running() -> None:
    made, scorer = thinking()
    made.local.script = Script((), hang=True)
    asking = await begun_ahead(made, scorer, "easy")
    say(scorer)
    await turns_of_the_loop(5)
    await gone(asking)

    assert (made.local.cancelled, made.local.running, made.carrier.held) == (1, 0, 0)


async def test_a_judge_that_has_no_score_has_what_was_begun_stopped() -> None:
    made, scorer = thinking()
    scorer.error = ScorerFailed("slow", "timeout")
    made.local.script = Script((("small",),), hang=True)
    asking = await begun_ahead(made, scorer, "hard")
    say(scorer)
    await asyncio.wait({asking})

    assert isinstance(asking.exception(), ScorerFailed)
    assert (made.local.cancelled, made.carrier.held) == (1, 0)


@pytest.mark.parametrize(("text", "reason"), [("easy", Reason.FAILOVER), ("hard", Reason.SCORE)])
@pytest.mark.parametrize("error", [LoadFailed("no memory"), EngineUnreachable("connection refused")])
async def test_one_that_cannot_begin_is_a_failure_only_where_it_is_wanted(
    text: str, reason: Reason, error: LoadFailed
) -> None:
    made, scorer = thinking()
    made.fails(LOCAL, error)
    asking = asyncio.create_task(made.ask(text))
    await asyncio.wait_for(made.carrier.began.wait(), 1)
    say(scorer)
    told = await asking

    assert (told.decision.side, told.decision.reason) == ("remote", reason)
    assert made.carrier.asked == [LOCAL, REMOTE]


async def test_it_is_looked_at_a_second_time_like_any_other() -> None:
    made, scorer = thinking(looks_twice=True)
    made.local.script = Script(())
    asking = asyncio.create_task(made.ask("easy"))
    await asyncio.wait_for(made.carrier.began.wait(), 1)
    say(scorer)

    assert (await asking).decision.reason == Reason.SECOND_LOOK


async def test_one_that_is_not_looked_at_after_all_tells_no_probabilities() -> None:
    made, scorer = thinking(looks_twice=True, prices=Prices(price_out=10**6, budget=500.0))
    asking = asyncio.create_task(made.ask("easy"))
    await asyncio.wait_for(made.carrier.began.wait(), 1)
    # Meanwhile another request takes all the money: there could be no second answer.
    made.router.pay(subject("hard"))
    say(scorer)
    told = await asking

    assert told.decision.side == "local"
    assert not any(event.logprobs for event in told.events if isinstance(event, TextDelta))


@pytest.mark.parametrize(
    ("changes", "loaded"), [({}, 0), ({"starts_ahead": False}, 4096), ({"shadow": "remote"}, 4096)]
)
async def test_nothing_is_begun_ahead(changes: dict[str, Any], loaded: int) -> None:
    scorer = ThinkingScorer()
    made = bench(scorer, **changes)
    made.carrier.loaded[LOCAL] = loaded
    await made.ask("hard")

    assert made.carrier.asked == [REMOTE]


async def test_two_processes_of_one_machine_are_not_set_against_each_other_unless_that_is_wanted() -> None:
    for wanted in (None, True):
        made, scorer = thinking(starts_ahead=wanted)
        scorer.place = "process"
        asking = asyncio.create_task(made.ask("hard"))
        await turns_of_the_loop(5)
        assert made.carrier.asked == ([LOCAL] if wanted else [])
        say(scorer)
        await asking


async def test_nothing_is_begun_ahead_where_the_local_side_has_something_to_do() -> None:
    made = bench(ThinkingScorer())
    made.carrier.loaded[LOCAL] = 4096
    async with made.begun(chat("easy")):
        await made.ask("hard")

    assert made.carrier.asked == [LOCAL, REMOTE]


async def test_200_at_once_give_everything_back() -> None:
    made = bench(ThinkingScorer(says=by_word))
    made.carrier.loaded[LOCAL] = 4096
    told = await asyncio.gather(*(made.ask(f"{'hard' if n % 2 else 'easy'} {n}") for n in range(200)))

    assert [each.decision.side for each in told] == ["local", "remote"] * 100
    assert (made.carrier.held, made.local.running, made.remote.running) == (0, 0, 0)


@pytest.mark.parametrize("text", ["easy", "hard"])
@pytest.mark.parametrize("hangs", [True, False])
async def test_whenever_a_client_goes_away_nothing_is_left(text: str, *, hangs: bool) -> None:
    for thought, answered in itertools.product(range(8), range(20)):
        made, scorer = thinking(looks_twice=bool(answered % 2))
        made.local.script = Script((("small",),), hang=hangs)
        asking = asyncio.create_task(made.ask(text))
        await turns_of_the_loop(thought)
        say(scorer)
        await turns_of_the_loop(answered)
        await gone(asking)

        assert (made.carrier.held, made.local.running, made.remote.running) == (0, 0, 0)
        assert asyncio.all_tasks() == {asyncio.current_task()}


async def turns_of_the_loop(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_what_was_never_begun_is_dropped_for_nothing() -> None:
    async def begin(stack: AsyncExitStack) -> Answer:
        raise AssertionError(stack)

    ahead = Ahead(begin)
    await ahead.drop()

    assert not ahead.is_started


async def test_it_is_begun_once() -> None:
    began = []

    async def begin(stack: AsyncExitStack) -> Answer:
        began.append(stack)
        raise LoadFailed("no memory")

    ahead = Ahead(begin)
    ahead.start()
    ahead.start()
    async with AsyncExitStack() as stack:
        with pytest.raises(LoadFailed):
            await ahead.take(stack)
    assert len(began) == 1


async def test_one_that_begins_in_the_moment_in_which_nobody_wants_it_any_more_is_given_back() -> None:
    begins: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
    given_back: list[str] = []

    async def begin(stack: AsyncExitStack) -> Answer:
        stack.callback(given_back.append, "slot")
        return await begins

    ahead = Ahead(begin)
    ahead.start()
    async with AsyncExitStack() as stack:
        taking = asyncio.create_task(ahead.take(stack))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        begins.set_result(Answer(0, (), nothing()))
        # It has begun, and who waits for it does not know yet.
        await asyncio.sleep(0)
        await gone(taking)
        assert given_back == ["slot"]


async def nothing() -> EventStream:
    yield ()
