"""The one HTTP client of every engine that speaks OpenAI's API. Adapters say what to ask; this does the talking."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Protocol, TypeVar

import aiohttp
import msgspec

from arriero.engines.answer_reader import AnswerReader, engine_failure
from arriero.errors import EngineDied, EngineFailed, EngineUnreachable
from arriero.protocol.openai_engine import ErrorBody
from arriero.types.events import Event, EventStream

T = TypeVar("T")

_encode = msgspec.json.Encoder().encode
_CONNECT_TIMEOUT_S = 10.0
# Between two reads: the longest prefill of a long prompt on a slow machine, and then some.
_READ_TIMEOUT_S = 3600.0
_HEALTH_TIMEOUT = aiohttp.ClientTimeout(total=5.0)
_CALL_TIMEOUT_S = 60.0


class Reader(Protocol):
    """Makes events of an answer's bytes."""

    @property
    def is_finished(self) -> bool:
        """Whether ``Finished`` has been told."""

    def feed(self, data: bytes) -> list[Event]:
        """Take what one read brought."""

    def close(self) -> list[Event]:
        """The connection has ended."""


class OpenAIWire:
    """Connections to one server. Every call may raise EngineFailed (it refused) or EngineDied (it is gone)."""

    def __init__(self, base_url: str, headers: Mapping[str, str], connector: aiohttp.BaseConnector) -> None:
        self._base_url = base_url
        self._reading: set[aiohttp.StreamReader] = set()
        self._session = aiohttp.ClientSession(
            connector=connector,
            headers={"Content-Type": "application/json", **headers},
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_TIMEOUT_S, sock_read=_READ_TIMEOUT_S),
        )

    # A request body is JSON that the adapter has just made: only the encoder reads it.
    async def stream(self, path: str, body: Mapping[str, Any], reader: Reader | None = None) -> EventStream:
        """Ask for an answer and yield its events as they come; closing the iterator drops the connection.

        reader: what makes events of it; without one, it is an answer in OpenAI's format.
        """
        reader = reader or AnswerReader()
        async with self._asked(path, body, self._session.timeout) as response:
            if response.status != 200:
                raise _refusal(response.status, await response.read())
            while data := await response.content.readany():
                if events := reader.feed(data):
                    yield events
                    if reader.is_finished:
                        return
            if events := reader.close():
                yield events
        if not reader.is_finished:
            raise EngineDied("the engine broke off in the middle of its answer")

    async def call(
        self, path: str, body: Mapping[str, Any], answer: type[T], *, timeout_s: float = _CALL_TIMEOUT_S
    ) -> T:
        """Ask for something that comes in one piece."""
        async with self._asked(path, body, aiohttp.ClientTimeout(total=timeout_s)) as response:
            content = await response.read()
        if response.status != 200:
            raise _refusal(response.status, content)
        try:
            return msgspec.json.decode(content, type=answer)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise EngineFailed(f"the engine's answer to {path} makes no sense: {error}") from error

    @asynccontextmanager
    async def _asked(
        self,
        path: str,
        body: Mapping[str, Any],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109  # what aiohttp takes
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """One exchange. What goes wrong with the connection is told as the engine's end."""
        try:
            async with self._session.post(self._base_url + path, data=_encode(body), timeout=timeout) as response:
                self._reading.add(response.content)
                try:
                    yield response
                finally:
                    self._reading.discard(response.content)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise _loss(error) from error
        except RuntimeError as error:
            # aiohttp's word for a connection that this side has closed just now; any other is a fault of ours.
            if not self._session.closed:
                raise
            raise _loss(error) from error

    async def is_ready(self, path: str) -> bool:
        """Whether a probe answers 200 within seconds."""
        try:
            async with self._session.get(self._base_url + path, timeout=_HEALTH_TIMEOUT) as response:
                return response.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False
        except RuntimeError:
            if not self._session.closed:
                raise
            return False

    async def aclose(self) -> None:
        """Close all connections. What is still under way ends with EngineDied."""
        for content in self._reading:
            # aiohttp forgets those who read from a connection that this side closes: they would wait for ever.
            content.set_exception(aiohttp.ClientConnectionError("closed"))
        await self._session.close()


def _loss(error: aiohttp.ClientError | TimeoutError | RuntimeError) -> EngineDied:
    if isinstance(error, aiohttp.ClientConnectorError):
        return EngineUnreachable("the engine cannot be reached; try again")
    if isinstance(error, TimeoutError):
        return EngineDied("the engine took too long")
    # What the client library says of it is about bytes and not about the answer.
    return EngineDied("the engine went away in the middle of its answer; try again")


def _refusal(status: int, content: bytes) -> EngineFailed:
    try:
        body = msgspec.json.decode(content, type=ErrorBody)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return EngineFailed(content[:500].decode("utf-8", "replace") or f"the engine answered {status}", status)
    return engine_failure(body.error or body.message, status)
