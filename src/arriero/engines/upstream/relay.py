"""Requests to another Ollama, as they are, and its answers, as they come."""

from collections.abc import AsyncGenerator, Sequence

import aiohttp
import msgspec

from arriero.engines.base import Relayed
from arriero.engines.openai.wire import connection_loss
from arriero.errors import EngineFailed

# Of a connection and not of an answer, or set here anew.
_NOT_HANDED_ON = frozenset(
    {
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "date",
        "keep-alive",
        "server",
        "transfer-encoding",
        "vary",
    }
)
_CORS = "access-control-"


class _Error(msgspec.Struct):
    error: str | dict[str, object] = ""


async def relay(
    session: aiohttp.ClientSession, url: str, body: bytes, headers: Sequence[tuple[bytes, bytes]]
) -> Relayed:
    """Have a request answered (see ``Relays``)."""
    passed_on = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers}
    try:
        response = await session.post(
            url, data=body, headers={"Content-Type": "application/json", "Accept-Encoding": "identity", **passed_on}
        )
    except (aiohttp.ClientError, TimeoutError, RuntimeError) as error:
        raise connection_loss(error, session) from error
    if response.status >= 500 or response.status in {401, 403, 429}:
        try:
            content = await response.read()
        except (aiohttp.ClientError, TimeoutError, RuntimeError) as error:
            raise connection_loss(error, session) from error
        raise _refusal(response.status, content)
    handed_on = [
        (name.lower().encode(), value.encode("latin-1"))
        for name, value in response.headers.items()
        if name.lower() not in _NOT_HANDED_ON and not name.lower().startswith(_CORS)
    ]
    content_type = response.headers.get("content-type", "application/json")
    return Relayed(response.status, content_type, handed_on, _pieces(session, response))


async def _pieces(session: aiohttp.ClientSession, response: aiohttp.ClientResponse) -> AsyncGenerator[bytes, None]:
    try:
        while piece := await response.content.readany():
            yield piece
    except (aiohttp.ClientError, TimeoutError, RuntimeError) as error:
        raise connection_loss(error, session) from error
    finally:
        response.close()


def _refusal(status: int, content: bytes) -> EngineFailed:
    try:
        error = msgspec.json.decode(content, type=_Error).error
    except (msgspec.DecodeError, UnicodeDecodeError):
        error = content[:500].decode("utf-8", "replace")
    message = str(error.get("message")) if isinstance(error, dict) else error
    if status in {401, 403}:
        return EngineFailed(f"the upstream refuses this server's key: {message or status}", 502)
    return EngineFailed(message or f"the upstream answered {status}", status)
