"""What arriero costs where it matters: the speed of a real model, through arriero and straight from its worker."""

from dataclasses import dataclass

from arriero.types.models import ModelRecord
from benchmarks.load import Burst, Load
from benchmarks.questions import arriero_side, ask_arriero, ask_worker, prompts, worker_side
from benchmarks.series import SPEED_HEAD, Series, first_rows, measure_series, speed_rows
from benchmarks.server_process import Setup, Started, running_server
from benchmarks.tables import format_table

_STREAMS = (1, 4, 16)
_CONTEXT = 1024
_WHEEL = "wheel"


@dataclass(frozen=True, slots=True)
class EnginePlan:
    """How much to measure. pairs: at each number of streams. tokens: of each answer."""

    pairs: int = 12
    tokens: int = 64


async def measure_engine(load: Load, record: ModelRecord, plan: EnginePlan) -> str:
    """Measure everything and return the tables."""
    setup = Setup(record.name, _WHEEL, _CONTEXT, slots=max(_STREAMS), environment={})
    async with running_server(setup) as started:
        all_series = [await _measure(load, started, record, streams, plan) for streams in _STREAMS]
    speeds = [row for series in all_series for row in speed_rows(series)]
    return "\n".join(
        [
            format_table(f"Speed, {record.name}, {plan.pairs} pairs", SPEED_HEAD, speeds),
            format_table(f"Time to first token, {record.name}", ("streams", "p50", "p99"), first_rows(all_series)),
        ]
    )


async def _measure(load: Load, started: Started, record: ModelRecord, streams: int, plan: EnginePlan) -> Series:
    asked = prompts(streams)
    to_worker = [ask_worker(record, prompt, plan.tokens) for prompt in asked]
    to_arriero = [ask_arriero(record.name, prompt, plan.tokens) for prompt in asked]
    return await measure_series(
        load,
        Burst(worker_side(started), to_worker, streams, streams),
        Burst(arriero_side(started, keeps_alive=True), to_arriero, streams, streams),
        plan.pairs,
    )
