"""Sends what a long piece of work reports: as lines while it lasts, or only how it ended."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing

import msgspec
from msgspec import UNSET

from arriero.protocol.ollama import ErrorResponse
from arriero.protocol.ollama_transfer import ProgressResponse
from arriero.server.exchange import Exchange
from arriero.store.progress import Progress, ProgressCallback, ignore_progress

NDJSON = b"application/x-ndjson"
JSON = b"application/json"
# Ollama's own pace.
_PACE_S = 0.06
_SUCCESS = Progress("success")

Work = Callable[[ProgressCallback], Awaitable[None]]


async def send_progress(exchange: Exchange, work: Work, *, is_stream: bool) -> None:
    """Do the work and answer with its progress, which ends with ``success``. A client that goes away cancels it.

    What the work raises is raised; where lines have gone out, it becomes the last one.
    """
    if not is_stream:
        async with exchange.while_connected():
            await work(ignore_progress)
        await exchange.reply(msgspec.json.encode(to_wire(_SUCCESS)), JSON)
        return
    async with exchange.while_connected(), aclosing(_follow(work)) as reports:
        async for steps in reports:
            if not exchange.has_started:
                await exchange.start(NDJSON, _failure)
            await exchange.write(b"".join(map(_line, steps)))
    if not exchange.has_started:
        await exchange.start(NDJSON, _failure)
    await exchange.finish(_line(_SUCCESS))


def to_wire(step: Progress) -> ProgressResponse:
    """Write a step in Ollama's form: what is empty or 0 is left out."""
    return ProgressResponse(step.status, step.digest or UNSET, step.total or UNSET, step.completed or UNSET)


def _line(step: Progress) -> bytes:
    return msgspec.json.encode(to_wire(step)) + b"\n"


def _failure(message: str) -> bytes:
    return msgspec.json.encode(ErrorResponse(message)) + b"\n"


async def _follow(work: Work) -> AsyncGenerator[list[Progress], None]:
    """Do the work and yield its steps in their order, at Ollama's pace; of what a blob reports meanwhile, the last."""
    latest: dict[str, Progress] = {}
    news = asyncio.Event()

    def take(step: Progress) -> None:
        latest[step.digest or step.status] = step
        news.set()

    working = asyncio.ensure_future(work(take))
    working.add_done_callback(lambda _: news.set())
    try:
        while not working.done() or latest:
            await news.wait()
            news.clear()
            if latest:
                steps = list(latest.values())
                latest.clear()
                yield steps
            await asyncio.wait({working}, timeout=_PACE_S)
        working.result()
    finally:
        if not working.done():
            working.cancel()
            await asyncio.wait({working})
