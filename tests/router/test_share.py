"""The share of requests that go remote is held over every window of two hundred."""

import random
from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arriero.router.share import ShareController, ShareState

_WINDOW = 200
_BAND = 5


def _decide(controller: ShareController, scores: Sequence[float]) -> list[bool]:
    return [controller.decide(score).side_is_remote for score in scores]


def _worst_deviation(remote: Sequence[bool], target: float) -> float:
    """Requests by which the worst of all windows misses the target."""
    windows = [sum(remote[start : start + _WINDOW]) for start in range(len(remote) - _WINDOW + 1)]
    return max(abs(count - target * _WINDOW) for count in windows)


def _random_scores(number: int, seed: int = 0) -> list[float]:
    chance = random.Random(seed)
    return [chance.random() for _ in range(number)]


@settings(max_examples=40, deadline=None)
@given(
    target=st.sampled_from([0.0, 0.03, 0.1, 0.3, 1 / 3, 0.5, 0.77, 1.0]),
    pattern=st.lists(st.one_of(st.floats(0, 1), st.sampled_from([0.0, 0.5, 1.0])), min_size=1, max_size=300),
    threshold=st.none() | st.floats(0, 1),
)
def test_every_window_is_within_the_band_whatever_the_scores(
    target: float, pattern: list[float], threshold: float | None
) -> None:
    scores = (pattern * (600 // len(pattern) + 1))[:600]
    remote = _decide(ShareController(target, threshold), scores)
    assert _worst_deviation(remote, target) <= _BAND + 1e-9


@pytest.mark.parametrize("is_rising", [True, False])
def test_sorted_scores_keep_the_share(is_rising: bool) -> None:
    remote = _decide(ShareController(0.3), sorted(_random_scores(3000), reverse=not is_rising))
    assert _worst_deviation(remote, 0.3) <= _BAND
    assert sum(remote) / 3000 == pytest.approx(0.3, abs=0.015)


def test_a_traffic_that_changes_at_once_keeps_the_share() -> None:
    low, high = _random_scores(1000), _random_scores(1000, 1)
    scores = [each * 0.1 for each in low] + [0.9 + each * 0.1 for each in high] + [each * 0.2 for each in low]
    assert _worst_deviation(_decide(ShareController(0.3), scores), 0.3) <= _BAND


@pytest.mark.parametrize("target", [0.0, 1.0])
def test_none_and_all_hold_exactly(target: float) -> None:
    scores = [0.0, 1.0, 0.5] * 200 + sorted(_random_scores(500))
    assert set(_decide(ShareController(target), scores)) == {target == 1.0}


def test_a_constant_score_is_spread_evenly() -> None:
    controller = ShareController(0.3)
    _decide(controller, [0.5] * 300)
    remote = _decide(controller, [0.5] * 1000)
    tens = [sum(remote[start : start + 10]) for start in range(0, 1000, 10)]
    assert sum(remote) == pytest.approx(300, abs=6)
    assert set(tens) <= {2, 3, 4}


def test_what_scores_highest_goes() -> None:
    scores = _random_scores(4000)
    remote = _decide(ShareController(0.3), scores)
    sent = [score for score, is_remote in zip(scores, remote, strict=True) if is_remote]
    # The highest three tenths have a mean of 0.85; any three tenths, of 0.5.
    assert sum(sent) / len(sent) > 0.84


def test_the_threshold_settles_at_the_quantile() -> None:
    controller = ShareController(0.3)
    _decide(controller, _random_scores(2000))
    thresholds = [controller.decide(score).threshold for score in _random_scores(2000, 1)]
    assert sum(thresholds) / len(thresholds) == pytest.approx(0.7, abs=0.02)


def test_a_calibrated_threshold_decides_from_the_first_request() -> None:
    verdicts = [ShareController(0.3, 0.12).decide(score) for score in (0.02, 0.3)]
    assert [each.side_is_remote for each in verdicts] == [False, True]
    assert [each.is_forced for each in verdicts] == [False, False]
    assert ShareController(0.3, 0.12).threshold == pytest.approx(0.12, abs=0.02)


def test_a_verdict_tells_when_the_share_has_overruled_the_score() -> None:
    controller = ShareController(0.3)
    scores = sorted(_random_scores(1000))
    verdicts = [controller.decide(score) for score in scores]
    overruled = [each.side_is_remote != (score >= each.threshold) for each, score in zip(verdicts, scores, strict=True)]
    assert [each.is_forced for each in verdicts] == overruled
    assert any(overruled)


def test_the_share_seldom_overrules_a_traffic_that_stays_what_it_is() -> None:
    controller = ShareController(0.3)
    verdicts = [controller.decide(score) for score in _random_scores(3000)]
    assert sum(each.is_forced for each in verdicts) < 0.02 * len(verdicts)


def test_a_restart_goes_on_where_it_stopped() -> None:
    scores = _random_scores(500) + [0.5] * 50
    controller = ShareController(0.3, 0.6)
    _decide(controller, scores)
    state = msgspec.json.decode(msgspec.json.encode(controller.to_state()), type=ShareState)
    again = ShareController.from_state(state)
    later = _random_scores(300, 2) + [0.5] * 50
    assert [again.decide(score) for score in later] == [controller.decide(score) for score in later]


def test_a_new_target_holds_at_once_and_keeps_what_is_known_of_scores() -> None:
    controller = ShareController(0.3)
    _decide(controller, [each * 0.1 for each in _random_scores(500)])
    again = ShareController.from_state(controller.to_state(), 0.6)
    assert again.threshold == pytest.approx(0.04, abs=0.01)
    assert _worst_deviation(_decide(again, _random_scores(500)), 0.6) <= _BAND


def test_a_state_that_is_short_of_decisions_starts_cold() -> None:
    again = ShareController.from_state(ShareState(0.5, (0.2, 0.8), (True,)))
    assert _worst_deviation(_decide(again, _random_scores(400)), 0.5) <= _BAND
    assert ShareController.from_state(ShareState(0.5, (), ())).threshold == pytest.approx(0.5, abs=0.2)


def test_what_it_remembers_is_bounded() -> None:
    controller = ShareController(0.3)
    _decide(controller, _random_scores(5000))
    state = controller.to_state()
    assert len(state.scores) == len(state.was_remote) == _WINDOW
