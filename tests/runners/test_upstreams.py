import asyncio
from dataclasses import replace

import pytest

from arriero.engines.base import ServedModel
from arriero.engines.fake import FakeEngine, Script
from arriero.errors import (
    EngineDied,
    EngineFailed,
    EngineUnreachable,
    ModelNotFound,
    ServerBusy,
    UpstreamsDown,
)
from arriero.types.events import TextDelta
from arriero.types.loading import Demand, LoadOptions
from tests.runners.servers import DOWN, FakeServer, LoadingEngine, chat, fleet, said, settings
from tests.serving import until

HELLO = "Hello there."
ASK = chat("hi")


def failing(error: Exception, after: int = 0) -> FakeServer:
    assert isinstance(error, EngineFailed)
    return FakeServer(fake=FakeEngine(Script(error=error, fail_after=after)))


async def test_a_model_of_a_server_elsewhere_is_offered_and_answers() -> None:
    async with fleet(a=FakeServer([ServedModel("org/Big-1", context=8192)])) as servers:
        model = servers.model("org/Big-1")

        assert (model.carrier, model.reference, model.weights) == ("upstream", "org/Big-1", None)
        assert model.architecture.trained_context == 8192
        assert len(model.digest) == 64
        assert await said(servers.upstreams, model, ASK) == HELLO


async def test_a_server_that_loads_on_demand_is_told_what_is_demanded() -> None:
    engine = LoadingEngine()
    demand = Demand(60.0, LoadOptions(gpu_layers=3))
    async with (
        fleet(a=FakeServer(fake=engine)) as servers,
        servers.upstreams.answer(servers.model(), ASK, demand) as it,
    ):
        assert not it.ignored

    assert engine.demands == [demand]


@pytest.mark.parametrize(("keep_alive_s", "ignored"), [(60.0, ["keep_alive"]), (0.0, []), (None, [])])
async def test_a_server_that_keeps_its_model_as_it_likes_is_told_of(
    keep_alive_s: float | None, ignored: list[str]
) -> None:
    async with (
        fleet(a=FakeServer()) as servers,
        servers.upstreams.answer(servers.model(), ASK, Demand(keep_alive_s)) as it,
    ):
        assert it.ignored == ignored


async def test_what_several_servers_have_is_what_all_of_them_can() -> None:
    one = FakeServer([ServedModel("m", context=4096, capabilities=("completion", "tools"))])
    two = FakeServer([ServedModel("m", context=2048)])
    async with fleet(one=one, two=two) as servers:
        model = servers.model()

        assert len(servers.offered) == 1
        assert model.architecture.trained_context == 2048
        assert model.capabilities == ("completion",)


async def test_requests_are_spread_over_the_servers() -> None:
    async with fleet(a=FakeServer(), b=FakeServer()) as servers:
        for number in range(6):
            await said(servers.upstreams, servers.model(), chat(f"question {number}"))

        assert [len(server.fake.requests) for server in servers.servers.values()] == [3, 3]


async def test_a_conversation_returns_to_its_server() -> None:
    async with fleet(a=FakeServer(), b=FakeServer(), c=FakeServer()) as servers:
        talk = ["hi"]
        for number in range(4):
            await said(servers.upstreams, servers.model(), chat(*talk))
            await said(servers.upstreams, servers.model(), chat(f"something else {number}"))
            talk += [HELLO, f"and {number}?"]

        turned = [
            {request.prompt.messages[0].content for request in server.fake.requests}  # type: ignore[union-attr]  # chats
            for server in servers.servers.values()
        ]
        assert sum("hi" in texts for texts in turned) == 1


@pytest.mark.parametrize("error", [DOWN, EngineFailed("overloaded", 503), EngineDied("gone"), EngineFailed("oh")])
async def test_another_server_is_asked_before_the_first_byte(error: EngineFailed) -> None:
    async with fleet(bad=failing(error), good=FakeServer()) as servers:
        for _ in range(4):
            assert await said(servers.upstreams, servers.model(), ASK) == HELLO


async def test_a_request_that_is_itself_wrong_is_not_asked_again() -> None:
    async with fleet(a=failing(EngineFailed("no", 400)), b=failing(EngineFailed("no", 400))) as servers:
        with pytest.raises(EngineFailed, match="no"):
            await said(servers.upstreams, servers.model(), ASK)

        assert [len(server.fake.requests) for server in servers.servers.values()] == [1, 0]


async def test_what_kills_two_servers_is_not_sent_to_a_third() -> None:
    died = EngineDied("gone")
    async with fleet(a=failing(died), b=failing(died), c=failing(died)) as servers:
        with pytest.raises(EngineDied):
            await said(servers.upstreams, servers.model(), ASK)

        assert sum(len(server.fake.requests) for server in servers.servers.values()) == 2


async def test_an_answer_that_has_begun_ends_with_its_error() -> None:
    async with fleet(a=failing(EngineDied("gone"), after=1), b=FakeServer()) as servers:
        with pytest.raises(EngineDied, match="gone"):
            await said(servers.upstreams, servers.model(), ASK)

        assert not servers.servers["b"].fake.requests


async def test_that_no_server_is_there_is_told_with_their_names() -> None:
    async with fleet(a=failing(DOWN), b=failing(DOWN)) as servers:
        with pytest.raises(UpstreamsDown) as refused:
            await said(servers.upstreams, servers.model(), ASK)

    assert refused.value.status == 503
    assert "a (http://a:8000): connection refused" in refused.value.message
    assert "b (http://b:8000): connection refused" in refused.value.message


async def test_a_server_that_broke_is_left_alone_and_returns() -> None:
    bad = failing(DOWN)
    async with fleet(bad=bad, good=FakeServer()) as servers:
        for _ in range(3):
            await said(servers.upstreams, servers.model(), ASK)
        assert len(bad.fake.requests) == 1

        bad.fake.script = Script()
        replica = servers.upstreams.replicas[0]
        await replica.look()
        for number in range(4):
            await said(servers.upstreams, servers.model(), chat(str(number)))
        assert len(bad.fake.requests) > 1


async def test_a_server_that_is_not_there_yet_is_found_later() -> None:
    late = FakeServer(error=DOWN)
    async with fleet(late=late) as servers:
        assert servers.offered == []
        late.error = None
        await servers.upstreams.replicas[0].look()

        assert await said(servers.upstreams, servers.model(), ASK) == HELLO


async def test_models_that_a_server_is_said_to_have_are_known_before_it_is_seen() -> None:
    async with fleet() as servers:
        late = FakeServer(error=EngineUnreachable("refused"))
        servers.servers["late"] = late  # type: ignore[index]  # the mapping is a dict
        await servers.upstreams.set_servers([settings("late", {"mine": "org/Theirs"})], 1.0)

        with pytest.raises(UpstreamsDown, match="late"):
            await servers.upstreams.load(servers.model("mine"))
        late.error, late.models = None, [ServedModel("org/Theirs"), ServedModel("other")]
        await servers.upstreams.replicas[0].look()
        assert [record.name for record in servers.offered] == ["mine"]
        await said(servers.upstreams, servers.model("mine"), ASK)
        assert late.asked == ["org/Theirs"]


async def test_a_server_that_answers_and_has_no_time_to_be_looked_at_is_kept() -> None:
    slow = FakeServer(fake=FakeEngine(Script(hang=True)))
    async with fleet(slow=slow) as servers, servers.upstreams.answer(servers.model(), ASK):
        slow.error = EngineDied("took too long")
        replica = servers.upstreams.replicas[0]
        for _ in range(2):
            await replica.look()
        assert replica.is_well


async def test_a_server_that_is_taken_away_finishes_what_is_under_way() -> None:
    leaving = FakeServer(fake=FakeEngine(Script(hang=True)))
    async with fleet(leaving=leaving) as servers:
        model = servers.model()
        async with servers.upstreams.answer(model, ASK) as answer:
            await servers.upstreams.set_servers([])
            assert servers.offered == []
            assert not leaving.closed.is_set()
            assert answer.first == [TextDelta("Hello")]
            with pytest.raises(ModelNotFound, match="no upstream serves it"):
                await said(servers.upstreams, model, ASK)
        async with asyncio.timeout(1):
            await leaving.closed.wait()


async def test_a_client_that_goes_away_frees_its_server() -> None:
    server = FakeServer(fake=FakeEngine(Script(hang=True)))
    async with fleet(a=server) as servers:
        task = asyncio.create_task(said(servers.upstreams, servers.model(), ASK))
        await until(server.fake, lambda: server.fake.running == 1)
        task.cancel()
        await asyncio.wait({task})

        assert (server.fake.running, server.fake.cancelled) == (0, 1)
        assert servers.upstreams.replicas[0].in_flight == 0
        assert servers.upstreams.replicas[0].is_well


async def test_who_comes_while_the_server_stops_is_told_so() -> None:
    async with fleet(a=FakeServer()) as servers:
        model = servers.model()
        servers.upstreams.end()
        with pytest.raises(ServerBusy, match="shutting down"):
            await said(servers.upstreams, model, ASK)
    assert servers.servers["a"].closed.is_set()


async def test_what_is_loaded_elsewhere_is_told() -> None:
    models = [ServedModel("m", context=2048, vram_bytes=5, memory_bytes=7), ServedModel("asleep", is_loaded=False)]
    async with fleet(a=FakeServer(models)) as servers:
        (status,) = servers.upstreams.statuses()

    assert (status.record.name, status.context, status.memory_bytes, status.vram_bytes) == ("m", 2048, 7, 5)


async def test_answers_that_break_off_together_are_one_failure() -> None:
    poor = FakeServer(fake=FakeEngine(Script(error=EngineDied("gone"), fail_after=1)))
    async with fleet(poor=poor) as servers:
        asked = [said(servers.upstreams, servers.model(), chat(str(number))) for number in range(8)]
        ends = await asyncio.gather(*asked, return_exceptions=True)

        assert {str(end) for end in ends} == {"gone"}
        assert servers.upstreams.replicas[0].is_well


async def test_a_server_that_was_away_and_is_seen_again_is_well() -> None:
    server = failing(EngineFailed("broken"))
    async with fleet(a=server) as servers:
        replica = servers.upstreams.replicas[0]
        for _ in range(3):
            with pytest.raises(EngineFailed, match="broken"):
                await said(servers.upstreams, servers.model(), ASK)
        assert not replica.is_well
        server.error = DOWN
        await replica.look()
        server.error = None
        await replica.look()

        assert replica.is_well


async def test_a_server_that_can_never_be_looked_at_is_hung_whatever_it_seems_to_do() -> None:
    hung = FakeServer(fake=FakeEngine(Script(hang=True)))
    async with fleet(hung=hung) as servers, servers.upstreams.answer(servers.model(), ASK):
        hung.error = EngineDied("took too long")
        replica = servers.upstreams.replicas[0]
        for _ in range(3):
            assert replica.is_well
            await replica.look()

        assert not replica.is_well


async def test_a_server_that_has_enough_of_being_looked_at_is_well() -> None:
    server = FakeServer()
    async with fleet(a=server) as servers:
        server.error = EngineFailed("too many requests", 429)
        for _ in range(5):
            await servers.upstreams.replicas[0].look()

        assert servers.upstreams.replicas[0].is_well
        assert servers.offered


async def test_what_no_server_can_do_is_no_fault_of_theirs() -> None:
    refusing = failing(EngineFailed("cannot embed", 501))
    async with fleet(a=refusing) as servers:
        for _ in range(5):
            with pytest.raises(EngineFailed, match="cannot embed"):
                await said(servers.upstreams, servers.model(), ASK)

        assert servers.upstreams.replicas[0].is_well


async def test_a_server_that_has_not_got_the_model_any_more_is_passed_over() -> None:
    without = failing(EngineFailed("no such model", 404))
    async with fleet(without=without, good=FakeServer()) as servers:
        for number in range(4):
            assert await said(servers.upstreams, servers.model(), chat(str(number))) == HELLO


async def test_a_server_that_comes_later_gets_its_share_and_no_more() -> None:
    async with fleet(a=FakeServer()) as servers:
        for number in range(20):
            await said(servers.upstreams, servers.model(), chat(str(number)))
        late = FakeServer()
        servers.servers["b"] = late  # type: ignore[index]  # the mapping is a dict
        await servers.upstreams.set_servers([settings("a"), settings("b")], 1.0)
        for number in range(20, 40):
            await said(servers.upstreams, servers.model(), chat(str(number)))

        assert len(late.fake.requests) == 10


async def test_settings_that_cannot_be_used_change_nothing() -> None:
    async with fleet(a=FakeServer()) as servers:
        with pytest.raises(KeyError):
            await servers.upstreams.set_servers([settings("nobody")], 1.0)

        assert await said(servers.upstreams, servers.model(), ASK) == HELLO


async def test_a_server_with_other_settings_is_there_all_the_time() -> None:
    async with fleet(a=FakeServer()) as servers:
        changed = replace(settings("a"), read_timeout_s=1.0)
        changing = asyncio.create_task(servers.upstreams.set_servers([changed], 1.0))
        while not changing.done():
            assert await said(servers.upstreams, servers.model(), ASK) == HELLO

        assert [each.settings for each in servers.upstreams.replicas] == [changed]


async def test_the_reason_of_the_last_look_is_told() -> None:
    server = FakeServer(error=EngineUnreachable("its certificate is not trusted"), fake=FakeEngine(Script(error=DOWN)))
    async with fleet() as servers:
        servers.servers["a"] = server  # type: ignore[index]  # the mapping is a dict
        await servers.upstreams.set_servers([settings("a", {"m": "m"})], 1.0)
        for _ in range(2):
            with pytest.raises(UpstreamsDown, match="its certificate is not trusted"):
                await said(servers.upstreams, servers.model(), ASK)


async def test_that_a_server_could_not_be_looked_at_is_told_to_who_misses_a_model() -> None:
    async with fleet(a=FakeServer(), away=FakeServer(error=DOWN)) as servers:
        assert servers.words == ["not looked at: away (http://away:8000): connection refused"]


async def test_models_of_an_ollama_are_wanted_with_and_without_a_tag() -> None:
    server = FakeServer([ServedModel("llama3.2:latest")], kind="ollama")
    async with fleet() as servers:
        servers.servers["a"] = server  # type: ignore[index]  # the mapping is a dict
        await servers.upstreams.set_servers([settings("a", {"llama3.2": "llama3.2"})], 1.0)
        assert [record.name for record in servers.offered] == ["llama3.2"]

        await servers.upstreams.set_servers([settings("a", {"mine": "llama3.2"})], 1.0)
        assert "keep their names" in servers.upstreams.replicas[0].error


async def test_of_a_record_that_names_its_servers_no_other_is_asked_not_even_while_that_one_is_down() -> None:
    near, far = FakeServer(), FakeServer()
    async with fleet(near=near, far=far) as group:
        record = replace(group.offered[0], servers=("near",))
        for _ in range(4):
            async with group.upstreams.answer(record, chat("hi")):
                pass
        near.fake.script = Script(error=EngineFailed("busy", 503))
        with pytest.raises(EngineFailed):
            async with group.upstreams.answer(record, chat("hi")):
                pass
        gone = replace(record, servers=("nobody",))
        with pytest.raises(ModelNotFound):
            async with group.upstreams.answer(gone, chat("hi")):
                pass
    assert len(near.fake.requests) == 5
    assert far.fake.requests == []
