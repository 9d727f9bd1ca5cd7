"""What a router adds to a request, without a judge and without engines.

``python -m benchmarks.routing.pipeline --data FOLDER``: a folder with recorded outcomes, whose prompts are asked.
Engines answer at once, so that what is left is the router's own: rules, health, session, score, budget, log and
metrics. The same requests go to the engine directly, in turns with that.
"""

import asyncio
import gzip
import json
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import click

from arriero.metrics.registry import new_registry
from arriero.metrics.routing import RoutingMetrics
from arriero.router.decision_log import DecisionLog
from arriero.router.linear import LinearScorer
from arriero.router.router import Router
from arriero.router.settings import RouterSettings
from arriero.runners.carrier import ANYTHING, Answer, Carrier, Status
from arriero.runners.route_record import Recorder
from arriero.runners.routing import Routing
from arriero.types.chat import ChatPrompt, Message, TextRequest
from arriero.types.events import EventStream, Finished, TextDelta
from arriero.types.loading import Demand
from arriero.types.models import Architecture, ModelDetails, ModelRecord
from arriero.types.usage import Usage
from benchmarks.tables import format_table

_FILES = ("provenance_labels", "routellm_mtbench", "mmlu_pro", "routellm_gsm8k", "zeroeval_crux")
_OF_EACH = 300


@dataclass(frozen=True, slots=True)
class _Instant:
    """Engines that answer at once."""

    async def _rest(self) -> EventStream:
        nothing: tuple[list[TextDelta], ...] = ()
        for events in nothing:
            yield events

    @asynccontextmanager
    async def answer(
        self, record: ModelRecord, request: TextRequest, demand: Demand = ANYTHING
    ) -> AsyncIterator[Answer]:
        del record, request, demand
        yield Answer(time.perf_counter_ns(), [TextDelta("Yes."), Finished("stop", Usage(12, 0, 3))], self._rest())

    def loaded_context(self, record: ModelRecord) -> int:
        del record
        return 8192

    def statuses(self) -> list[Status]:
        return []


@click.command(help=__doc__)
@click.option("--data", type=click.Path(path_type=Path), default=Path("../shared/router"), show_default=True)
def main(data: Path) -> None:
    prompts = _prompts(data / "public")
    scorer = LinearScorer()
    click.echo(_linear_table(prompts, scorer))
    click.echo(asyncio.run(_pipeline_table(prompts, scorer)))


def _prompts(folder: Path) -> dict[str, list[str]]:
    found = {}
    for name in _FILES:
        with gzip.open(folder / f"{name}.jsonl.gz", "rt") as lines:
            texts = [json.loads(line)["prompt"] for line in lines]
        found[name] = texts[:: max(1, len(texts) // _OF_EACH)][:_OF_EACH]
    return found


def _linear_table(prompts: dict[str, list[str]], scorer: LinearScorer) -> str:
    rows = []
    for name, texts in prompts.items():
        taken_us = []
        for text in texts:
            began_ns = time.perf_counter_ns()
            scorer.probability(text)
            taken_us.append((time.perf_counter_ns() - began_ns) / 1e3)
        rows.append([name, f"{statistics.median(map(len, texts)):.0f}", *_quantiles(taken_us)])
    return format_table("linear, µs a prompt", ["prompts of", "characters", "p50", "p95"], rows)


async def _pipeline_table(prompts: dict[str, list[str]], scorer: LinearScorer) -> str:
    carrier = _Instant()
    sides = {name: _record(name) for name in ("small", "big")}
    with tempfile.TemporaryDirectory() as folder:
        log = DecisionLog(Path(folder) / "decisions.db")
        recorder = Recorder(log, RoutingMetrics(new_registry()))
        settings = RouterSettings("small", "big", remote_share=0.3)
        routing = Routing([Router(settings, scorer)], sides.__getitem__, _as_carrier(carrier), recorder)
        rows = []
        for name, texts in prompts.items():
            direct, routed = [], []
            for text in texts:
                request = TextRequest(ChatPrompt((Message("user", text),)))
                direct.append(await _asked(_as_carrier(carrier), sides["small"], request))
                routed.append(await _asked(routing, None, request))
            added = [there - here for there, here in zip(routed, direct, strict=True)]
            rows.append([name, *_quantiles(added)])
        await log.aclose()
    return format_table("the whole pipeline without a judge, µs added to a request", ["prompts of", "p50", "p95"], rows)


async def _asked(carrier: Carrier, record: ModelRecord | None, request: TextRequest) -> float:
    """Microseconds until the whole answer is there."""
    began_ns = time.perf_counter_ns()
    if record is None:
        assert isinstance(carrier, Routing)
        record = carrier.find("smart")
        assert record is not None
    async with carrier.answer(record, request) as answer:
        async for _ in answer.rest:
            pass
    return (time.perf_counter_ns() - began_ns) / 1e3


# Only what a router asks of a carrier is there.
def _as_carrier(carrier: _Instant) -> Carrier:
    return carrier  # type: ignore[return-value]


def _record(name: str) -> ModelRecord:
    return ModelRecord(
        name,
        None,
        "0" * 64,
        1,
        datetime.now(UTC),
        ModelDetails(),
        Architecture("llama", 1, 32768),
        ("completion", "tools"),
        carrier="upstream",
    )


def _quantiles(values: Sequence[float]) -> list[str]:
    ordered = sorted(values)
    return [f"{statistics.median(ordered):.0f}", f"{ordered[int(0.95 * (len(ordered) - 1))]:.0f}"]


if __name__ == "__main__":
    main()
