"""A server that answers as a real engine once did."""

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.upstreams.tape import Answer, Request, Tape

NO_RECORDING = 599
# Turns of the event loop in which a reader in the same process takes what has been written.
_TURNS = 10


class Replay:
    """Answers from tapes. unknown: the requests that none of them has. url: where it listens.

    The same request gets its answers in their order, and the last one again and again.
    """

    def __init__(self, *tapes: Tape) -> None:
        self.url = ""
        self.unknown: list[str] = []
        self._answers: dict[str, list[Answer]] = defaultdict(list)
        for tape in tapes:
            for exchange in tape.exchanges:
                self._answers[exchange.request.key].append(exchange.answer)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        body = await request.read()
        asked = Request(request.method, request.path_qs, json.loads(body) if body else None)
        answers = self._answers.get(asked.key)
        if not answers:
            shown = shorten(asked.key, 400)
            self.unknown.append(shown)
            return web.Response(
                text=f"no recording has this request, so record it with scripts/record-engines: {shown}",
                status=NO_RECORDING,
            )
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if answer.is_stream:
            return await _stream(request, answer)
        return web.Response(body=answer.chunks[0], status=answer.status, headers=answer.headers)


async def _stream(request: web.Request, answer: Answer) -> web.StreamResponse:
    response = web.StreamResponse(status=answer.status, headers=answer.headers)
    await response.prepare(request)
    for chunk in answer.chunks:
        try:
            await response.write(chunk)
        except ConnectionError:
            return response
        for _ in range(_TURNS):
            await asyncio.sleep(0)
    if answer.is_cut and request.transport is not None:
        request.transport.abort()
    return response


def shorten(text: str, most: int) -> str:
    """A text with something in place of its middle, if it is long."""
    return text if len(text) <= most else f"{text[: most // 2]} … {text[-most // 2 :]}"


@asynccontextmanager
async def replaying(*tapes: Tape) -> AsyncIterator[Replay]:
    """A server that answers from tapes."""
    replay = Replay(*tapes)
    app = web.Application(client_max_size=1 << 26)
    app.router.add_route("*", "/{path:.*}", replay.handle)
    async with TestServer(app) as server:
        replay.url = str(server.make_url("")).rstrip("/")
        yield replay
