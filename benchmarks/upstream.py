"""What arriero costs in front of a server elsewhere: ``python -m benchmarks.upstream [--url URL --model NAME]``.

The mock shows what arriero adds to the time to first token; a real server what it does to throughput.
"""

import asyncio

import click

from benchmarks import mock_upstream
from benchmarks.first_tokens import measure_first_tokens
from benchmarks.load import Burst, Load, Side, running_load
from benchmarks.machine import describe_machine
from benchmarks.processes import arriero_before, free_port, running
from benchmarks.questions import ask_arriero, ask_openai, prompts
from benchmarks.series import SPEED_HEAD, first_rows, measure_series, speed_rows
from benchmarks.tables import format_table

_TARGET = "≤ 2 ms p50"


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--url", help="A running vLLM or SGLang, to measure throughput on.")
@click.option("--model", help="Its model.")
@click.option("--streams", type=click.IntRange(min=1), default=8, show_default=True, help="Answers at once.")
@click.option("--pairs", type=click.IntRange(min=1), default=12, show_default=True, help="Pairs of bursts on it.")
@click.option("--tokens", type=click.IntRange(min=1), default=64, show_default=True, help="Of each answer.")
@click.option("--mock-pairs", type=click.IntRange(min=0), default=400, show_default=True, help="0 leaves the mock out.")
def main(*, url: str | None, model: str | None, streams: int, pairs: int, tokens: int, mock_pairs: int) -> None:
    """Put the same load straight on a server and through arriero, and compare."""
    if url and not model:
        raise click.UsageError("--url wants a --model")
    asyncio.run(_run(url, model or "", streams=streams, pairs=pairs, tokens=tokens, mock_pairs=mock_pairs))


async def _run(url: str | None, model: str, *, streams: int, pairs: int, tokens: int, mock_pairs: int) -> None:
    click.echo(f"{describe_machine()}\n")
    async with running_load() as load:
        if mock_pairs:
            click.echo(await _measure_mock(load, "vllm", mock_pairs))
            click.echo(await _measure_mock(load, "ollama", mock_pairs))
        if url:
            async with arriero_before(url, model) as arriero:
                asked = prompts(streams)
                direct = [ask_openai(model, prompt, tokens) for prompt in asked]
                through = [ask_arriero(model, prompt, tokens) for prompt in asked]
                series = await measure_series(
                    load,
                    Burst(_direct(url), direct, streams, streams),
                    Burst(_through(arriero.url), through, streams, streams),
                    pairs,
                )
            click.echo(format_table(f"Speed, {model}, {pairs} pairs", SPEED_HEAD, speed_rows(series)))
            click.echo(format_table(f"Time to first token, {model}", ("streams", "p50", "p99"), first_rows([series])))


async def _measure_mock(load: Load, kind: str, pairs: int) -> str:
    port, model = free_port(), mock_upstream.MODEL
    url = f"http://127.0.0.1:{port}"
    async with running("benchmarks.mock_upstream", kind, str(port)), arriero_before(url, model) as arriero:
        through = _through(arriero.url), ask_arriero(model, prompts(1)[0], 1)
        # An Ollama is asked for the same, and its answer only handed on.
        direct = (
            (_through(url), through[1]) if kind == "ollama" else (_direct(url), ask_openai(model, prompts(1)[0], 1))
        )
        # The first requests are not like the others.
        await measure_first_tokens(load, direct, through, pairs=20, target="")
        table = await measure_first_tokens(load, direct, through, pairs=pairs, target=_TARGET)
    return f"In front of a mock of {kind}:\n\n{table}"


def _direct(url: str) -> Side:
    return Side(f"{url}/v1/chat/completions", {}, keeps_alive=True)


def _through(url: str) -> Side:
    return Side(f"{url}/api/chat", {}, keeps_alive=True)


if __name__ == "__main__":
    main()
