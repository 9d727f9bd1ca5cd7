import asyncio
import re
import threading
from contextlib import suppress
from pathlib import Path

# Settings of several types.
from typing import Any

import pytest

from arriero import AsyncSmartRouter
from arriero.client.question import MessageLike
from arriero.client.response import RoutedResponse
from arriero.errors import ConfigError, InvalidRequest, ModelNotFound
from arriero.types.routing import Reason
from tests.client.routers import HARD, TO_LOCAL, TO_REMOTE, routed
from tests.client.servers import LOCAL_MODEL, REMOTE_MODEL, StandIn


async def test_a_simple_task_is_answered_locally_and_a_complex_one_remotely() -> None:
    async with routed() as each:
        answer = await each.router.chat("Hello!", verbose=True)
        assert each.told() == ["[Router] LLM Judge: SIMPLE", TO_LOCAL]
        assert (answer["content"], answer["model"]) == ("Hello there.", LOCAL_MODEL)
        assert (answer["location"], answer["reason"]) == ("Local Ollama", "Simple task")
        answer = await each.router.chat(HARD, verbose=True)
        assert each.told() == ["[Router] LLM Judge: COMPLEX", TO_REMOTE]
        assert (answer["content"], answer["model"]) == ("Quantum computing is ...", REMOTE_MODEL)
        assert (answer["location"], answer["reason"]) == ("Remote SGLang", "Complex task")


async def test_an_answer_is_one_of_ollamas_client_and_tells_the_decision() -> None:
    async with routed() as each:
        answer = await each.router.chat("Hello!")
        assert answer["message"]["content"] == answer.message.content == "Hello there."
        assert answer.get("message", {}).get("content", "") == "Hello there."
        assert (answer.done, answer.done_reason) == (True, "stop")
        assert (answer.prompt_eval_count, answer.eval_count) == (11, 3)
        assert answer.total_duration
        decision = answer.decision
        assert decision is not None
        assert decision.score is not None
        assert (decision.reason, decision.judge, decision.threshold) == (Reason.SCORE, "SIMPLE", 0.5)
        assert 0 < decision.score.probability < 0.5
        assert decision.took_ms > 0
        assert (
            RoutedResponse.model_validate_json(answer.model_dump_json(exclude={"decision"})).content == answer.content
        )
        assert '"verdict":"SIMPLE"' in answer.model_dump_json()


async def test_a_verdict_that_is_remembered_was_spoken_by_the_judge() -> None:
    async with routed() as each:
        for _ in range(2):
            await each.router.chat("Hello!", verbose=True)
            assert each.told() == ["[Router] LLM Judge: SIMPLE", TO_LOCAL]
        assert len(each.here.bodies("/api/generate")) == 1


async def test_force_asks_no_judge_and_the_most_private_one_wins() -> None:
    async with routed() as each:
        answer = await each.router.chat(HARD, verbose=True, force_local=True)
        assert each.told() == ["[Router] Rule: forced local", TO_LOCAL]
        assert answer["reason"] == "Forced local"
        answer = await each.router.chat("Hello!", verbose=True, force_remote=True)
        assert each.told() == ["[Router] Rule: forced remote", TO_REMOTE]
        assert answer["reason"] == "Forced remote"
        answer = await each.router.chat(HARD, force_local=True, force_remote=True)
        assert answer["location"] == "Local Ollama"
        answer = await each.router.chat(HARD, force_remote=True, options={"route": "local"})
        assert answer["location"] == "Local Ollama"
        assert not each.here.bodies("/api/generate")


async def test_a_stream_is_routed_told_and_ends_with_the_decision() -> None:
    async with routed() as each:
        pieces = [piece async for piece in each.router.chat_stream("Hello!", verbose=True)]
        assert [piece["message"]["content"] for piece in pieces] == ["Hello", " there", ".", ""]
        assert [piece.done for piece in pieces] == [False, False, False, True]
        assert pieces[-1].eval_count == 3
        assert pieces[-1].decision is not None
        assert each.told() == ["[Router] LLM Judge: SIMPLE", TO_LOCAL]


async def test_a_stream_that_is_left_stops_the_model() -> None:
    async with routed(StandIn(waits=asyncio.Event())) as each:
        stream = each.router.chat_stream("Hello!")
        assert (await anext(stream)).content == "Hello"
        await stream.aclose()
        async with asyncio.timeout(5):
            while not each.here.cancelled:
                await each.here.changed.wait()


async def test_should_use_remote_asks_the_judge_and_nobody_else() -> None:
    async with routed() as each:
        assert await each.router.should_use_remote("Hello!", verbose=True) == (False, "Simple task")
        assert await each.router.should_use_remote(HARD, verbose=True) == (True, "Complex task")
        assert each.told() == ["[Router] LLM Judge: SIMPLE", "[Router] LLM Judge: COMPLEX"]
        assert not each.here.chats
        assert not each.there.chats


async def test_what_is_asked_goes_through_to_whoever_answers() -> None:
    async with routed(StandIn(capabilities=("completion", "tools"))) as each:
        tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
        await each.router.chat(
            "Hello!", tools=[tool], format="json", options={"temperature": 0, "seed": 7}, keep_alive="5m", logprobs=True
        )
        [asked] = each.here.chats
        assert asked["model"] == f"{LOCAL_MODEL}:latest"
        assert asked["messages"] == [{"role": "user", "content": "Hello!"}]
        assert asked["tools"][0]["function"]["name"] == "f"
        assert (asked["format"], asked["keep_alive"], asked["logprobs"]) == ("json", 300, True)
        assert asked["options"] == {"temperature": 0, "seed": 7}


async def test_only_the_side_that_can_is_asked_and_the_line_says_so() -> None:
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
    async with routed(StandIn(), StandIn(name=REMOTE_MODEL, capabilities=("completion", "tools"))) as each:
        answer = await each.router.chat("Hello!", tools=[tool], verbose=True)
        assert each.told() == [
            "[Router] Rule: tools (the local model lacks tools)",
            f"[Router] -> Remote Ollama | Model: {REMOTE_MODEL}",
        ]
        assert answer["reason"] == "The local model lacks tools"


async def test_names_match_in_any_case_and_one_name_at_two_servers_means_two_models() -> None:
    async with routed(StandIn(), StandIn(says=("the other",)), local_model="LLAMA3.2", remote_model="LLAMA3.2") as each:
        here = await each.router.chat("Hello!", force_local=True)
        there = await each.router.chat("Hello!", force_remote=True)
        assert (here.content, there.content) == ("Hello there.", "the other")
        assert here.model == there.model == "LLAMA3.2"


async def test_a_model_that_is_not_there_is_said_with_those_that_are() -> None:
    async with routed(local_model="mistral") as each:
        with pytest.raises(
            ModelNotFound, match=r"'mistral' not found at .* which has llama3.2:latest; .* ollama pull mistral"
        ):
            await each.router.chat("Hello!", force_local=True)


async def test_an_sglang_answers_for_its_one_model_whatever_that_is_called() -> None:
    async with routed(remote_model="big") as each:
        answer = await each.router.chat(HARD)
        assert (answer.content, answer.model) == ("Quantum computing is ...", "big")
        assert each.there.chats[0]["model"] == REMOTE_MODEL


async def test_a_key_is_sent_to_its_own_server_only() -> None:
    async with routed(remote_api_key="secret") as each:
        await each.router.chat(HARD)
        assert each.there.keys == {"Bearer secret"}
        assert each.here.keys == {""}


async def test_without_a_judge_the_built_in_scorer_decides_and_says_so() -> None:
    async with routed(scorer="linear") as each:
        await each.router.chat("Hello!", verbose=True)
        score, asked = each.told()
        assert score.startswith("[Router] Score: ")
        assert score.endswith(" (linear)")
        assert asked == TO_LOCAL
        assert not each.here.bodies("/api/generate")


async def test_a_threshold_that_overrules_the_judge_is_told() -> None:
    async with routed(threshold=1.0) as each:
        await each.router.chat(HARD, verbose=True)
        judged, score, asked = each.told()
        assert judged == "[Router] LLM Judge: COMPLEX"
        assert re.fullmatch(r"\[Router\] Score: [01]\.\d\d \(judge\), threshold 1.00", score)
        assert asked == TO_LOCAL


async def test_a_conversation_stays_with_the_remote_model_and_the_line_says_so() -> None:
    async with routed() as each:
        first = await each.router.chat(HARD)
        messages: list[MessageLike] = [
            {"role": "user", "content": HARD},
            first.message,
            {"role": "user", "content": "Thanks!"},
        ]
        each.here.judges = lambda _: "easy"
        second = await each.router.chat("", messages, verbose=True)
        assert each.told() == ["[Router] LLM Judge: SIMPLE", "[Router] Rule: session", TO_REMOTE]
        assert second.reason == "Conversation stays with Remote SGLang"


def test_decisions_are_written_down_where_that_is_wanted(tmp_path: Path) -> None:
    async def ask() -> None:
        async with routed(log=tmp_path / "decisions.db") as each:
            await each.router.chat("Hello, my secret!")

    asyncio.run(ask())
    content = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"SmartRouter" in content
    assert b"my secret" not in content


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"local_host": "ftp://somewhere"}, "is no address"),
        ({"threshold": 2.0}, "threshold: 2.0 is not between 0 and 1"),
        ({"threshold": 0.5, "remote_share": 0.5}, "not both"),
        ({"local_model": " "}, "local_model"),
        ({"judge_timeout_s": 0.0}, "more than 0 seconds"),
        ({"scorer": "nobody"}, "no scorer is called 'nobody'"),
        ({"scorer": "fitted"}, "arriero route fit"),
        ({"weights": "nowhere.json"}, "nowhere.json does not exist; make it with arriero route fit"),
    ],
)
def test_settings_that_make_no_sense_are_refused_at_once(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        AsyncSmartRouter(**settings)


def test_several_event_loops_have_one_log(tmp_path: Path) -> None:
    router = AsyncSmartRouter(scorer="linear", log=tmp_path / "decisions.db")
    before = threading.active_count()
    for _ in range(3):
        # Refused before any server is asked.
        with pytest.raises(InvalidRequest):
            asyncio.run(router.chat("Hello!", options={"route": ["nobody"]}))
    assert threading.active_count() == before + 1

    asyncio.run(router.aclose())
    assert threading.active_count() == before


async def test_a_closed_router_says_that_it_is() -> None:
    router = AsyncSmartRouter()
    await router.aclose()
    with pytest.raises(ConfigError, match="closed"):
        await router.chat("Hello!")


async def test_a_first_request_that_is_given_up_does_not_take_the_others_with_it() -> None:
    async with routed() as each:
        first = asyncio.create_task(each.router.chat("Hello!"))
        await asyncio.sleep(0)
        second = asyncio.create_task(each.router.chat("Hello!"))
        await asyncio.sleep(0)
        first.cancel()
        with suppress(asyncio.CancelledError):
            await first
        assert (await second).content == "Hello there."
