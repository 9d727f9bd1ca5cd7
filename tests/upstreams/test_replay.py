"""Every scenario, on what real engines have said to it."""

import re
from pathlib import Path

import pytest

from tests.upstreams.recording import recording
from tests.upstreams.replay import replaying
from tests.upstreams.scenario import FACTS, Scenario, Site, situation
from tests.upstreams.scenarios import SCENARIOS, cases
from tests.upstreams.tape import TAPES, read_tape, tape_path, without_repeats

CASES = list(cases())


@pytest.mark.parametrize(("site", "scenario"), CASES, ids=[f"{site}-{scenario.name}" for site, scenario in CASES])
async def test_a_real_engine_is_understood(site: Site, scenario: Scenario) -> None:
    names = dict.fromkeys((FACTS, scenario.name))
    tapes = [read_tape(tape_path(site, name)) for name in names if tape_path(site, name).exists()]
    assert len(tapes) == len(names), f"{scenario.name} is not recorded: scripts/record-engines"
    async with replaying(*tapes) as replay:
        try:
            async with situation(site, replay.url) as at:
                await scenario.run(at)
        finally:
            assert replay.unknown == [], "these requests are not recorded: scripts/record-engines"


def test_every_tape_belongs_to_a_scenario() -> None:
    known = {tape_path(site, scenario.name) for site, scenario in CASES}
    assert set(TAPES.glob("*/*.json")) <= known


@pytest.mark.parametrize("name", ["chat_answer", "death_in_mid_answer", "required_tool"])
async def test_a_replay_gives_the_same_tape_when_it_is_recorded(name: str) -> None:
    scenario = next(each for each in SCENARIOS if each.name == name)
    facts, tape = read_tape(tape_path("vllm", FACTS)), read_tape(tape_path("vllm", name))
    async with replaying(facts, tape) as replay, recording(replay.url) as recorder:
        async with situation("vllm", recorder.url) as at:
            await scenario.run(at)
        await recorder.settle()
    assert without_repeats(recorder.exchanges, facts.exchanges) == tape.exchanges


@pytest.mark.parametrize("path", sorted(TAPES.glob("*/*.json")), ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_tape_tells_nothing_of_the_machine_that_recorded_it(path: Path) -> None:
    text = path.read_text()
    assert not [place for place in ("/root", "/home", "/tmp", "/Users", ".cache") if place in text]
    assert {path.rpartition("/")[0] for path in re.findall(r'_(?:path|template)": "(/[^"]*)', text)} <= {"/models"}
    assert set(re.findall(r"127\.0\.0\.1:\d+", text)) <= {"127.0.0.1:1"}


def test_scenarios_have_names_of_their_own() -> None:
    assert len({scenario.name for scenario in SCENARIOS}) == len(SCENARIOS)
