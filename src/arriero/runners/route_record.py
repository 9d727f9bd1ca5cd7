"""Tells the log and the metrics what routers have decided, and what came of it."""

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import Self

from msgspec.structs import replace

from arriero.errors import ArrieroError
from arriero.metrics.routing import RoutingMetrics
from arriero.router.decision_log import DecisionLog
from arriero.router.decision_rows import DecisionRow, Outcome
from arriero.router.health import States
from arriero.router.router import Router
from arriero.router.second_look import Finding
from arriero.router.settings import RouterSettings
from arriero.runners.routed_answer import Asked
from arriero.types.chat import ToolCall
from arriero.types.events import Event, Finished, TextDelta, ToolCallDelta
from arriero.types.routing import Decision, Reason

logger = logging.getLogger(__name__)

# Takes what became of a decision.
Finish = Callable[[Outcome], None]
# Their details are what a side has said that failed.
_OF_FAILURES = frozenset({Reason.FAILOVER, Reason.UNHEALTHY})


class Recorder:
    """For all routers of a server. log: None where nothing is written down; metrics: None where nobody counts."""

    def __init__(self, log: DecisionLog | None = None, metrics: RoutingMetrics | None = None) -> None:
        self._log = log
        self._metrics = metrics

    def decided(
        self, settings: RouterSettings, asked: Asked, decision: Decision, finding: Finding | None
    ) -> "Recording":
        """A request has found who answers it; what comes of that is told to the recording."""
        _log_line(settings, decision)
        if self._metrics is not None:
            self._count(self._metrics, settings.name, decision, finding)
        finish: Finish | None = None
        log = self._log if settings.keeps_log else None
        if log is not None:
            number = log.write(
                DecisionRow(
                    time.time(),
                    settings.name,
                    _loggable(decision),
                    session=asked.wish.session,
                    prompt=asked.subject.text,
                    prompt_tokens=asked.subject.prompt_tokens,
                    is_shadow=settings.shadow is not None and not decision.is_firm,
                )
            )
            finish = partial(log.finish, number)
        return Recording(settings.name, decision, finding, self._metrics, finish, asked.came_ns)

    def failed(self, settings: RouterSettings, asked: Asked, decision: Decision, error: ArrieroError) -> None:
        """A request was decided, and nobody could answer it."""
        with suppress(ArrieroError), self.decided(settings, asked, decision, None):
            raise error
        if self._metrics is not None:
            self._metrics.failed(settings.name, decision.side, type(error).__name__)

    def saw(self, router: Router, states: States) -> None:
        """A request has come, and this is how the sides are then."""
        if self._metrics is not None:
            for side, state in states.items():
                self._metrics.found_healthy(router.settings.name, side, is_healthy=not state.error)
            if router.share is not None:
                self._metrics.shared(router.settings.name, router.share.remote_share)

    @property
    def log(self) -> DecisionLog | None:
        """Where decisions are written down."""
        return self._log

    async def aclose(self) -> None:
        """Write down what waits to be."""
        if self._log is not None:
            await self._log.aclose()

    @staticmethod
    def _count(metrics: RoutingMetrics, router: str, decision: Decision, finding: Finding | None) -> None:
        metrics.decided(router, decision)
        if decision.reason is Reason.FAILOVER and decision.chosen is not None:
            metrics.failed_over(router, decision.chosen)
        if finding is not None:
            metrics.looked_again(router, finding)


class Recording:
    """One answer under way: enter it, and give it all events. text, calls, finished: what was answered, so far.

    finish: is told what became of it; None where nothing is written down. came_ns: when the request came
    (``time.perf_counter_ns``).
    """

    def __init__(
        self,
        router: str,
        decision: Decision,
        finding: Finding | None,
        metrics: RoutingMetrics | None,
        finish: Finish | None,
        came_ns: int,
    ) -> None:
        self._router = router
        self._decision = decision
        self._finding = finding
        self._metrics = metrics
        self._finish = finish
        self._came_ns = came_ns
        self._first_ns = 0
        self._pieces: list[str] = []
        self.calls: list[ToolCall] = []
        self.finished: Finished | None = None

    @property
    def text(self) -> str:
        """What was answered."""
        return "".join(self._pieces)

    def told(self, events: Sequence[Event]) -> Sequence[Event]:
        """Take note of events, which are handed on."""
        self._first_ns = self._first_ns or time.perf_counter_ns()
        for event in events:
            if type(event) is TextDelta:
                self._pieces.append(event.text)
            elif type(event) is ToolCallDelta:
                self.calls.append(event.call)
            elif type(event) is Finished:
                self.finished = event
        return events

    def __enter__(self) -> Self:
        if self._metrics is not None:
            self._metrics.began(self._router, self._decision.side)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._metrics is not None:
            self._metrics.ended(self._router, self._decision.side)
        if self._finish is not None:
            self._finish(self._outcome(error))

    def _outcome(self, error: BaseException | None) -> Outcome:
        now_ns, finished = time.perf_counter_ns(), self.finished
        usage = finished.usage if finished else None
        # Their messages may tell of the prompt: the kind has to do.
        kind = type(error).__name__ if isinstance(error, ArrieroError) else "cancelled" if error else ""
        return Outcome(
            ttft_ms=(self._first_ns - self._came_ns) / 1e6 if self._first_ns else None,
            total_ms=(now_ns - self._came_ns) / 1e6,
            prompt_tokens=usage.prompt_tokens if usage else None,
            completion_tokens=usage.completion_tokens if usage else None,
            finish_reason=finished.reason if finished else "",
            error=kind,
            second_look=self._finding or "",
        )


def _loggable(decision: Decision) -> Decision:
    """A decision as it is written down: without words of a server's, which may tell of the prompt."""
    return replace(decision, detail="") if decision.reason in _OF_FAILURES else decision


def _log_line(settings: RouterSettings, decision: Decision) -> None:
    facts = {
        "router": settings.name,
        "side": decision.side,
        "model": decision.model,
        "reason": decision.reason.value,
        "score": round(decision.score.probability, 3) if decision.score else None,
        "took_ms": round(decision.took_ms, 2),
    }
    logger.debug("routed", extra=facts)
