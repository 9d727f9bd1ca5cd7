"""The time to first token of a server, directly and through arriero."""

from collections.abc import Mapping

from msgspec import Raw

from benchmarks.estimates import percentile
from benchmarks.load import Burst, Load, Side
from benchmarks.tables import format_table


async def measure_first_tokens(
    load: Load, direct: tuple[Side, Raw], arriero: tuple[Side, Raw], pairs: int, target: str
) -> str:
    """Ask both in turn, a new request each, and return the table. target: of what arriero adds."""
    sides: Mapping[str, tuple[Side, Raw]] = {"direct": direct, "arriero": arriero}
    times_ms: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(pairs):
        for name, (side, body) in sides.items():
            outcome = await load.send(Burst(side, [body], requests=1, concurrency=1))
            times_ms[name].append(outcome.answers[0].first_s * 1000)
    added = [through - straight for through, straight in zip(times_ms["arriero"], times_ms["direct"], strict=True)]
    rows = [
        ("direct", *_percentiles(times_ms["direct"]), ""),
        ("through arriero", *_percentiles(times_ms["arriero"]), ""),
        ("added by arriero, pair by pair", *_percentiles(added), target),
    ]
    return format_table(f"Time to first token, mock engine, {pairs} pairs", ("", "p50", "p99", "target"), rows)


def _percentiles(values_ms: list[float]) -> tuple[str, str]:
    return f"{percentile(values_ms, 50):.2f} ms", f"{percentile(values_ms, 99):.2f} ms"
