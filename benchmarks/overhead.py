"""What arriero costs between a client and the engine: ``python -m benchmarks.overhead``."""

import asyncio
import os
from dataclasses import dataclass

import click

from arriero.cli.fetching import fetch_for_user
from arriero.store.catalog import DEFAULT_MODEL
from arriero.store.layout import layout_from
from arriero.types.models import ModelRecord
from benchmarks.engine_overhead import EnginePlan, measure_engine
from benchmarks.load import running_load
from benchmarks.machine import describe_machine
from benchmarks.mock_overhead import MockPlan, measure_mock

_QUICK_MOCK = MockPlan(rounds=2, requests=100, pairs=50, paced_chunks=64, coalesced_chunks=512)
_QUICK_ENGINE = EnginePlan(pairs=3, tokens=16)


@dataclass(frozen=True, slots=True)
class Plan:
    """The parts to run; None leaves one out."""

    mock: MockPlan | None
    engine: EnginePlan | None


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--mock-only", is_flag=True, help="Leave the real engine out.")
@click.option("--engine-only", is_flag=True, help="Leave the mock engine out.")
@click.option("--pairs", type=click.IntRange(min=1), help="Pairs on the real engine.  [default: 12]")
@click.option("--quick", is_flag=True, help="A minute or so: to see that it runs, not to quote.")
@click.option("--model", default=DEFAULT_MODEL, show_default=True, help="The model, as arriero's --model takes it.")
def main(*, mock_only: bool, engine_only: bool, pairs: int | None, quick: bool, model: str) -> None:
    """Put the same load straight on the engine's server and through arriero, and compare."""
    if mock_only and engine_only:
        raise click.UsageError("--mock-only and --engine-only leave nothing to measure")
    engine = _QUICK_ENGINE if quick else EnginePlan()
    if pairs is not None:
        engine = EnginePlan(pairs, engine.tokens)
    mock = _QUICK_MOCK if quick else MockPlan()
    record = fetch_for_user(model, layout_from(os.environ)).record
    asyncio.run(_run(Plan(None if engine_only else mock, None if mock_only else engine), record))


async def _run(plan: Plan, record: ModelRecord) -> None:
    click.echo(f"{describe_machine()}\n")
    async with running_load() as load:
        if plan.mock:
            click.echo(await measure_mock(load, record, plan.mock))
        if plan.engine:
            click.echo(await measure_engine(load, record, plan.engine))


if __name__ == "__main__":
    main()
