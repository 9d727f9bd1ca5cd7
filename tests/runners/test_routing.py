"""A router as a carrier: who is asked, and who is not."""

import pytest

from arriero.engines.base import Engine
from arriero.engines.fake import Script
from arriero.errors import (
    EngineUnreachable,
    InvalidRequest,
    LoadFailed,
    ModelNotFound,
    UpstreamsDown,
)
from arriero.router.rules import Rule
from arriero.router.settings import Limits
from arriero.runners.route_record import Recorder
from arriero.runners.routing import Routing
from arriero.types.chat import ChatPrompt, JsonFormat, Message, TextRequest, ToolCall
from arriero.types.events import ToolCallDelta
from arriero.types.loading import Demand, LoadOptions
from arriero.types.routing import Reason, Side, Wish
from arriero.types.sampling import SamplingParams
from tests.router.factories_routing import LOCAL, REMOTE, ScriptedScorer
from tests.runners.routers import bench, chat, chat_model

DOWN = EngineUnreachable("connection refused")
TOOL = {"type": "function", "function": {"name": "look"}}
PRIVATE = Rule("keep", "private", ("secret",))


async def test_an_easy_question_is_answered_here_and_a_hard_one_there() -> None:
    made = bench()
    easy, hard = await made.ask("easy"), await made.ask("hard")

    assert (easy.text, easy.decision.side, easy.decision.model) == ("small talk", "local", LOCAL)
    assert (hard.text, hard.decision.side, hard.decision.model) == ("big words", "remote", REMOTE)
    assert made.carrier.asked == [LOCAL, REMOTE]
    assert made.carrier.held == 0


@pytest.mark.parametrize(
    ("name", "force", "side"),
    [
        ("smart", None, "remote"),
        ("smart:latest", None, "remote"),
        ("smart:local", None, "local"),
        ("SMART:Local", None, "local"),
        (" Smart:Latest:LOCAL ", None, "local"),
        ("smart:local", "remote", "local"),
        ("smart:remote", "local", "local"),
        ("smart:remote", None, "remote"),
        ("smart", "local", "local"),
    ],
)
async def test_the_most_private_of_name_and_wish_wins(name: str, force: Side | None, side: Side) -> None:
    told = await bench().ask("hard", name=name, wish=Wish(force))

    assert told.decision.side == side


async def test_the_remote_side_is_forced_by_the_name() -> None:
    told = await bench().ask("easy", name="smart:remote")

    assert (told.decision.side, told.decision.reason) == ("remote", Reason.FORCED)


def test_what_is_no_router_is_not_found() -> None:
    assert bench().routing.find("other") is None
    assert bench().routing.find("smart:v2") is None


async def test_a_private_request_that_only_the_remote_side_could_answer_is_refused() -> None:
    made = bench()
    made.models[LOCAL] = chat_model(LOCAL, capabilities=("completion",))

    with pytest.raises(InvalidRequest, match="does not support tools"):
        await made.send(TextRequest(ChatPrompt((Message("user", "x"),), tools=(TOOL,))), name="smart:local")
    assert made.carrier.asked == []


async def test_a_side_that_has_enough_to_do_gets_no_more() -> None:
    made = bench(limits={"remote": Limits(1)})
    async with made.begun(chat("hard 1")):
        assert (await made.ask("hard 2")).decision.reason == Reason.BUSY
    assert (await made.ask("hard 3")).decision.side == "remote"


@pytest.mark.parametrize("missing", [LOCAL, REMOTE])
async def test_a_side_that_is_not_there_yet_is_passed_over(missing: str) -> None:
    made = bench()
    del made.models[missing]

    for text in ("easy", "hard"):
        told = await made.ask(text)
        assert told.decision.model != missing
    made.models[missing] = chat_model(missing)
    assert (await made.ask("easy" if missing == LOCAL else "hard")).decision.model == missing


async def test_where_neither_side_is_there_both_are_named() -> None:
    made = bench(models={})

    with pytest.raises(UpstreamsDown, match=r"small.*big"):
        await made.ask("easy")


async def test_a_forced_local_side_that_is_not_there_is_not_found() -> None:
    made = bench()
    del made.models[LOCAL]

    with pytest.raises(ModelNotFound, match=LOCAL):
        await made.ask("easy", name="smart:local")
    assert made.carrier.asked == []


async def test_images_go_to_the_side_that_can_see() -> None:
    made = bench()
    made.models[REMOTE] = chat_model(REMOTE, capabilities=("completion", "vision"))
    seen = TextRequest(ChatPrompt((Message("user", "easy", images=("AAAA",)),)))

    told = await made.send(seen)
    assert (told.decision.side, told.decision.reason) == ("remote", Reason.IMAGES)
    made.fails(REMOTE, DOWN)
    with pytest.raises(EngineUnreachable):
        await made.send(seen)
    assert LOCAL not in made.carrier.asked


async def test_what_a_side_is_said_to_lack_it_is_not_asked_for() -> None:
    made = bench(lacks={"local": ("tools", "schema")})
    tools = TextRequest(ChatPrompt((Message("user", "easy"),), tools=(TOOL,)))

    assert (await made.send(tools)).decision.reason == Reason.TOOLS
    assert (await made.ask("easy", json_format=JsonFormat())).decision.reason == Reason.SCHEMA


async def test_a_conversation_stays_and_its_prefix_with_it() -> None:
    made = bench()
    first = await made.ask("hard")
    second = await made.ask("hard", first.text, "easy")

    assert (second.decision.side, second.decision.reason) == ("remote", Reason.SESSION)


async def test_the_answer_of_a_tool_goes_back_to_who_has_called_it() -> None:
    made = bench()
    made.remote.script = Script(((ToolCallDelta(0, ToolCall("look", {"at": "x"}, "call_1")),),))
    asked = ChatPrompt((Message("user", "hard"),), tools=(TOOL,))
    await made.send(TextRequest(asked))
    call = Message("assistant", "", tool_calls=(ToolCall("look", {"at": "x"}),))
    loop = ChatPrompt((*asked.messages, call, Message("tool", "easy")), tools=(TOOL,))

    assert (await made.send(TextRequest(loop))).decision.reason == Reason.TOOL_LOOP


async def test_a_model_is_asked_as_it_would_be_asked_itself() -> None:
    made = bench()
    made.models[REMOTE] = chat_model(REMOTE, system="Be kind.", parameters={"temperature": 0.25, "stop": ["END"]})
    await made.ask("hard", sampling=SamplingParams(top_k=7))

    [asked] = made.remote.requests
    assert asked.prompt == ChatPrompt((Message("system", "Be kind."), Message("user", "hard")))
    assert (asked.sampling.temperature, asked.sampling.top_k, asked.sampling.stop) == (0.25, 7, ("END",))


async def test_the_local_side_is_the_model_that_is_near() -> None:
    made = bench()
    made.carrier.engines = {**made.carrier.engines, "near": made.local}
    find, near = made.models.__getitem__, chat_model("near")
    made.routing = Routing([made.router], find, made.carrier, Recorder(), find_near=lambda _: near)
    await made.ask("easy")
    await made.ask("hard")

    assert made.carrier.asked == ["near", REMOTE]


async def test_the_local_side_is_asked_of_the_server_that_is_named_and_of_no_other() -> None:
    made = bench(local_upstream="near")
    await made.ask("easy")
    await made.ask("hard")

    assert made.carrier.servers == [("near",), ()]


async def count(engine: Engine) -> int:
    return len((await engine.health() and "counted") or "")


async def test_something_else_is_asked_of_the_local_side_and_where_that_fails_of_the_other() -> None:
    made = bench()
    await made.routing.call(made.found(), count)
    made.fails(LOCAL, DOWN)
    await made.routing.call(made.found(), count)

    assert made.carrier.called == [LOCAL, LOCAL, REMOTE]


@pytest.mark.parametrize(
    ("name", "wish", "rules"),
    [
        ("smart:local", Wish(), ()),
        ("smart", Wish("local"), ()),
        ("smart:remote", Wish("local"), ()),
        ("smart", Wish(), (PRIVATE,)),
    ],
)
async def test_what_must_stay_is_not_told_to_the_other_engine_either(
    name: str, wish: Wish, rules: tuple[Rule, ...]
) -> None:
    made = bench(rules=rules)
    made.fails(LOCAL, DOWN)

    with pytest.raises(EngineUnreachable):
        await made.routing.call(made.found(name), count, Demand(wish=wish))
    assert made.carrier.called == [LOCAL]


async def test_once_a_conversation_is_private_nothing_is_told_to_the_other_engine() -> None:
    made = bench()
    await made.ask("my salary is", name="smart:local")
    made.fails(LOCAL, DOWN)

    with pytest.raises(EngineUnreachable):
        await made.routing.call(made.found(), count)
    assert made.carrier.called == [LOCAL]


async def test_what_is_told_to_an_engine_has_it_loaded_as_for_answers() -> None:
    made = bench()
    made.models[LOCAL] = chat_model(LOCAL, parameters={"num_ctx": 512})
    for options in (LoadOptions(), LoadOptions(context=64), None):
        await made.routing.call(made.found(), count, Demand(options=options))
    contexts = [demand.options and demand.options.context for demand in made.carrier.demands]
    assert contexts == [512, 64, None]


async def test_loading_a_router_loads_its_local_model_and_where_that_fails_the_other() -> None:
    made = bench()
    await made.routing.load(made.found())
    await made.routing.load(made.found("smart:remote"))
    assert made.carrier.loads == [LOCAL, REMOTE]

    made.fails(LOCAL, LoadFailed("no memory"))
    await made.routing.load(made.found())
    assert made.carrier.loads[2:] == [LOCAL, REMOTE]
    with pytest.raises(LoadFailed):
        await made.routing.load(made.found(), Demand(wish=Wish("local")))
    assert made.carrier.loads[4:] == [LOCAL]


def test_a_router_lets_go_of_its_local_model_or_of_the_one_that_is_named() -> None:
    made = bench()
    for name in ("smart", "smart:local", "smart:remote"):
        made.routing.unload(made.found(name))
    assert made.carrier.unloads == [LOCAL, LOCAL, REMOTE]

    del made.models[LOCAL]
    made.routing.unload(made.found())
    assert made.carrier.unloads == [LOCAL, LOCAL, REMOTE]


def test_nothing_of_a_router_itself_is_loaded() -> None:
    assert bench().routing.statuses() == []


async def test_in_shadow_what_fails_is_still_answered() -> None:
    made = bench(shadow="local")
    told = await made.ask("hard")
    assert (told.decision.side, told.decision.chosen) == ("local", "remote")

    made.fails(LOCAL, DOWN)
    assert (await made.ask("hard")).decision.model == REMOTE


async def test_the_scorer_is_asked_only_where_nothing_else_decides() -> None:
    scorer = ScriptedScorer()
    made = bench(scorer, rules=(PRIVATE, Rule("mine", "local", ("tax",))))
    for text in ("a secret", "tax"):
        await made.ask(text)
    await made.ask("hard", wish=Wish("remote"))
    assert scorer.asked == []

    await made.ask("hard")
    assert scorer.asked == ["hard"]
