"""What routers are measured by."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from arriero.types.routing import Decision, Side

# From what rules take to what a slow judge does.
_SECONDS = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
_PROBABILITIES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
_RULES = "none"


class RoutingMetrics:
    """The instruments of all routers of a server, which one registry takes once.

    ``router`` is the name of a router's model. Labels have few values: names that the user has configured, sides,
    reasons, kinds of failures; never a text out of a request.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._decisions = Counter(
            "arriero:router_decisions",
            "Requests, by who answers and why.",
            ["router", "side", "reason"],
            registry=registry,
        )
        self._decision_seconds = Histogram(
            "arriero:router_decision_seconds",
            f"What deciding took; scorer is {_RULES} where no score was asked for.",
            ["router", "scorer"],
            registry=registry,
            buckets=_SECONDS,
        )
        self._scores = Histogram(
            "arriero:router_score",
            "How likely it is that the remote model is worth it.",
            ["router", "scorer"],
            registry=registry,
            buckets=_PROBABILITIES,
        )
        self._judge_failures = Counter(
            "arriero:router_judge_failures", "Judges that gave no verdict.", ["router", "reason"], registry=registry
        )
        self._failovers = Counter(
            "arriero:router_failovers",
            "Sides that failed before the first byte.",
            ["router", "from_side"],
            registry=registry,
        )
        self._failures = Counter(
            "arriero:router_failures", "Requests that nobody answered.", ["router", "side", "error"], registry=registry
        )
        self._second_looks = Counter(
            "arriero:router_second_looks", "Answers that were no good.", ["router", "finding"], registry=registry
        )
        self._remote_share = Gauge(
            "arriero:router_remote_share", "Of the last requests that a score decided, who went remote.", ["router"],
            registry=registry,
        )  # fmt: skip
        self._is_healthy = Gauge(
            "arriero:router_side_healthy",
            "1: is asked; 0: fails, and is left alone.",
            ["router", "side"],
            registry=registry,
        )
        self._in_flight = Gauge(
            "arriero:router_in_flight", "Answers under way.", ["router", "side"], registry=registry
        )  # fmt: skip

    def decided(self, router: str, decision: Decision) -> None:
        """A request has found somebody: what was decided, by what score, how a judge has failed over it."""
        self._decisions.labels(router, decision.side, decision.reason.value).inc()
        score = decision.score
        self._decision_seconds.labels(router, score.scorer if score else _RULES).observe(decision.took_ms / 1e3)
        if score is not None:
            self._scores.labels(router, score.scorer).observe(score.probability)
            if score.judge_failure:
                self._judge_failures.labels(router, score.judge_failure).inc()

    def failed_over(self, router: str, from_side: Side) -> None:
        """A side has failed, and the other one is asked."""
        self._failovers.labels(router, from_side).inc()

    def failed(self, router: str, side: Side, error: str) -> None:
        """Nobody has answered a request; ``error`` is the kind of failure, one of a few words."""
        self._failures.labels(router, side, error).inc()

    def looked_again(self, router: str, finding: str) -> None:
        """An answer was no good; ``finding`` is what was wrong, in one of few words."""
        self._second_looks.labels(router, finding).inc()

    def shared(self, router: str, remote_share: float) -> None:
        """The share of requests that goes remote is now so large, 0 to 1."""
        self._remote_share.labels(router).set(remote_share)

    def found_healthy(self, router: str, side: Side, *, is_healthy: bool) -> None:
        """A side is asked again, or left alone."""
        self._is_healthy.labels(router, side).set(is_healthy)

    def began(self, router: str, side: Side) -> None:
        """A side begins to answer."""
        self._in_flight.labels(router, side).inc()

    def ended(self, router: str, side: Side) -> None:
        """A side has answered, or has been given up on."""
        self._in_flight.labels(router, side).dec()
