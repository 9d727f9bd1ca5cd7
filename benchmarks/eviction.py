"""More models than fit into memory, and clients that ask for all of them: ``python -m benchmarks.eviction``.

Every model is put into a store of its own for the run. Where fewer GGUF files are given than models are wanted, the
first is served under further names, from a file of its own each time.
"""

import asyncio
import os
import random
import re
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import click

from arriero.cli.fetching import fetch_for_user
from arriero.runners.planning import Wishes, estimate_bytes, modest_plan
from arriero.store.blobs import Blobs
from arriero.store.catalog import DEFAULT_MODEL
from arriero.store.holds import Holds
from arriero.store.install import Parts, install
from arriero.store.layout import Layout, Store, layout_from
from arriero.store.library import Library
from arriero.types.models import ModelRecord
from arriero.types.names import parse_name
from benchmarks.machine import describe_machine
from benchmarks.tables import format_table

_CONTEXT = 1024
_SLOTS = 4
_TOKENS = 16
_MODELS = 3
_LOOK_S = 0.5
_MARGIN = 1.05
_TIMEOUT_S = 300.0


@dataclass(slots=True)
class Findings:
    """What was seen. over_bytes: the most that loaded models took beyond their limit, at any look."""

    answers: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    waits_s: list[float] = field(default_factory=list)
    log: Counter[str] = field(default_factory=Counter)
    looks: int = 0
    most_loaded: int = 0
    over_bytes: int = 0
    untrue: int = 0


@dataclass(frozen=True, slots=True)
class Load:
    """What is asked of whom, and how often."""

    url: str
    names: tuple[str, ...]
    memory_bytes: int
    ends_s: float


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--clients", type=click.IntRange(min=1), default=16, show_default=True, help="Requests at once.")
@click.option("--seconds", type=click.IntRange(min=1), default=60, show_default=True, help="How long to ask.")
def main(files: Sequence[Path], clients: int, seconds: int) -> None:
    """Serve three models with memory for two, and ask all of them. FILES: GGUF files in place of the default model."""
    chosen = list(files) or [fetch_for_user(DEFAULT_MODEL, layout_from(os.environ)).record.path]
    with tempfile.TemporaryDirectory(prefix="arriero-eviction-") as folder:
        home = Path(folder)
        records = _install(home, [*chosen, *[chosen[0]] * (_MODELS - len(chosen))])
        memory_bytes = int(sum(sorted(_needs(record) for record in records)[-2:]) * _MARGIN)
        findings = asyncio.run(_measure(home, records, memory_bytes, clients, seconds))
    click.echo(f"{describe_machine()}; {clients} clients, {seconds} s, {memory_bytes >> 20} MiB for models\n")
    click.echo(_table(records, findings))
    sys.exit(1 if findings.errors or findings.untrue or findings.most_loaded > len(records) - 1 else 0)


def _install(home: Path, files: Sequence[Path]) -> list[ModelRecord]:
    store = Store(home / "models")
    for number, file in enumerate(files):
        copy = home / f"{number}.gguf"
        shutil.copy(file, copy)
        with copy.open("ab") as end:
            # What follows the tensors is not read, but makes it another file.
            end.write(bytes(number))
        weights = Blobs(store.blobs).adopt(copy)
        install(store, parse_name(f"model{number}"), Parts(weights), Holds())
    return list(Library(Layout(home, store)).records())


def _needs(record: ModelRecord) -> int:
    return estimate_bytes(record, modest_plan(record.architecture, Wishes(_CONTEXT, _SLOTS)))


async def _measure(
    home: Path, records: Sequence[ModelRecord], memory_bytes: int, clients: int, seconds: int
) -> Findings:
    findings = Findings()
    async with _server(home, memory_bytes, findings) as url, aiohttp.ClientSession(url) as session:
        names = tuple(record.name for record in records)
        load = Load(url, names, memory_bytes, time.monotonic() + seconds)
        looking = asyncio.create_task(_look(session, load, findings))
        await asyncio.gather(*(_client(session, load, findings, seed) for seed in range(clients)))
        looking.cancel()
    return findings


@asynccontextmanager
async def _server(home: Path, memory_bytes: int, findings: Findings) -> AsyncIterator[str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "arriero", "serve", "--port", "0", "--memory", str(memory_bytes)),
        env={
            **os.environ,
            "ARRIERO_HOME": str(home),
            "OLLAMA_HOST": "127.0.0.1",
            "OLLAMA_CONTEXT_LENGTH": str(_CONTEXT),
            "OLLAMA_NUM_PARALLEL": str(_SLOTS),
        },
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    while not (found := re.search(r" at (http://\S+)", (await process.stderr.readline()).decode())):
        if process.stderr.at_eof():
            raise click.ClickException("the server did not start")
    reading = asyncio.create_task(_read_log(process.stderr, findings))
    try:
        yield found[1]
    finally:
        process.terminate()
        await process.wait()
        await reading


async def _read_log(log: asyncio.StreamReader, findings: Findings) -> None:
    async for line in log:
        for message in ("unloading model to make room", "model loaded", "engine died", "memory may not suffice"):
            findings.log[message] += message in line.decode()


async def _client(session: aiohttp.ClientSession, load: Load, findings: Findings, seed: int) -> None:
    dice = random.Random(seed)
    while time.monotonic() < load.ends_s:
        name = dice.choice(load.names)
        body = {
            "model": name,
            "prompt": f"Tell a story about the number {dice.randrange(1000)}.",
            "stream": False,
            "options": {"num_predict": _TOKENS},
        }
        began_s = time.monotonic()
        try:
            async with session.post("/api/generate", json=body, timeout=aiohttp.ClientTimeout(_TIMEOUT_S)) as answer:
                told = await answer.json()
        except (aiohttp.ClientError, TimeoutError) as error:
            findings.errors[repr(error)] += 1
            continue
        findings.waits_s.append(time.monotonic() - began_s)
        if told.get("done"):
            findings.answers[name] += 1
        else:
            findings.errors[str(told.get("error"))] += 1


async def _look(session: aiohttp.ClientSession, load: Load, findings: Findings) -> None:
    """Compare what the server tells of its models with what it may have."""
    while True:
        async with session.get("/api/ps") as answer:
            models = (await answer.json())["models"]
        findings.looks += 1
        findings.most_loaded = max(findings.most_loaded, len(models))
        findings.over_bytes = max(findings.over_bytes, sum(model["size"] for model in models) - load.memory_bytes)
        findings.untrue += any(
            model["name"] not in load.names or model["context_length"] != _CONTEXT or model["size"] <= 0
            for model in models
        )
        await asyncio.sleep(_LOOK_S)


def _table(records: Sequence[ModelRecord], findings: Findings) -> str:
    waits_s = sorted(findings.waits_s) or [0.0]
    rows = [
        *(
            (
                f"answers of {record.name} ({record.details.family}, {_needs(record) >> 20} MiB)",
                findings.answers[record.name],
            )
            for record in records
        ),
        ("errors", sum(findings.errors.values())),
        *((f"  {text}", count) for text, count in findings.errors.items()),
        ("loads", findings.log["model loaded"]),
        ("evictions", findings.log["unloading model to make room"]),
        ("deaths", findings.log["engine died"]),
        ("median wait, s", f"{waits_s[len(waits_s) // 2]:.1f}"),
        ("longest wait, s", f"{waits_s[-1]:.1f}"),
        ("looks at /api/ps", findings.looks),
        ("  of which untrue", findings.untrue),
        ("  most models at once", findings.most_loaded),
        ("  most memory over the limit, MiB", f"{max(0, findings.over_bytes) / (1 << 20):.0f}"),
    ]
    return format_table("Three models, memory for two", ("", "seen"), [(str(a), str(b)) for a, b in rows])


if __name__ == "__main__":
    main()
