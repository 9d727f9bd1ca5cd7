import pytest

from arriero.router.decision_rows import Outcome
from arriero.router.settings import Prices
from arriero.router.statistics import Count, DayShare, Latency, statistics_of
from arriero.router.statistics_tables import tables
from arriero.types.routing import Reason, Score
from tests.router.factories_decisions import NOON_S, decision, row

DAY_S = 86_400.0
PRICES = Prices(price_in=2.0, price_out=10.0)


def test_nothing_has_no_statistics_to_print() -> None:
    nothing = statistics_of([], PRICES)

    assert (nothing.decisions, nothing.remote_share, nothing.first_s, nothing.judge.mean_ms) == (0, 0.0, None, None)
    assert tables(nothing) == []


def test_sides_reasons_and_scorers_are_counted() -> None:
    found = statistics_of(
        [
            row(decision("local", score=Score(0.1, "linear"))),
            row(decision("local", score=Score(0.2, "judge"))),
            row(decision("local", score=Score(0.2, "linear"))),
            row(decision("remote", reason=Reason.TOOLS, score=None)),
        ]
    )

    assert [(side.side, side.decisions, side.share) for side in found.sides] == [
        ("local", 3, 0.75),
        ("remote", 1, 0.25),
    ]
    assert found.remote_share == 0.25
    assert found.reasons == (Count("score", 3, 0.75), Count("tools", 1, 0.25))
    assert found.scorers == (Count("linear", 2, 0.5), Count("judge", 1, 0.25))


def test_each_day_has_its_share() -> None:
    midnight_s = NOON_S + DAY_S / 2
    rows = [
        row(decision("remote"), at_s=midnight_s),
        row(decision(), at_s=midnight_s - 1),
        row(decision(), at_s=NOON_S),
    ]

    found = statistics_of([*rows, row(decision("remote"), at_s=NOON_S)])

    assert found.days == (DayShare("2026-03-01", 3, 1 / 3), DayShare("2026-03-02", 1, 1.0))
    assert (found.first_s, found.last_s) == (NOON_S, midnight_s)


def test_scores_fall_into_ten_bins() -> None:
    scores = [0.0, 0.05, 0.1, 0.95, 1.0]
    rows = [row(decision("remote" if score > 0.5 else "local", score=Score(score, "linear"))) for score in scores]

    found = statistics_of(rows).scores

    assert [each.local for each in found] == [2, 1, 0, 0, 0, 0, 0, 0, 0, 0]
    assert [each.remote for each in found] == [0, 0, 0, 0, 0, 0, 0, 0, 0, 2]
    assert (found[1].low, found[1].high) == (0.1, 0.2)


def test_the_judge_is_measured_by_what_it_was_asked_anew() -> None:
    scores = [
        Score(0.1, "judge", 10.0, "SIMPLE"),
        Score(0.9, "judge", 30.0, "COMPLEX", ("bounded",)),
        Score(0.9, "judge", 0.1, "COMPLEX", ("cached",)),
        Score(0.4, "linear", 0.1, notes=("judge_timeout",)),
        Score(0.4, "linear", 0.1),
    ]

    judge = statistics_of([row(decision(score=score)) for score in scores]).judge

    assert (judge.asked, judge.cached, judge.failed, judge.mean_ms) == (4, 1, 1, 20.0)
    assert judge.failures == (Count("timeout", 1, 0.25),)


def test_latencies_are_those_that_were_measured() -> None:
    outcomes = [Outcome(ttft_ms=float(n), total_ms=10.0 * n) for n in range(1, 101)]
    rows = [row(decision(), outcome) for outcome in [*outcomes, Outcome(error="EngineDied"), None]]

    local, remote = statistics_of(rows).sides

    assert (local.ttft, local.total) == (Latency(50.0, 95.0), Latency(500.0, 950.0))
    assert (local.errors, remote.ttft) == (1, Latency(None, None))


def test_remote_tokens_cost_and_local_ones_save() -> None:
    outcome = Outcome(prompt_tokens=500_000, completion_tokens=100_000)
    rows = [row(decision("remote"), outcome), row(decision("local"), outcome), row(decision("local"), outcome)]

    found = statistics_of(rows, PRICES)

    local, remote = found.sides
    assert (local.cost, remote.cost, found.saved) == (None, 2.0, 4.0)
    assert (local.prompt_tokens, local.completion_tokens) == (1_000_000, 200_000)


@pytest.mark.parametrize("prices", [None, Prices()])
def test_without_prices_nothing_costs_anything(prices: Prices | None) -> None:
    found = statistics_of([row(decision("remote"), Outcome(prompt_tokens=5))], prices)

    assert (found.sides[1].cost, found.saved) == (None, None)


def test_where_tokens_are_not_told_the_prompt_is_estimated() -> None:
    rows = [row(decision(), Outcome(finish_reason="stop")), row(decision(), Outcome(error="EngineDied"))]

    assert statistics_of(rows).sides[0].prompt_tokens == 10


def test_failovers_and_second_looks_are_counted() -> None:
    rows = [
        row(decision("remote", reason=Reason.FAILOVER, chosen="local")),
        row(decision("remote", reason=Reason.SECOND_LOOK, chosen="local"), Outcome(second_look="empty")),
        row(decision(), Outcome()),
    ]

    found = statistics_of(rows)

    assert (found.failovers, found.second_looks) == (1, (Count("empty", 1, 1 / 3),))


def test_shadow_tells_how_often_it_would_have_differed() -> None:
    rows = [
        row(decision("remote", chosen="local"), is_shadow=True),
        row(decision("remote"), is_shadow=True),
        row(decision("remote", chosen="local")),
    ]

    found = statistics_of(rows)

    assert (found.shadow, found.differing) == (2, 1)


def test_tables_have_rows_of_equal_length_under_a_head() -> None:
    score = Score(0.9, "judge", 1_500.0, "COMPLEX")
    failed = Score(0.2, "linear", notes=("judge_timeout",))
    outcome = Outcome(12.3456, 1_234.0, 1_000, 200, "stop", second_look="empty")
    rows = [row(decision("remote", score=score), outcome), row(decision(score=failed, chosen="remote"), is_shadow=True)]

    found = {table.title: table.rows for table in tables(statistics_of(rows, PRICES))}

    assert list(found) == ["Sides", "Reasons", "Scorers", "Scores", "Judge", "Second looks", "Days", "Besides"]
    for table in found.values():
        assert len({len(each) for each in table}) == 1
    assert found["Sides"][2] == (
        *("remote", "1", "50.0 %", "0", "12.3 ms", "12.3 ms", "1.23 s", "1.23 s", "1000", "200", "0.004"),
    )
    assert found["Scores"][3] == ("0.2-0.3", "1", "0", "#" * 20)
    assert found["Judge"][-1] == ("mean", "1.50 s")
    assert found["Days"][1] == ("2026-03-01", "2", "50.0 %")
    assert found["Besides"][-2] == ("in shadow, to the other side", "1 (100.0 %)")


def test_what_has_nothing_to_tell_has_no_table() -> None:
    titles = [table.title for table in tables(statistics_of([row(decision(reason=Reason.FORCED, score=None))]))]

    assert titles == ["Sides", "Reasons", "Days", "Besides"]
