"""What routers decide is written down and counted, and what came of it."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from arriero.engines.fake import Script
from arriero.errors import EngineDied, EngineFailed, EngineUnreachable, UpstreamsDown
from arriero.metrics.routing import RoutingMetrics
from arriero.router.decision_database import read_rows
from arriero.router.decision_log import DecisionLog, LogSettings
from arriero.router.decision_rows import DecisionRow
from arriero.router.rules import Rule
from arriero.router.settings import Limits, Prices
from arriero.router.subject import Subject
from arriero.runners.route_record import Recorder
from arriero.types.routing import Reason, Score, Wish
from tests.router.factories_routing import LOCAL, REMOTE, ScriptedScorer, subject
from tests.runners.routers import Bench, bench, chat, gone
from tests.serving import until

DOWN = EngineUnreachable("connection refused")


@dataclass(frozen=True, slots=True)
class Recorded:
    """A router whose decisions are written down."""

    bench: Bench
    registry: CollectorRegistry
    recorder: Recorder
    path: Path

    def count(self, name: str, **labels: str) -> float | None:
        """What has been counted."""
        return self.registry.get_sample_value(f"arriero:{name}", {"router": "smart", **labels})

    async def rows(self) -> list[DecisionRow]:
        """What has been written down; nothing more is."""
        await self.recorder.aclose()
        return read_rows(self.path)


# The caller names fields of RouterSettings.
@asynccontextmanager
async def recorded(path: Path, **changes: Any) -> AsyncIterator[Recorded]:
    registry = CollectorRegistry()
    log = DecisionLog(path / "decisions.db", LogSettings(frozenset({"smart"})))
    recorder = Recorder(log, RoutingMetrics(registry))
    made = bench(recorder=recorder, **{"keeps_log": True, **changes})
    try:
        yield Recorded(made, registry, recorder, path / "decisions.db")
    finally:
        await recorder.aclose()


class SlowScorer(ScriptedScorer):
    """A scripted scorer that takes a while, without an event to wait for."""

    took_ms = 2.0

    async def score(self, subject: Subject) -> Score:
        began_ns = time.perf_counter_ns()
        while time.perf_counter_ns() - began_ns < self.took_ms * 1e6:
            pass
        return await ScriptedScorer.score(self, subject)


async def turns_of_the_loop() -> None:
    """Enough of them for what is begun to be asked."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_an_answer_is_written_down_with_what_it_took(tmp_path: Path) -> None:
    async with recorded(tmp_path) as log:
        await log.bench.ask("hard", wish=Wish(session="mine"))
        (row,) = await log.rows()

    assert (row.router, row.decision.side, row.decision.reason, row.prompt) == ("smart", "remote", Reason.SCORE, "hard")
    assert row.session
    assert row.session != "mine"
    assert not row.is_shadow
    assert row.outcome
    assert (row.outcome.completion_tokens, row.outcome.finish_reason, row.outcome.error) == (3, "stop", "")
    assert row.outcome.ttft_ms is not None
    assert row.outcome.total_ms is not None
    assert 0 <= row.outcome.ttft_ms <= row.outcome.total_ms


async def test_what_deciding_takes_is_part_of_the_time_to_the_first_byte(tmp_path: Path) -> None:
    async with recorded(tmp_path, scorer=SlowScorer()) as log:
        await log.bench.ask("hard")
        (row,) = await log.rows()

    assert row.outcome
    assert row.outcome.ttft_ms is not None
    assert row.outcome.ttft_ms >= row.decision.took_ms >= SlowScorer.took_ms


async def test_what_the_user_does_not_want_written_down_is_not(tmp_path: Path) -> None:
    async with recorded(tmp_path, keeps_log=False) as log:
        await log.bench.ask("hard")
        assert await log.rows() == []
        assert log.count("router_decisions_total", side="remote", reason="score") == 1


async def test_an_answer_that_breaks_off_is_written_down_by_its_kind_and_without_its_words(tmp_path: Path) -> None:
    async with recorded(tmp_path) as log:
        log.bench.remote.script = Script((("a",), ("b",)), error=EngineDied("the secret is out"), fail_after=1)
        with pytest.raises(EngineDied):
            await log.bench.ask("hard")
        (row,) = await log.rows()

    assert row.outcome
    assert (row.outcome.error, row.outcome.finish_reason) == ("EngineDied", "")


async def test_an_answer_that_nobody_waits_for_any_more_is_cancelled(tmp_path: Path) -> None:
    async with recorded(tmp_path) as log:
        log.bench.remote.script = Script((("a",),), hang=True)
        asking = asyncio.create_task(log.bench.ask("hard"))
        await until(log.bench.remote, lambda: log.bench.remote.running == 1)
        await turns_of_the_loop()
        await gone(asking)
        (row,) = await log.rows()

    assert row.outcome
    assert row.outcome.error == "cancelled"


async def test_a_failure_is_written_down_with_who_answered_instead_and_counted(tmp_path: Path) -> None:
    async with recorded(tmp_path) as log:
        log.bench.fails(REMOTE, DOWN)
        await log.bench.ask("hard")
        assert log.count("router_failovers_total", from_side="remote") == 1
        (row,) = await log.rows()

    assert (row.decision.side, row.decision.chosen, row.decision.reason) == ("local", "remote", Reason.FAILOVER)


@pytest.mark.parametrize("times", [1, 3])
async def test_the_words_of_a_side_that_has_failed_are_not_written_down(tmp_path: Path, times: int) -> None:
    async with recorded(tmp_path) as log:
        log.bench.fails(REMOTE, EngineFailed("cannot parse: the secret is 42", 500))
        for _ in range(times):
            told = await log.bench.ask("hard")
        rows = await log.rows()

    assert "secret" in told.decision.detail
    assert [row.decision.reason for row in rows] == [Reason.FAILOVER] * times
    assert {row.decision.detail for row in rows} == {""}


async def test_a_second_look_is_written_down_and_counted(tmp_path: Path) -> None:
    async with recorded(tmp_path, looks_twice=True) as log:
        log.bench.local.script = Script(())
        await log.bench.ask("easy")
        assert log.count("router_second_looks_total", finding="empty") == 1
        (row,) = await log.rows()

    assert row.outcome
    assert (row.outcome.second_look, row.decision.model) == ("empty", REMOTE)


async def test_a_shadow_is_written_down_as_one(tmp_path: Path) -> None:
    async with recorded(tmp_path, shadow="local") as log:
        await log.bench.ask("hard")
        await log.bench.ask("hard", wish=Wish("remote"))
        rows = await log.rows()

    assert [(row.is_shadow, row.decision.side, row.decision.chosen) for row in rows] == [
        (True, "local", "remote"),
        (False, "remote", None),
    ]


async def test_answers_under_way_are_counted_up_and_down(tmp_path: Path) -> None:
    async with recorded(tmp_path) as log:
        async with log.bench.begun(chat("easy")):
            assert log.count("router_in_flight", side="local") == 1
        assert log.count("router_in_flight", side="local") == 0


async def test_a_request_that_nobody_can_answer_is_written_down_as_an_error(tmp_path: Path) -> None:
    async with recorded(tmp_path) as log:
        for model in (LOCAL, REMOTE):
            log.bench.fails(model, DOWN)
        with pytest.raises(UpstreamsDown):
            await log.bench.ask("hard")
        [row] = await log.rows()
        assert (row.decision.side, row.outcome and row.outcome.error) == ("remote", "UpstreamsDown")


@pytest.mark.parametrize(
    ("text", "name", "wish"),
    [
        ("easy", "smart:local", Wish()),
        ("hard", "smart", Wish("local")),
        ("hard", "smart:remote", Wish("local")),
        ("a secret", "smart", Wish()),
        ("a secret", "smart", Wish("remote")),
    ],
)
async def test_a_private_request_is_never_answered_by_both(tmp_path: Path, text: str, name: str, wish: Wish) -> None:
    private = Rule("keep", "private", ("secret",))
    async with recorded(tmp_path, asks_both=1.0, rules=(private,)) as log:
        await log.bench.ask(text, name=name, wish=wish)
        await turns_of_the_loop()
        assert log.bench.carrier.asked == [LOCAL]


async def test_an_open_request_may_be_answered_by_both(tmp_path: Path) -> None:
    async with recorded(tmp_path, asks_both=1.0) as log:
        await log.bench.ask("easy")
        await turns_of_the_loop()
        assert log.bench.carrier.asked == [LOCAL, REMOTE]


async def test_unlogged_or_while_the_other_side_has_enough_to_do_one_answer_is_all(tmp_path: Path) -> None:
    for changes in ({"keeps_log": False}, {"limits": {"remote": Limits(1)}}):
        async with recorded(tmp_path, asks_both=1.0, **changes) as log, log.bench.begun(chat("hard")):
            await log.bench.ask("easy")
            await turns_of_the_loop()
            assert log.bench.carrier.asked == [REMOTE, LOCAL]


async def test_a_second_answer_costs_what_it_has_cost(tmp_path: Path) -> None:
    prices = Prices(price_out=1_000_000.0, budget=1000.0)
    async with recorded(tmp_path, asks_both=1.0, prices=prices) as log:
        before = log.bench.router.pay(subject("easy"))
        log.bench.router.refund(before)
        await log.bench.ask("easy")
        await turns_of_the_loop()
        # Of the estimate of several hundred tokens, three are left to be paid.
        assert log.bench.router.pay(subject("easy")) < before / 10


async def test_without_log_and_metrics_nothing_is_missing() -> None:
    made = bench(keeps_log=True)

    assert (await made.ask("easy")).text == "small talk"
    await made.routing.aclose()
