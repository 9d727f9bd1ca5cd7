"""What remote answers cost is capped by a bucket of money."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arriero.router.cost import AnswerLength, CostCap, Purse, price
from arriero.router.settings import Prices

_HOUR_S = 3600.0


def _cap(budget: float = 6.0) -> CostCap:
    return CostCap(budget, _HOUR_S, now_s=0.0)


def test_a_price_is_of_a_million_tokens() -> None:
    assert price(Prices(price_in=2.0, price_out=10.0), 500_000, 100_000) == pytest.approx(2.0)


def test_a_whole_period_can_be_spent_at_once() -> None:
    cap = _cap()
    assert cap.may_spend(0.0, 6.0)
    cap.spend(0.0, 6.0)
    assert not cap.may_spend(0.0, 0.01)


def test_money_flows_in_with_time_and_no_more_than_a_budget_is_saved_up() -> None:
    cap = _cap()
    cap.spend(0.0, 6.0)
    assert cap.left(600.0) == pytest.approx(1.0)
    assert cap.may_spend(600.0, 0.99)
    assert not cap.may_spend(600.0, 1.01)
    assert cap.left(10 * _HOUR_S) == 6.0


def test_what_is_owed_is_paid_back_with_time() -> None:
    cap = _cap()
    cap.spend(0.0, 9.0)
    assert cap.left(0.0) == -3.0
    assert not cap.may_spend(1799.0, 0.01)
    assert cap.may_spend(1860.0, 0.05)


def test_an_estimate_is_put_right_by_what_the_answer_has_cost() -> None:
    cap = _cap()
    cap.spend(0.0, 2.0)
    cap.settle(0.0, 2.0, 0.5)
    assert cap.left(0.0) == pytest.approx(5.5)
    cap.settle(0.0, 0.0, 1.0)
    assert cap.left(0.0) == pytest.approx(4.5)


def test_a_refund_gives_back_no_more_than_fits() -> None:
    cap = _cap()
    cap.spend(0.0, 2.0)
    cap.refund(_HOUR_S, 2.0)
    assert cap.left(_HOUR_S) == 6.0


def test_requests_under_way_at_once_do_not_spend_the_same_money() -> None:
    cap = _cap(budget=1.0)
    allowed = 0
    for _ in range(10):
        if cap.may_spend(0.0, 0.3):
            cap.spend(0.0, 0.3)
            allowed += 1
    assert allowed == 3


def test_a_request_dearer_than_the_budget_never_may() -> None:
    assert not _cap().may_spend(100 * _HOUR_S, 6.01)


def test_what_is_free_always_may() -> None:
    cap = _cap(budget=0.0)
    assert cap.may_spend(0.0, 0.0)
    assert not cap.may_spend(0.0, 0.01)
    cap = _cap()
    cap.spend(0.0, 100.0)
    assert cap.may_spend(0.0, 0.0)


def test_a_clock_that_jumps_back_gives_nothing() -> None:
    cap = CostCap(6.0, _HOUR_S, now_s=1000.0)
    cap.spend(1000.0, 6.0)
    assert cap.left(0.0) == 0.0


def test_a_purse_survives_a_restart() -> None:
    cap = _cap()
    cap.spend(0.0, 5.0)
    purse = msgspec.json.decode(msgspec.json.encode(cap.purse), type=Purse)
    assert CostCap(6.0, _HOUR_S, 600.0, purse).left(600.0) == pytest.approx(2.0)
    assert CostCap(1.0, _HOUR_S, 600.0, purse).left(600.0) == 1.0


@given(st.lists(st.tuples(st.floats(0.0, 300.0), st.floats(0.0, 2.0)), max_size=100))
def test_no_more_is_spent_than_one_budget_and_what_has_flowed_in(steps: list[tuple[float, float]]) -> None:
    cap, now_s, spent = _cap(), 0.0, 0.0
    for pause_s, amount in steps:
        now_s += pause_s
        if cap.may_spend(now_s, amount):
            cap.spend(now_s, amount)
            spent += amount
    assert spent <= 6.0 + 6.0 * now_s / _HOUR_S + 1e-6


def test_the_length_of_answers_is_learned() -> None:
    length = AnswerLength()
    assert length.expected_tokens() == 400.0
    assert length.after(100).expected_tokens() == 100.0
    assert length.after(100).after(200).expected_tokens() == pytest.approx(150.0)
    for _ in range(1000):
        length = length.after(1000)
    for _ in range(500):
        length = length.after(10)
    assert length.expected_tokens() < 15.0


def test_an_answer_is_no_longer_than_the_request_allows() -> None:
    assert AnswerLength(300.0, 10).expected_tokens(50) == 50.0
    assert AnswerLength(300.0, 10).expected_tokens(5000) == 300.0
