"""Requests to another Ollama, as they are, and its answers, as they come."""

import math
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack

import aiohttp
import msgspec

from arriero.engines.base import Refusal, Relayed, RelayRefused, is_stream
from arriero.engines.openai.refusals import misled, read_refusal
from arriero.engines.openai.wire import MOST_OF_A_REFUSAL, MOST_OF_AN_ANSWER, OpenAIWire, read_at_most
from arriero.errors import EngineFailed
from arriero.protocol.openai_engine import UNREADABLE

# Of a connection and not of an answer, set here anew, or not for the client: a cookie is for who asks there.
_NOT_HANDED_ON = frozenset(
    {
        b"cache-control",
        b"connection",
        b"content-encoding",
        b"content-length",
        b"content-type",
        b"date",
        b"keep-alive",
        b"server",
        b"set-cookie",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        b"vary",
        b"x-accel-buffering",
    }
)
_CORS = b"access-control-"
_NO_SUCH_ROUTE = 501


class _Refused(msgspec.Struct):
    """The body of a refusal. signin_url: where to sign in, for what Ollama's cloud answers for."""

    signin_url: str | None = None


async def relay(
    wire: OpenAIWire,
    path: str,
    body: bytes,
    headers: Sequence[tuple[bytes, bytes]],
    most_bytes: int = MOST_OF_AN_ANSWER,
) -> Relayed:
    """Have a request answered (see ``Relays``). most_bytes: of an answer that is no stream."""
    passed_on = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers}
    async with AsyncExitStack() as exchange:
        response = await exchange.enter_async_context(
            wire.posted(path, body, {"Accept-Encoding": "identity", **passed_on})
        )
        if response.status != 200:
            raise await _refusal(response, path)
        content_type = _content_type(response)
        pieces = _pieces(exchange.pop_all(), response, math.inf if is_stream(content_type) else most_bytes)
    return await Relayed.begun(content_type, _handed_on(response), pieces)


async def _pieces(
    exchange: AsyncExitStack, response: aiohttp.ClientResponse, most_bytes: float
) -> AsyncGenerator[bytes, None]:
    async with exchange:
        size_bytes = 0
        while piece := await response.content.readany():
            size_bytes += len(piece)
            if size_bytes > most_bytes:
                raise EngineFailed("the upstream's answer does not end", 502)
            yield piece


def _content_type(response: aiohttp.ClientResponse) -> str:
    return response.headers.get("content-type", "application/json")


def _handed_on(response: aiohttp.ClientResponse) -> list[tuple[bytes, bytes]]:
    headers = [(name.lower(), value) for name, value in response.raw_headers]
    return [each for each in headers if each[0] not in _NOT_HANDED_ON and not each[0].startswith(_CORS)]


async def _refusal(response: aiohttp.ClientResponse, path: str) -> EngineFailed:
    """An answer that is not 200: handed on where it is about the request, and told where it is not for the client."""
    if response.status < 400:
        return misled(response.status, response.headers.get("Location"))
    content = await read_at_most(response.content, MOST_OF_A_REFUSAL)
    told = read_refusal(response.status, content, path)
    try:
        refused = msgspec.json.decode(content, type=_Refused)
    except UNREADABLE:
        # Ollama tells in plain text only that it has no such route; all else that is no JSON comes from in between.
        if response.status != 404:
            return told
        told = EngineFailed(f"the upstream has no {path}", _NO_SUCH_ROUTE)
    else:
        if response.status == 401 and not refused.signin_url:
            # It is this server's key that is wrong, and not the client's.
            return told
    return RelayRefused(told, Refusal(response.status, _content_type(response), _handed_on(response), content))
