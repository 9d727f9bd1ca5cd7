import pytest

from benchmarks.estimates import cost_per_chunk, median_ratio, percentile


def test_percentiles_are_values_or_lie_between_two() -> None:
    values = [30.0, 10.0, 20.0, 40.0]
    assert [percentile(values, percent) for percent in (0, 50, 100)] == [10.0, 25.0, 40.0]


def test_the_percentile_of_one_value_is_that_value() -> None:
    assert percentile([7.0], 99) == 7.0


def test_the_ratio_is_the_median_of_the_pairs() -> None:
    interval = median_ratio([(90.0, 100.0), (100.0, 100.0), (220.0, 200.0)])
    assert interval.estimate == 1.0
    assert interval.low <= 1.0 <= interval.high


def test_pairs_that_slow_down_together_leave_the_ratio_sharp() -> None:
    interval = median_ratio([(speed * 0.5, speed) for speed in (100.0, 3.0, 47.0, 80.0)])
    assert (interval.low, interval.estimate, interval.high) == (0.5, 0.5, 0.5)


def test_the_interval_spreads_with_the_ratios() -> None:
    near = median_ratio([(100.0 + step, 100.0) for step in range(-5, 6)])
    far = median_ratio([(100.0 + 5 * step, 100.0) for step in range(-5, 6)])
    assert far.high - far.low > near.high - near.low > 0


def test_the_same_pairs_give_the_same_interval() -> None:
    pairs = [(float(value), 10.0) for value in range(8, 14)]
    assert median_ratio(pairs) == median_ratio(pairs)


def test_a_chunk_costs_what_a_longer_answer_costs_more() -> None:
    assert cost_per_chunk(short=300.0, long=940.0, extra_chunks=64) == pytest.approx(10.0)
