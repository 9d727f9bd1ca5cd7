import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from arriero.engines.fake import FakeEngine, Script
from arriero.router.calibration import Platt
from arriero.router.decision_database import read_rows
from arriero.router.rules import Rule
from arriero.router.tuning import Tuning, save_tuning, tuning_file
from tests.serving import running_server
from tests.serving_routers import SMART, RunningRouter, running_router

HARD = "Prove by induction that the sum of the first n odd numbers is n squared, and explain every step of it."
STAGES = ["force", "private rules", "private turns", "abilities", "context", "rules", "health", "tool loop"]
STAGES += ["score", "session", "threshold", "cost"]


# What is asked and told is JSON.
async def explained(server: RunningRouter, headers: dict[str, str] | None = None, **body: Any) -> Any:
    async with server.client.post("/api/router/explain", json={"model": "smart", **body}, headers=headers) as response:
        assert response.status == 200, await response.text()
        return await response.json()


def decisive(told: Any) -> list[str]:
    return [stage["stage"] for stage in told["stages"] if stage["decides"]]


async def test_every_stage_is_told_in_order_and_the_one_that_is_heard_is_marked(tmp_path: Path) -> None:
    async with running_router(tmp_path) as server:
        told = await explained(server, prompt=HARD)

    assert [stage["stage"] for stage in told["stages"]] == STAGES
    assert decisive(told) == ["threshold"]
    assert told["decision"]["side"] == "remote"
    assert told["decision"]["model"] == "sys"
    assert told["decision"]["reason"] == "score"
    assert told["decision"]["scorer"] == "linear"


async def test_what_is_explained_is_what_is_then_decided(tmp_path: Path) -> None:
    async with running_router(tmp_path) as server:
        for text in ("Hello!", HARD):
            told = await explained(server, messages=[{"role": "user", "content": text}])
            body = {"model": "smart", "messages": [{"role": "user", "content": text}], "stream": False}
            async with server.client.post("/api/chat", json=body) as response:
                answer = await response.json()
            same = ("side", "model", "reason", "score", "threshold")
            assert {key: answer["route"][key] for key in same} == {key: told["decision"][key] for key in same}


async def test_no_model_answers_and_nothing_is_remembered_or_written_down(tmp_path: Path) -> None:
    held = replace(SMART, remote_share=0.5)
    async with running_router(tmp_path, held) as server:
        first = await explained(server, prompt=HARD, options={})
        again = [await explained(server, prompt=HARD) for _ in range(3)]
        assert all(not engine.requests for engine in server.engines.values())
        async with server.client.get("/metrics") as response:
            assert not re.search(r"^arriero:router_decisions_total\{", await response.text(), re.MULTILINE)

    assert {told["decision"]["threshold"] for told in again} == {first["decision"]["threshold"]}
    assert read_rows(tmp_path / "decisions.db") == []


async def test_the_judge_is_asked_and_nobody_else(tmp_path: Path) -> None:
    judged = replace(SMART, judge="fim", scorer="judge")
    judge = FakeEngine(Script((("COMPLEX",),)))
    async with running_router(tmp_path, judged, {"fim:latest": judge}) as server:
        told = await explained(server, prompt="Hello!")
        assert judge.requests
        assert not server.engines["gen:latest"].requests
        assert not server.engines["sys:latest"].requests

    assert told["decision"]["judge"] == "COMPLEX"
    assert "the judge says COMPLEX" in next(s["said"] for s in told["stages"] if s["stage"] == "score")


async def test_a_private_request_is_not_shown_to_the_judge(tmp_path: Path) -> None:
    rule = Rule("health", "private", keywords=("diagnosis",))
    judged = replace(SMART, judge="fim", scorer="judge", rules=(rule,))
    async with running_router(tmp_path, judged) as server:
        told = await explained(server, prompt="My diagnosis is", headers={"x-arriero-force": "remote"})
        assert not server.engines["fim:latest"].requests

    assert told["private"] is True
    assert decisive(told) == ["private rules"]
    assert told["decision"]["side"] == "local"


async def test_names_headers_and_options_force_a_side(tmp_path: Path) -> None:
    async with running_router(tmp_path) as server:
        by_name = await explained(server, model="SMART:Local", prompt=HARD)
        by_header = await explained(server, prompt="Hi", headers={"x-arriero-force": "remote"})
        by_option = await explained(server, prompt="Hi", options={"route": "remote"})

    assert [told["decision"]["side"] for told in (by_name, by_header, by_option)] == ["local", "remote", "remote"]
    assert all(decisive(told) == ["force"] for told in (by_name, by_header, by_option))
    assert by_name["private"] is True


async def test_tools_and_images_go_to_who_can(tmp_path: Path) -> None:
    tool = {"type": "function", "function": {"name": "f", "description": "", "parameters": {"type": "object"}}}
    async with running_router(tmp_path, replace(SMART, remote="tool")) as server:
        told = await explained(server, prompt="Hi", tools=[tool])

    assert decisive(told) == ["abilities"]
    assert told["decision"]["reason"] == "tools"


async def test_shadow_is_told_last(tmp_path: Path) -> None:
    async with running_router(tmp_path, replace(SMART, shadow="local")) as server:
        told = await explained(server, prompt=HARD)

    assert told["stages"][-1]["stage"] == "shadow"
    assert told["decision"]["side"] == "local"
    assert told["decision"]["chosen"] == "remote"


async def test_a_tuning_counts_and_is_read_anew_when_told_to(tmp_path: Path) -> None:
    path = tuning_file(tmp_path, "smart")
    save_tuning(path, Tuning(0.25, {"linear": Platt(1.0, 2.0)}))
    async with running_router(tmp_path) as server:
        first = (await explained(server, prompt="Hello!"))["decision"]
        save_tuning(path, Tuning(0.75))
        server.routing.read_tunings()
        second = (await explained(server, prompt="Hello!"))["decision"]

    assert (first["threshold"], second["threshold"]) == (0.25, 0.75)
    assert first["notes"][0].startswith("raw=")
    assert first["score"] > second["score"]


async def test_a_share_goes_on_after_a_restart(tmp_path: Path) -> None:
    held = replace(SMART, remote_share=0.5)
    body = {"model": "smart", "messages": [{"role": "user", "content": HARD}], "stream": False}
    async with running_router(tmp_path, held) as server:
        for _ in range(20):
            async with server.client.post("/api/chat", json=body) as response:
                assert response.status == 200
        before = (await explained(server, prompt="Hello!"))["decision"]["threshold"]
    async with running_router(tmp_path, held) as server:
        assert (await explained(server, prompt="Hello!"))["decision"]["threshold"] == before


async def test_what_cannot_be_explained_is_refused(tmp_path: Path) -> None:
    bad = {
        "no router": {"model": "gen", "prompt": "Hi"},
        "model is required": {"prompt": "Hi"},
        "either messages or a prompt": {"model": "smart"},
        "give either": {"model": "smart", "prompt": "Hi", "messages": [{"role": "user", "content": "Hi"}]},
        "illegal base64": {"model": "smart", "prompt": "Hi", "images": ["%"]},
        "must be one of": {"model": "smart", "prompt": "Hi", "options": {"route": "mars"}},
    }
    async with running_router(tmp_path) as server:
        for words, body in bad.items():
            async with server.client.post("/api/router/explain", json=body) as response:
                assert response.status == 400
                assert words in (await response.json())["error"]


async def test_a_server_without_routers_says_so(tmp_path: Path) -> None:
    async with (
        running_router(tmp_path / "a") as one,
        one.client.post("/api/router/explain", json={"model": "gen", "prompt": "Hi"}) as response,
    ):
        assert "routers are: smart" in (await response.json())["error"]
    async with (
        running_server(tmp_path / "b") as other,
        other.client.post("/api/router/explain", json={"model": "nope", "prompt": "Hi"}) as response,
    ):
        assert response.status == 404


async def test_the_share_and_the_health_of_sides_are_counted(tmp_path: Path) -> None:
    body = {"model": "smart", "prompt": HARD, "stream": False}
    async with running_router(tmp_path, replace(SMART, remote_share=0.5, remote="nope")) as server:
        async with server.client.post("/api/generate", json=body) as response:
            assert response.status == 200
        async with server.client.get("/metrics") as response:
            counted = await response.text()

    assert 'arriero:router_side_healthy{router="smart",side="local"} 1.0' in counted
    assert 'arriero:router_side_healthy{router="smart",side="remote"} 0.0' in counted
    assert 'arriero:router_remote_share{router="smart"} 0.5' in counted
