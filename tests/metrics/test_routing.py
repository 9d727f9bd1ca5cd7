from prometheus_client import CollectorRegistry

from arriero.metrics.registry import exposition
from arriero.metrics.routing import RoutingMetrics
from arriero.types.routing import Decision, Reason, Score
from tests.documents import tables


def value(registry: CollectorRegistry, name: str, **labels: str) -> float | None:
    return registry.get_sample_value(f"arriero:{name}", {"router": "smart", **labels})


def metrics() -> tuple[CollectorRegistry, RoutingMetrics]:
    registry = CollectorRegistry()
    return registry, RoutingMetrics(registry)


def test_a_decision_counts_by_side_and_reason() -> None:
    registry, routing = metrics()

    routing.decided("smart", Decision("remote", "big", Reason.TOOLS, took_ms=2.0))
    routing.decided("smart", Decision("remote", "big", Reason.TOOLS, took_ms=0.2))

    assert value(registry, "router_decisions_total", side="remote", reason="tools") == 2
    assert value(registry, "router_decision_seconds_count", scorer="none") == 2
    assert value(registry, "router_decision_seconds_bucket", scorer="none", le="0.001") == 1


def test_a_score_is_seen_by_its_scorer() -> None:
    registry, routing = metrics()

    routing.decided("smart", Decision("local", "small", Reason.SCORE, score=Score(0.25, "judge"), took_ms=40.0))

    assert value(registry, "router_score_bucket", scorer="judge", le="0.2") == 0
    assert value(registry, "router_score_bucket", scorer="judge", le="0.3") == 1
    assert value(registry, "router_decision_seconds_sum", scorer="judge") == 0.04
    assert value(registry, "router_judge_failures_total", reason="timeout") is None


def test_a_judge_that_fails_is_counted_though_another_scorer_stands_in() -> None:
    registry, routing = metrics()
    score = Score(0.25, "linear", notes=("cached", "judge_timeout"))

    routing.decided("smart", Decision("local", "small", Reason.SCORE, score=score))

    assert value(registry, "router_judge_failures_total", reason="timeout") == 1


def test_failures_findings_and_states_are_told() -> None:
    registry, routing = metrics()

    routing.failed_over("smart", "local")
    routing.looked_again("smart", "empty")
    routing.shared("smart", 0.3)
    routing.found_healthy("smart", "local", is_healthy=False)
    routing.found_healthy("smart", "remote", is_healthy=True)
    for _ in range(2):
        routing.began("smart", "remote")
    routing.ended("smart", "remote")

    assert value(registry, "router_failovers_total", from_side="local") == 1
    assert value(registry, "router_second_looks_total", finding="empty") == 1
    assert value(registry, "router_remote_share") == 0.3
    assert value(registry, "router_side_healthy", side="local") == 0
    assert value(registry, "router_side_healthy", side="remote") == 1
    assert value(registry, "router_in_flight", side="remote") == 1


def test_a_prometheus_reads_the_names_as_they_are_written() -> None:
    registry, routing = metrics()
    routing.decided("smart", Decision("local", "small", Reason.SCORE, score=Score(0.25, "linear")))

    text, content_type = exposition(registry)

    line = b'arriero:router_decisions_total{reason="score",router="smart",side="local"} 1.0\n'
    assert line in text
    assert b"_created" not in text
    assert content_type.startswith("text/plain; version=")


def test_openmetrics_is_given_where_it_is_wanted() -> None:
    registry, _ = metrics()

    text, content_type = exposition(registry, "application/openmetrics-text; version=1.0.0")

    assert content_type.startswith("application/openmetrics-text; version=1.0.0")
    assert text.endswith(b"# EOF\n")


def test_every_metric_is_told_with_its_kind_and_labels() -> None:
    registry, _ = metrics()
    made = {}
    for metric in registry.collect():
        name = f"{metric.name}_total" if metric.type == "counter" else metric.name
        made[name] = metric.type

    (table,) = [each for each in tables("docs/metrics.md") if each.heading == "Routers"]

    assert {row[0].strip("`"): row[1] for row in table.rows} == made
