"""What arriero costs in front of a server elsewhere: ``python -m benchmarks.upstream [--url URL --model NAME]``.

The mock shows what arriero adds to the time to first token; a real server what it does to throughput.
"""

import asyncio
import os
import socket
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from tempfile import TemporaryDirectory

import aiohttp
import click

from benchmarks import mock_upstream
from benchmarks.first_tokens import measure_first_tokens
from benchmarks.load import Burst, Load, Side, running_load
from benchmarks.machine import describe_machine
from benchmarks.questions import ask_arriero, ask_openai, prompts
from benchmarks.series import SPEED_HEAD, first_rows, measure_series, speed_rows
from benchmarks.tables import format_table

_START_TIMEOUT_S = 60.0
_STOP_TIMEOUT_S = 15.0
_PROBE_INTERVAL_S = 0.1
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
            async with _arriero(url, model) as arriero_url:
                asked = prompts(streams)
                direct = [ask_openai(model, prompt, tokens) for prompt in asked]
                through = [ask_arriero(model, prompt, tokens) for prompt in asked]
                series = await measure_series(
                    load,
                    Burst(_direct(url), direct, streams, streams),
                    Burst(_through(arriero_url), through, streams, streams),
                    pairs,
                )
            click.echo(format_table(f"Speed, {model}, {pairs} pairs", SPEED_HEAD, speed_rows(series)))
            click.echo(format_table(f"Time to first token, {model}", ("streams", "p50", "p99"), first_rows([series])))


async def _measure_mock(load: Load, kind: str, pairs: int) -> str:
    port, model = _free_port(), mock_upstream.MODEL
    url = f"http://127.0.0.1:{port}"
    async with _process("benchmarks.mock_upstream", kind, str(port)), _arriero(url, model) as arriero_url:
        through = _through(arriero_url), ask_arriero(model, prompts(1)[0], 1)
        # An Ollama is asked for the same, and its answer only handed on.
        direct = (
            (_through(url), through[1]) if kind == "ollama" else (_direct(url), ask_openai(model, prompts(1)[0], 1))
        )
        # The first requests are not like the others.
        await measure_first_tokens(load, direct, through, pairs=20, target="")
        table = await measure_first_tokens(load, direct, through, pairs=pairs, target=_TARGET)
    return f"In front of a mock of {kind}:\n\n{table}"


@asynccontextmanager
async def _arriero(upstream: str, model: str) -> AsyncIterator[str]:
    """Run arriero in front of a server, and nothing else, as long as the block lasts; its address."""
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    with TemporaryDirectory() as home:
        arguments = ("serve", "--upstream", upstream, "--host", "127.0.0.1", "--port", str(port))
        async with _process("arriero", *arguments, ARRIERO_HOME=home, OLLAMA_MODELS=f"{home}/models"):
            await _until_listed(url, model)
            yield url


async def _until_listed(url: str, model: str) -> None:
    deadline_s = time.monotonic() + _START_TIMEOUT_S
    async with aiohttp.ClientSession() as session:
        while time.monotonic() < deadline_s:
            try:
                async with session.get(f"{url}/api/tags") as response:
                    if any(each["name"] == model for each in (await response.json())["models"]):
                        return
            except aiohttp.ClientConnectionError:
                pass
            await asyncio.sleep(_PROBE_INTERVAL_S)
    raise RuntimeError(f"arriero does not list {model}: is it what the server calls its model?")


@asynccontextmanager
async def _process(module: str, *arguments: str, **environment: str) -> AsyncIterator[None]:
    process = await asyncio.create_subprocess_exec(
        *_command(module, arguments), env={**os.environ, **environment}, stdin=asyncio.subprocess.DEVNULL
    )
    try:
        yield
    finally:
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), _STOP_TIMEOUT_S)
        except TimeoutError:
            process.kill()
            await process.wait()


def _command(module: str, arguments: Sequence[str]) -> Sequence[str]:
    return (sys.executable, "-m", module, *arguments)


def _direct(url: str) -> Side:
    return Side(f"{url}/v1/chat/completions", {}, keeps_alive=True)


def _through(url: str) -> Side:
    return Side(f"{url}/api/chat", {}, keeps_alive=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main()
