"""Holds the share of requests that go remote, among those that the score decides. Pure.

Every window of 200 such requests keeps within two and a half points of the target, and what is sent is what scores
highest, as far as that allows. The threshold is a running quantile of the scores, moved by the error of the share:
little in the middle of the band and steeply at its edges, as is cheapest for a random walk that must stay inside. What
no quantile sees coming, such as scores that rise with every request, is caught by the count: a decision that would lead
out of the band is taken the other way. That always is possible, since to do as with the request that leaves the window
keeps the count.
"""

import math
from bisect import bisect_left, bisect_right, insort
from collections import deque

from msgspec import Struct

# Requests that a share is counted over, and scores that the quantile is taken of.
_WINDOW = 200
# How far the count of a window may be from the target. Six would be three points to the hair, and 66 of 200 is more
# than 0.03 away from 0.3 in floating point.
_BAND = 5
# How much of the error is the mean over the last 1, 2, .. 200 requests; the rest is the window's. The mean knows better
# where the window's count is going, since what will leave it has been seen.
_MEAN_PART = 0.75
# What an error costs, in quantiles: this much at half of the band's width, infinitely much at its edge.
_GAIN = 0.1
_STEEPEST = 0.97
# Quantiles that each request moves the threshold by, for an error of one: a traffic that drifts is not left at an edge.
_DRIFT_GAIN = 0.0003
# A calibrated threshold counts as much as so many scores until two hundred have been seen; a guess as so few.
_CALIBRATED_SCORES = 50
_GUESSED_SCORES = 5
_STRIDE = 31
# Equal scores are told apart by multiples of the golden ratio, which spread most evenly.
_GOLDEN = (math.sqrt(5) - 1) / 2


class ShareVerdict(Struct, frozen=True):
    """Where a request goes.

    threshold: what its score was held against. is_forced: the share decides otherwise than score and threshold would.
    """

    side_is_remote: bool
    threshold: float
    is_forced: bool


class ShareState(Struct, frozen=True):
    """What a controller knows, to be kept over a restart.

    target: share, 0 to 1. scores; was_remote: of the last requests, the oldest first. drift: quantiles that the
    threshold has been moved by. phase: 0 to 1, for the next of equal scores.
    """

    target: float
    scores: tuple[float, ...]
    was_remote: tuple[bool, ...]
    drift: float = 0.0
    phase: float = 0.0


def cold_state(target: float, threshold: float | None = None) -> ShareState:
    """Before the first request. threshold: a calibrated one; None where scores may be spread in any way."""
    knee, known = (1.0 - target, _GUESSED_SCORES) if threshold is None else (threshold, _CALIBRATED_SCORES)
    # In no order, so that what is forgotten first leaves the rest as it was.
    quantiles = [index * _STRIDE % known / known for index in range(known)]
    return ShareState(target, tuple(_expected(each, target, knee) for each in quantiles), _evenly(target))


class ShareController:
    """Decides by score and share. Has one owner.

    Scores are numbers, higher for what should rather go remote. The targets 0 and 1 hold exactly. A step takes some
    microseconds, whatever came before.
    """

    def __init__(self, target: float, initial_threshold: float | None = None) -> None:
        self._take(cold_state(target, initial_threshold))

    @classmethod
    def from_state(cls, state: ShareState, target: float | None = None) -> "ShareController":
        """Go on where another has stopped. target: where it has changed, only what is known of scores is kept."""
        wanted = state.target if target is None else target
        controller = cls(wanted)
        if wanted == state.target and len(state.was_remote) == _WINDOW and state.scores:
            controller._take(state)
        elif state.scores:
            controller._take(ShareState(wanted, state.scores, _evenly(wanted), phase=state.phase))
        return controller

    def to_state(self) -> ShareState:
        """What is known, for ``from_state``."""
        was_remote = tuple(bool(each) for each in self._ring)
        return ShareState(self._target, tuple(self._scores), was_remote, self._drift, self._phase)

    def _take(self, state: ShareState) -> None:
        self._target = state.target
        self._scores = deque(state.scores[-_WINDOW:])
        self._sorted = sorted(self._scores)
        self._ring = deque(map(int, state.was_remote), maxlen=_WINDOW)
        self._count = sum(self._ring)
        # The counts of the last 1, 2, .. 200 requests, added up: a whole number, so that no error gathers.
        self._weighted = sum(place * each for place, each in enumerate(self._ring, 1))
        self._drift = state.drift
        self._phase = state.phase
        aim = state.target * _WINDOW
        band = _BAND if 0.0 < state.target < 1.0 else 0
        self._fewest = math.ceil(aim - band - 1e-9)
        self._most = math.floor(aim + band + 1e-9)

    @property
    def threshold(self) -> float:
        """What the next score will be held against, or nearly so: it counts itself."""
        return self._sorted[self._place(self._level(self._error()))]

    @property
    def remote_share(self) -> float:
        """Of the last 200 requests, 0 to 1; before there were so many, as if the share had been held."""
        return self._count / _WINDOW

    def decide(self, score: float) -> ShareVerdict:
        """Where a request of this score goes. Counts it. score: not NaN."""
        assert not math.isnan(score), "a score is a number"
        self._remember(score)
        error = self._error()
        level = self._level(error)
        threshold = self._sorted[self._place(level)]
        is_wanted = score > threshold or (score == threshold and self._is_upper(score, level))
        rest = self._count - self._ring[0]
        is_remote = rest < self._fewest or (is_wanted and rest < self._most)
        self._drift = min(max(self._drift + _DRIFT_GAIN * error, self._target - 1.0), self._target)
        self._count_in(int(is_remote))
        return ShareVerdict(is_remote, threshold, is_remote != (score >= threshold))

    def _remember(self, score: float) -> None:
        self._scores.append(score)
        insort(self._sorted, score)
        if len(self._scores) > _WINDOW:
            del self._sorted[bisect_left(self._sorted, self._scores.popleft())]

    def _error(self) -> float:
        """Requests too many, between the two ways in which the next one can go."""
        window = self._count - self._ring[0] - self._target * _WINDOW
        mean = (self._weighted - self._count) / _WINDOW - self._target * (_WINDOW + 1) / 2
        return 0.5 + _MEAN_PART * mean + (1.0 - _MEAN_PART) * window

    def _level(self, error: float) -> float:
        """The quantile that a score must reach: up to 0 all do, from 1 on none does."""
        steep = min(max(error / (_BAND + 0.5), -_STEEPEST), _STEEPEST)
        return 1.0 - self._target + self._drift + _GAIN * math.tan(steep * math.pi / 2)

    def _place(self, level: float) -> int:
        return min(max(math.ceil(level * len(self._sorted)), 0), len(self._sorted) - 1)

    def _is_upper(self, score: float, level: float) -> bool:
        """Whether it is among those of equal scores that reach the level."""
        self._phase = (self._phase + _GOLDEN) % 1.0
        fewer, most = bisect_left(self._sorted, score), bisect_right(self._sorted, score)
        return fewer + self._phase * (most - fewer) >= level * len(self._sorted)

    def _count_in(self, remote: int) -> None:
        self._weighted += _WINDOW * remote - self._count
        self._count += remote - self._ring[0]
        self._ring.append(remote)


def _evenly(target: float) -> tuple[bool, ...]:
    """Decisions as if the share had been held all along."""
    return tuple(math.floor((place + 1) * target + 0.5) > math.floor(place * target + 0.5) for place in range(_WINDOW))


def _expected(quantile: float, target: float, threshold: float) -> float:
    """A score at this quantile, where that share of them reaches the threshold: dense around it, and within 0 and 1."""
    below = 1.0 - target - quantile
    if below > 0.0:
        return threshold - threshold * (below / (1.0 - target)) ** 2
    return threshold + (1.0 - threshold) * (below / target) ** 2
