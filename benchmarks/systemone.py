"""What a decision costs: ``python -m benchmarks.systemone [FILE.gguf ...]``.

The same questions are put to ``/v1/systemone``, and to ``/api/chat`` as people do who read a verdict out of ten tokens
of text, one request a question. Every request has a state of its own, so that nothing is in a cache that a request has
not put there itself.
"""

import asyncio
import itertools
import os
import re
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

# Bodies are JSON.
from typing import Any

import aiohttp
import click

from arriero.cli.fetching import fetch_for_user
from arriero.engines.labels.prompt import prompt_text
from arriero.protocol.systemone import SystemOneRequest
from arriero.protocol.systemone_read import read_decision
from arriero.store.catalog import DEFAULT_MODEL
from arriero.store.layout import layout_from
from benchmarks.estimates import percentile
from benchmarks.machine import describe_machine
from benchmarks.tables import format_table

_NAME = "m"
_STATES = (50, 500)
_COUNTS = (1, 5)
_TOKENS = 10
_START_TIMEOUT_S = 120.0
_STOP_TIMEOUT_S = 20.0
_SENTENCE = "On day {} the customer wrote that the parcel has not come and that the money should be returned soon. "
_SENTENCE_TOKENS = 20
_QUESTIONS: dict[str, Any] = {
    "refund": {"type": "noul", "instructions": "Does the customer want money back?"},
    "team": {
        "type": "choice",
        "instructions": "Who should answer?",
        "criteria": {"billing": "money", "shipping": "parcels", "sales": None},
    },
    "anger": {
        "type": "score",
        "instructions": "How angry is the customer?",
        "criteria": ["calm", "annoyed", "furious"],
    },
    "urgent": {"type": "noul", "instructions": "Must it be answered today?"},
    "language": {"type": "choice", "instructions": "Which language is it?", "criteria": {"en": "English", "de": None}},
}

Ask = Callable[[aiohttp.ClientSession, str, int], Awaitable[None]]


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--requests", type=click.IntRange(min=3), default=20, show_default=True, help="Of each kind.")
def main(files: Sequence[Path], requests: int) -> None:
    """Measure FILES, GGUF models of which each is served in turn; without any, the default model."""
    chosen = list(files) or [fetch_for_user(DEFAULT_MODEL, layout_from(os.environ)).record.path]
    print(describe_machine(), end="\n\n")
    for path in chosen:
        print(asyncio.run(_measure(path, requests)))


async def _measure(path: Path, requests: int) -> str:
    rows = []
    async with _serving(path) as url, aiohttp.ClientSession(url) as client:
        numbers = itertools.count()
        for size, count in itertools.product(_STATES, _COUNTS):
            times_ms: dict[str, list[float]] = {name: [] for name in _WAYS}
            # By turns: what slows the machine down for a while slows both of them. The first one is not counted.
            for _ in range(1 + requests):
                for name, ask in _WAYS.items():
                    times_ms[name].append(await _timed(ask, client, _state(size, next(numbers)), count))
            for name, found in times_ms.items():
                each = [f"{percentile(found[1:], percent) / count:.0f}" for percent in (50, 90)]
                rows.append((f"{size} tokens, {count} question{'s' * (count > 1)}", name, *each))
    return format_table(f"{path.stem}, ms a question, {requests} requests", ("state", "by", "p50", "p90"), rows)


async def _timed(ask: Ask, client: aiohttp.ClientSession, state: str, count: int) -> float:
    began_s = time.perf_counter()
    await ask(client, state, count)
    return (time.perf_counter() - began_s) * 1000


async def _by_labels(client: aiohttp.ClientSession, state: str, count: int) -> None:
    answers = (await _post(client, "/v1/systemone", _body(state, count)))["answers"]
    assert len(answers) == count


async def _by_text(client: aiohttp.ClientSession, state: str, count: int) -> None:
    body = _body(state, count)
    asked = read_decision(SystemOneRequest(_NAME, state, body["questions"]))
    for question in asked.questions:
        text = prompt_text(state, question, [option.name for option in question.options])
        options = {"temperature": 0, "num_predict": _TOKENS}
        messages = [{"role": "user", "content": text}]
        await _post(client, "/api/chat", {"model": _NAME, "messages": messages, "stream": False, "options": options})


async def _post(client: aiohttp.ClientSession, path: str, body: dict[str, Any]) -> Any:
    async with client.post(path, json=body) as response:
        response.raise_for_status()
        return await response.json()


def _body(state: str, count: int) -> dict[str, Any]:
    return {"model": _NAME, "state": state, "questions": dict(itertools.islice(_QUESTIONS.items(), count))}


def _state(tokens: int, number: int) -> str:
    """A text of about so many tokens that no other begins like."""
    return "".join(_SENTENCE.format(f"{number}.{line}") for line in range(max(1, tokens // _SENTENCE_TOKENS)))


_WAYS: Mapping[str, Ask] = {"labels": _by_labels, f"{_TOKENS} tokens of text": _by_text}


@asynccontextmanager
async def _serving(path: Path) -> AsyncIterator[str]:
    """A server with this model alone; its URL."""
    command = ["-m", "arriero.launch_server", "--model-path", str(path), "--served-model-name", _NAME, "--port", "0"]
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, "--max-running-requests", "1", stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr is not None
    draining: asyncio.Task[bytes] | None = None
    try:
        async with asyncio.timeout(_START_TIMEOUT_S):
            while not (found := re.search(rb"http://127\.0\.0\.1:\d+", await process.stderr.readline())):
                assert process.returncode is None, "the server has ended"
        draining = asyncio.create_task(process.stderr.read())
        yield found[0].decode()
    finally:
        process.terminate()
        await asyncio.wait_for(process.wait(), _STOP_TIMEOUT_S)
        if draining is not None:
            await draining


if __name__ == "__main__":
    main()
