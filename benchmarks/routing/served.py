"""What a router with a judge adds for who waits for the first word.

``python -m benchmarks.routing.served --url URL --model smart --local NAME --data FILE``: a server with that router,
whose local model NAME is; a file of recorded prompts. Each prompt is asked of the local model and of the router in
turns, each time with another number in it, so that no cache knows it. Told apart are requests that the linear scorer
decides alone, and those that the judge was asked about; of these, who answered.
"""

import asyncio
import gzip
import json
import random
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import click

from benchmarks.tables import format_table


@dataclass(frozen=True, slots=True)
class _Asked:
    """One prompt. ttft_ms: of the local model, and through the router. decided_ms: what the decision took."""

    direct_ms: float
    routed_ms: float
    decided_ms: float
    side: str
    is_judged: bool


@click.command(help=__doc__)
@click.option("--url", required=True)
@click.option("--model", default="smart", show_default=True)
@click.option("--local", required=True)
@click.option("--data", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--first", type=int, default=0, help="The first number: another one for each run on one server.")
@click.option("--count", type=int, default=120, show_default=True)
def main(url: str, model: str, local: str, data: Path, first: int, count: int) -> None:  # flags
    with gzip.open(data, "rt") as lines:
        prompts = [json.loads(line)["prompt"] for line in lines]
    # The same prompts each time; no secret hangs on it.
    chosen = random.Random(7).sample(prompts, count)
    asked = asyncio.run(_measure(url, (local, model), chosen, first))
    groups = {
        "all": asked,
        "linear alone, answered locally": [each for each in asked if not each.is_judged and each.side == "local"],
        "linear alone, answered remotely": [each for each in asked if not each.is_judged and each.side == "remote"],
        "judged, answered locally": [each for each in asked if each.is_judged and each.side == "local"],
        "judged, answered remotely": [each for each in asked if each.is_judged and each.side == "remote"],
    }
    rows = [[name, *_row(group)] for name, group in groups.items()]
    head = ["requests", "n", "decision p50", "local directly p50", "through the router p50", "added p50"]
    click.echo(format_table("ms until the first word", head, rows))


async def _measure(url: str, models: tuple[str, str], prompts: Sequence[str], first: int) -> list[_Asked]:
    found = []
    async with aiohttp.ClientSession(url) as client:
        for number, prompt in enumerate(prompts, first):
            direct_ms, _ = await _first_ms(client, models[0], f"{2 * number}. {prompt}")
            routed_ms, last = await _first_ms(client, models[1], f"{2 * number + 1}. {prompt}")
            route = last["route"]
            found.append(_Asked(direct_ms, routed_ms, route["took_ms"], route["side"], "judge" in route))
    return found


# The last line is JSON of the server's.
async def _first_ms(client: aiohttp.ClientSession, model: str, prompt: str) -> tuple[float, dict[str, Any]]:
    """Milliseconds until the first line, and the last line."""
    body = {"model": model, "messages": [{"role": "user", "content": prompt}], "options": {"num_predict": 4}}
    began_s = time.perf_counter()
    first_s, last = 0.0, b""
    async with client.post("/api/chat", json=body) as answer:
        answer.raise_for_status()
        async for line in answer.content:
            first_s = first_s or time.perf_counter()
            last = line
    return (first_s - began_s) * 1e3, json.loads(last)


def _row(group: Sequence[_Asked]) -> list[str]:
    if not group:
        return ["0", "-", "-", "-", "-"]
    columns = [
        [each.decided_ms for each in group],
        [each.direct_ms for each in group],
        [each.routed_ms for each in group],
        [each.routed_ms - each.direct_ms for each in group],
    ]
    return [str(len(group)), *(f"{statistics.median(column):.1f}" for column in columns)]


if __name__ == "__main__":
    main()
