"""A proxy in front of a real engine, which remembers what is said."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

# What engines are sent is foreign JSON.
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.upstreams.scrub import HEADERS, Scrub
from tests.upstreams.tape import Answer, Exchange, Request

_STREAMS = ("text/event-stream", "application/x-ndjson")
_FORWARDED = ("Content-Type", "Authorization", "Accept")
Clean = Callable[[str, bytes], bytes]
_TIMEOUT = aiohttp.ClientTimeout(total=300.0)


class Recorder:
    """Forwards to a server and keeps the exchanges, in the order in which they were asked for.

    clean: what is done to bodies before a client sees them, so that it saw what the tape has. cut_after: streams break
    off after so many chunks, as if the server had died. url: where it listens itself.
    """

    def __init__(self, target: str, session: aiohttp.ClientSession, clean: Clean) -> None:
        self.url = ""
        self.cut_after: int | None = None
        self._target = target
        self._session = session
        self._clean = clean
        self._asked: list[Request] = []
        self._answers: dict[int, Answer] = {}
        self._under_way: set[asyncio.Task[web.StreamResponse]] = set()

    @property
    def exchanges(self) -> list[Exchange]:
        """What has been answered so far: all of it once the recorder is closed."""
        return [Exchange(self._asked[number], answer) for number, answer in sorted(self._answers.items())]

    async def settle(self) -> None:
        """Wait for answers under way, which go on where a client has left."""
        if self._under_way:
            await asyncio.wait(self._under_way)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Pass one request on, and its answer back."""
        # The server under it cancels those whose client has left.
        task = asyncio.create_task(self._pass_on(request))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return await asyncio.shield(task)

    async def _pass_on(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        number = len(self._asked)
        self._asked.append(Request(request.method, request.path_qs, _json_of(body)))
        headers = {name: request.headers[name] for name in _FORWARDED if name in request.headers}
        async with self._session.request(
            request.method, self._target + request.path_qs, data=body or None, headers=headers
        ) as answer:
            if answer.content_type in _STREAMS and answer.status == 200:
                return await self._stream(request, number, answer)
            content = await answer.read()
            cleaned = self._clean(request.path, content)
            self._answers[number] = Answer(answer.status, _headers_of(answer), (cleaned,))
            return web.Response(body=cleaned, status=answer.status, headers=_headers_of(answer))

    async def _stream(self, request: web.Request, number: int, answer: aiohttp.ClientResponse) -> web.StreamResponse:
        response = web.StreamResponse(headers=_headers_of(answer))
        await response.prepare(request)
        chunks: list[bytes] = []
        is_cut = False
        try:
            async for chunk in _chunks_of(answer):
                if is_cut := len(chunks) == self.cut_after:
                    break
                chunks.append(self._clean(request.path, chunk))
                # A client that has heard enough leaves; the tape has the whole answer all the same.
                with suppress(ConnectionError):
                    await response.write(chunks[-1])
        except aiohttp.ClientError:
            is_cut = True
        self._answers[number] = Answer(200, _headers_of(answer), tuple(chunks), is_stream=True, is_cut=is_cut)
        if is_cut and request.transport is not None:
            request.transport.abort()
        return response


@asynccontextmanager
async def recording(target: str, clean: Clean | None = None) -> AsyncIterator[Recorder]:
    """A recorder in front of a server, which takes out what no tape shall have unless told otherwise."""
    # As the engine sends it, so that chunks are text.
    session = aiohttp.ClientSession(timeout=_TIMEOUT, skip_auto_headers=["Accept-Encoding", "User-Agent"])
    async with session:
        recorder = Recorder(target.rstrip("/"), session, clean or Scrub().clean)
        app = web.Application(client_max_size=1 << 26)
        app.router.add_route("*", "/{path:.*}", recorder.handle)
        async with TestServer(app) as server:
            recorder.url = str(server.make_url("")).rstrip("/")
            yield recorder
            await recorder.settle()


async def _chunks_of(answer: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """The pieces that the server wrote, whatever one read brings of them."""
    whole = b""
    async for data, is_end in answer.content.iter_chunks():
        whole += data
        if is_end:
            if whole:
                yield whole
            whole = b""
    if whole:
        yield whole


def _headers_of(answer: aiohttp.ClientResponse) -> dict[str, str]:
    return {name: answer.headers[name] for name in HEADERS if name in answer.headers}


# A body that is no JSON is kept as text.
def _json_of(body: bytes) -> Any:
    if not body:
        return None
    try:
        return json.loads(body)
    except ValueError:
        return body.decode("utf-8", "surrogateescape")
