"""What happens when a side fails."""

import pytest

from arriero.engines.fake import Script
from arriero.errors import (
    ArrieroError,
    EngineDied,
    EngineFailed,
    EngineUnreachable,
    InvalidRequest,
    LoadFailed,
    ModelNotFound,
    PromptTooLong,
    ServerBusy,
    UpstreamsDown,
)
from arriero.router.rules import Rule
from arriero.router.settings import Prices
from arriero.types.chat import ChatPrompt, TextRequest
from arriero.types.events import Truncated
from arriero.types.routing import Reason, Wish
from arriero.types.sampling import SamplingParams
from tests.router.factories_routing import LOCAL, REMOTE
from tests.runners.routers import bench, chat, chat_model

DOWN = EngineUnreachable("connection refused")
TOOL = {"type": "function", "function": {"name": "look"}}
PRIVATE = Rule("keep", "private", ("secret",))
# What says that a server cannot, and not that a request is wrong.
FAULTS = [
    DOWN,
    EngineDied("gone"),
    LoadFailed("no memory"),
    ServerBusy("too many wait"),
    UpstreamsDown("nobody is there"),
    ModelNotFound("model gone"),
    EngineFailed("bad key", 401),
    EngineFailed("no money", 402),
    EngineFailed("not allowed", 403),
    EngineFailed("gone", 404),
    EngineFailed("slow down", 429),
    EngineFailed("broken", 500),
    EngineFailed("not done here", 501),
    EngineFailed("bad gateway", 502),
    EngineFailed("overloaded", 503),
]
WRONG = [InvalidRequest("no such role"), EngineFailed("bad request", 400), EngineFailed("unprocessable", 422)]


@pytest.mark.parametrize("error", FAULTS, ids=repr)
@pytest.mark.parametrize(("text", "first", "second"), [("hard", REMOTE, LOCAL), ("easy", LOCAL, REMOTE)])
async def test_what_is_a_sides_own_fault_the_other_answers(
    text: str, first: str, second: str, error: ArrieroError
) -> None:
    made = bench()
    made.fails(first, error)
    told = await made.ask(text)

    assert made.carrier.asked == [first, second]
    assert (told.decision.model, told.decision.reason) == (second, Reason.FAILOVER)
    assert (told.decision.chosen, told.decision.detail) == ("remote" if first == REMOTE else "local", error.message)


@pytest.mark.parametrize("error", WRONG, ids=repr)
@pytest.mark.parametrize(("text", "first"), [("hard", REMOTE), ("easy", LOCAL)])
async def test_a_request_that_is_wrong_is_sent_to_nobody_else(text: str, first: str, error: ArrieroError) -> None:
    made = bench()
    made.fails(first, error)

    for _ in range(5):
        with pytest.raises(type(error), match=error.message):
            await made.ask(text)
    # Nor does it say anything of the side.
    assert made.carrier.asked == [first] * 5


async def test_where_both_sides_are_down_one_error_names_both() -> None:
    made = bench()
    made.fails(LOCAL, LoadFailed("no memory"))
    made.fails(REMOTE, DOWN)

    with pytest.raises(UpstreamsDown) as raised:
        await made.ask("easy")
    assert raised.value.status == 503
    for word in (LOCAL, REMOTE, "no memory", "connection refused", "smart"):
        assert word in raised.value.message
    assert made.carrier.asked == [LOCAL, REMOTE]


async def test_a_second_side_that_calls_the_request_wrong_is_believed() -> None:
    made = bench()
    made.fails(LOCAL, DOWN)
    made.fails(REMOTE, EngineFailed("bad request", 400))

    with pytest.raises(EngineFailed, match="bad request"):
        await made.ask("easy")


@pytest.mark.parametrize("error", [DOWN, LoadFailed("no memory"), ServerBusy("full"), EngineFailed("broken", 500)])
async def test_a_private_request_is_answered_here_or_by_nobody(error: ArrieroError) -> None:
    made = bench(rules=(PRIVATE,))
    made.fails(LOCAL, error)

    for texts, name, wish in (
        (("hard",), "smart:local", Wish()),
        (("hard",), "SMART:Local", Wish("remote")),
        (("hard",), "smart", Wish("local")),
        (("hard",), "smart:remote", Wish("local")),
        (("a secret",), "smart", Wish()),
        (("a secret",), "smart:remote", Wish("remote")),
        (("a secret", "I see", "hard"), "smart", Wish()),
    ):
        for _ in range(4):
            with pytest.raises(type(error)):
                await made.ask(*texts, name=name, wish=wish)
    assert REMOTE not in made.carrier.asked
    assert made.remote.requests == []


async def test_a_private_prompt_that_is_too_long_is_shortened_here() -> None:
    made = bench(models={LOCAL: chat_model(LOCAL, 8), REMOTE: chat_model(REMOTE)})
    made.local.context = 8
    told = await made.ask("one two three four five six", "seven", "eight", name="smart:local")

    assert any(isinstance(event, Truncated) for event in told.events)
    assert made.remote.requests == []


async def test_an_answer_that_breaks_off_is_not_begun_anew() -> None:
    made = bench()
    made.remote.script = Script((("big",), (" words",)), error=EngineDied("gone"), fail_after=1)

    with pytest.raises(EngineDied):
        await made.ask("hard")
    assert made.carrier.asked == [REMOTE]
    assert made.carrier.held == 0


async def test_an_answer_that_breaks_off_before_its_first_event_is_begun_on_the_other_side() -> None:
    made = bench()
    made.remote.script = Script((("big",),), error=EngineDied("gone"))
    told = await made.ask("hard")

    assert (told.text, told.decision.reason) == ("small talk", Reason.FAILOVER)
    assert made.carrier.held == 0


async def test_a_side_that_was_down_is_left_alone_for_a_while_and_then_asked_again() -> None:
    made = bench()
    made.fails(REMOTE, DOWN)
    reasons = [(await made.ask("hard")).decision.reason for _ in range(3)]
    assert reasons == [Reason.FAILOVER, Reason.UNHEALTHY, Reason.UNHEALTHY]
    assert made.carrier.asked.count(REMOTE) == 1

    made.clock.now_s += 1.5
    assert (await made.ask("hard")).decision.reason == Reason.FAILOVER
    # The second time for twice as long.
    made.clock.now_s += 1.5
    assert (await made.ask("hard")).decision.reason == Reason.UNHEALTHY
    made.clock.now_s += 1.0
    made.carrier.errors.clear()
    for _ in range(2):
        told = await made.ask("hard")
        assert (told.text, told.decision.reason) == ("big words", Reason.SCORE)


async def test_servers_elsewhere_that_are_all_down_are_left_alone_at_once() -> None:
    made = bench()
    made.fails(REMOTE, UpstreamsDown("nobody is there"))

    assert [(await made.ask("hard")).decision.reason for _ in range(2)] == [Reason.FAILOVER, Reason.UNHEALTHY]


async def test_answers_that_break_off_take_a_side_out_only_after_several() -> None:
    made = bench()
    made.fails(REMOTE, EngineFailed("broken", 500))
    reasons = [(await made.ask("hard")).decision.reason for _ in range(4)]

    assert reasons == [Reason.FAILOVER] * 3 + [Reason.UNHEALTHY]


async def test_where_both_are_left_alone_both_are_still_tried() -> None:
    made = bench()
    for model in (LOCAL, REMOTE):
        made.fails(model, DOWN)
    for _ in range(2):
        with pytest.raises(UpstreamsDown):
            await made.ask("hard")
    made.carrier.errors.clear()

    assert (await made.ask("hard")).decision.side == "remote"


async def test_a_prompt_that_is_too_long_here_goes_to_the_side_that_has_more_room() -> None:
    made = bench()
    made.models[REMOTE] = chat_model(REMOTE, 8192)
    made.local.context = 4
    told = await made.ask("easy one two three four")

    assert (told.decision.side, told.decision.reason, told.text) == ("remote", Reason.CONTEXT, "big words")


async def test_with_the_remote_side_down_a_long_prompt_is_shortened_here() -> None:
    made = bench()
    made.models[REMOTE] = chat_model(REMOTE, 8192)
    made.local.context = 8
    made.fails(REMOTE, DOWN)
    told = await made.ask("easy one two three four five six", "seven", "eight")

    assert told.decision.side == "local"
    assert isinstance(told.events[1], Truncated)
    assert made.carrier.asked == [LOCAL, REMOTE, LOCAL]


@pytest.mark.parametrize("obstacle", ["budget", "tools"])
async def test_a_long_prompt_that_may_not_go_is_shortened_here(obstacle: str) -> None:
    made = bench(prices=Prices(price_out=10**6, budget=0.0) if obstacle == "budget" else Prices())
    can = ("completion", "tools") if obstacle == "budget" else ("completion",)
    made.models[REMOTE] = chat_model(REMOTE, 8192, capabilities=can)
    made.local.context = 8
    turns = tuple(chat("easy one two three four five six", "seven", "eight").prompt.messages)  # type: ignore[union-attr]  # a chat
    told = await made.send(TextRequest(ChatPrompt(turns, tools=() if obstacle == "budget" else (TOOL,))))

    assert told.decision.side == "local"
    assert isinstance(told.events[1], Truncated)
    assert REMOTE not in made.carrier.asked


async def test_a_long_prompt_that_must_not_be_shortened_is_refused() -> None:
    made = bench()
    made.local.context = 4

    with pytest.raises(PromptTooLong):
        await made.ask("easy one two three four", is_truncating=False)
    assert made.carrier.asked == [LOCAL]


async def test_money_is_taken_once_and_put_back_where_nothing_came_of_it() -> None:
    made = bench(prices=Prices(price_out=10**6, budget=100.0))
    made.fails(REMOTE, EngineFailed("broken", 500))
    limit = SamplingParams(max_tokens=100)
    for _ in range(3):
        assert (await made.ask("hard", sampling=limit)).decision.reason == Reason.FAILOVER
    made.carrier.errors.clear()
    made.clock.now_s += 60

    assert (await made.ask("hard", sampling=limit)).decision.side == "remote"
    # It took 3 tokens, and not the hundred that it was allowed.
    for _ in range(20):
        assert (await made.ask("hard", sampling=limit)).decision.side == "remote"


async def test_a_failure_here_costs_nothing_there_where_nothing_may_be_spent() -> None:
    made = bench(prices=Prices(price_out=10**6, budget=0.0))
    made.fails(LOCAL, DOWN)

    for _ in range(2):
        with pytest.raises(EngineUnreachable):
            await made.ask("easy")
    assert REMOTE not in made.carrier.asked
