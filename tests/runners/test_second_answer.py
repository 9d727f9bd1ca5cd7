"""What happens when the local answer is no good: the second look."""

import asyncio

import pytest

from arriero.engines.fake import Script
from arriero.errors import (
    ArrieroError,
    EngineDied,
    EngineFailed,
    EngineUnreachable,
    InvalidRequest,
)
from arriero.router.rules import Rule
from arriero.router.second_look import Finding
from arriero.router.settings import Prices
from arriero.types.chat import ChatPrompt, JsonFormat, Message, TextRequest, ToolCall
from arriero.types.events import TextDelta, TokenLogprob, ToolCallDelta
from arriero.types.routing import Reason, Wish
from arriero.types.sampling import SamplingParams
from tests.router.factories_routing import LOCAL, REMOTE
from tests.runners.routers import bench, chat, chat_model, gone
from tests.serving import until

DOWN = EngineUnreachable("connection refused")
TOOL = {"type": "function", "function": {"name": "look"}}
PRIVATE = Rule("keep", "private", ("secret",))
WRONG = [InvalidRequest("no such role"), EngineFailed("bad request", 400), EngineFailed("unprocessable", 422)]


def unsure(text: str) -> TextDelta:
    return TextDelta(text, (TokenLogprob(text, -3.0),))


JSON = JsonFormat()
CALL = ToolCallDelta(0, ToolCall("look", {"at": "x"}, "call_2"))
CALLED = ChatPrompt(
    (
        Message("user", "easy"),
        Message("assistant", "", tool_calls=(ToolCall("look", {"at": "x"}),)),
        Message("tool", "found"),
    ),
    tools=(TOOL,),
)


@pytest.mark.parametrize(
    ("script", "request_", "finding"),
    [
        (Script(()), chat("easy"), Finding.EMPTY),
        (Script((("so",), (" far",))), chat("easy"), Finding.CUT_OFF),
        (Script((("Sure: {}",),)), chat("easy", json_format=JSON), Finding.INVALID_JSON),
        (Script(((CALL,),)), TextRequest(CALLED), Finding.REPEATED_CALL),
        (Script(((unsure("may"), unsure("be")),)), chat("easy"), Finding.UNSURE),
    ],
)
async def test_an_answer_that_is_no_good_is_never_told(script: Script, request_: TextRequest, finding: Finding) -> None:
    made = bench(looks_twice=True)
    # The model's own limit: the request has none.
    limit = {"num_predict": 2} if finding is Finding.CUT_OFF else {}
    made.models[LOCAL] = chat_model(LOCAL, parameters=limit)
    made.local.script = script
    told = await made.send(request_)

    assert (told.text, told.decision.model, told.decision.chosen) == ("big words", REMOTE, "local")
    assert (told.decision.reason, told.decision.detail) == (Reason.SECOND_LOOK, finding)
    assert made.carrier.asked == [LOCAL, REMOTE]
    # The local slot is free while the other side answers.
    assert made.carrier.most_held == 1


async def test_a_good_answer_is_told_as_it_came_without_what_nobody_has_asked_for() -> None:
    made = bench(looks_twice=True)
    told = await made.ask("easy")

    assert (told.text, told.decision.side, told.finished.reason) == ("small talk", "local", "stop")
    assert made.local.requests[0].top_logprobs == 0
    assert not any(event.logprobs for event in told.events if isinstance(event, TextDelta))
    assert made.carrier.asked == [LOCAL]


async def test_probabilities_that_were_asked_for_are_told() -> None:
    made = bench(looks_twice=True)
    told = await made.ask("easy", top_logprobs=2)

    assert made.local.requests[0].top_logprobs == 2
    assert [len(event.logprobs[0].top) for event in told.events if isinstance(event, TextDelta)] == [2, 2]


@pytest.mark.parametrize("obstacle", ["force", "budget", "remote fails"])
async def test_an_answer_that_is_not_looked_at_has_no_probabilities_in_it(obstacle: str) -> None:
    made = bench(looks_twice=True, prices=Prices(price_out=10**6, budget=0.0) if obstacle == "budget" else Prices())
    if obstacle == "remote fails":
        made.fails(REMOTE, DOWN)
    wish = Wish("local") if obstacle == "force" else Wish()
    told = await made.ask("hard" if obstacle == "remote fails" else "easy", wish=wish)

    assert told.decision.side == "local"
    assert not any(event.logprobs for event in told.events if isinstance(event, TextDelta))
    assert made.local.requests[0].top_logprobs is None


async def test_a_private_answer_is_told_however_it_is() -> None:
    made = bench(looks_twice=True, rules=(PRIVATE,))
    made.local.script = Script(())

    assert (await made.ask("easy", name="smart:local")).text == ""
    assert (await made.ask("a secret")).text == ""
    assert REMOTE not in made.carrier.asked


async def test_what_only_the_local_side_has_room_for_is_told_however_it_is() -> None:
    made = bench(looks_twice=True)
    made.models[REMOTE] = chat_model(REMOTE, 100)
    made.local.script = Script(())
    told = await made.ask("hard")

    assert (told.text, told.decision.reason) == ("", Reason.CONTEXT)
    assert made.carrier.asked == [LOCAL]


@pytest.mark.parametrize("error", [DOWN, *WRONG], ids=repr)
async def test_where_there_is_no_second_answer_the_first_one_is_told(error: ArrieroError) -> None:
    made = bench(looks_twice=True)
    made.local.script = Script((("not json",),))
    made.fails(REMOTE, error)
    told = await made.ask("easy", json_format=JSON)

    assert (told.text, told.decision.side, told.decision.reason) == ("not json", "local", Reason.SCORE)
    assert made.carrier.asked == [LOCAL, REMOTE]
    assert made.carrier.held == 0


async def test_a_second_look_that_finds_an_answer_broken_off_has_the_other_side_answer() -> None:
    made = bench(looks_twice=True)
    made.local.script = Script((("so",), (" far",)), error=EngineDied("gone"), fail_after=1)
    told = await made.ask("easy")

    assert (told.text, told.decision.reason) == ("big words", Reason.FAILOVER)
    assert made.carrier.held == 0


async def test_what_the_remote_side_says_is_not_looked_at() -> None:
    made = bench(looks_twice=True)
    made.remote.script = Script(())

    assert (await made.ask("hard")).text == ""
    assert made.carrier.asked == [REMOTE]


async def test_without_a_second_look_an_answer_is_told_as_it_comes() -> None:
    made = bench()
    made.local.script = Script((("so",),), hang=True)
    async with made.begun(chat("easy")) as answer:
        assert isinstance(answer.first[1], TextDelta)
    assert made.local.cancelled == 1


async def test_a_client_that_goes_away_during_a_second_look_leaves_nothing_running() -> None:
    made = bench(looks_twice=True)
    made.local.script = Script((("so",),), hang=True)
    asking = asyncio.create_task(made.ask("easy"))
    await until(made.local, lambda: made.local.running == 1)
    await gone(asking)

    assert (made.local.cancelled, made.local.running, made.carrier.held) == (1, 0, 0)
    assert made.carrier.asked == [LOCAL]


async def test_money_for_a_second_answer_is_put_back_where_there_is_none() -> None:
    made = bench(looks_twice=True, prices=Prices(price_out=10**6, budget=100.0))
    made.local.script = Script(())
    made.fails(REMOTE, EngineFailed("bad request", 400))
    limit = SamplingParams(max_tokens=100)
    for _ in range(3):
        assert (await made.ask("easy", sampling=limit)).decision.side == "local"
    made.carrier.errors.clear()

    assert (await made.ask("easy", sampling=limit)).decision.side == "remote"
