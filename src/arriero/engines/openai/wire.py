"""The one HTTP client of every engine that speaks OpenAI's API. Adapters say what to ask; this does the talking."""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Protocol, TypeVar

import aiohttp
import msgspec

from arriero.engines.answers.reader import AnswerReader
from arriero.engines.openai.refusals import misled, read_refusal
from arriero.engines.openai.silence import Silence
from arriero.errors import EngineDied, EngineFailed, EngineUnreachable
from arriero.protocol.openai_engine import UNREADABLE
from arriero.types.events import Event, EventStream

T = TypeVar("T")

_encode = msgspec.json.Encoder().encode
_HEALTH_TIMEOUT = aiohttp.ClientTimeout(total=5.0)
_CALL_TIMEOUT_S = 60.0
# What is left of a stream after its last event is a few bytes; a connection that does not bring them is not kept.
_REST_TIMEOUT_S = 0.5
# No refusal and no answer is longer; embeddings of a batch take some megabytes.
MOST_OF_A_REFUSAL = 64 * 1024
MOST_OF_AN_ANSWER = 256 * 1024 * 1024
# What an answer begins with that is no stream: of JSON, or of a web page.
_PAGE = b"<"
_WHOLE = (b"{", b"[", _PAGE)


@dataclass(frozen=True, slots=True)
class WireTimeouts:
    """Seconds to connect; and between two reads of an answer: the longest prefill, and then some.

    end_s: for the end of a stream that has told all.
    """

    connect_s: float = 10.0
    read_s: float = 3600.0
    end_s: float = 3.0


_TIMEOUTS = WireTimeouts()


class Reader(Protocol):
    """Makes events of an answer's bytes."""

    @property
    def is_finished(self) -> bool:
        """Whether ``Finished`` has been told."""

    @property
    def is_cut(self) -> bool:
        """Whether the reader has ended the answer itself, and the engine would go on."""

    @property
    def is_told(self) -> bool:
        """Whether only the stream's end is to come."""

    def feed(self, data: bytes) -> list[Event]:
        """Take what one read brought."""

    def read_body(self, content: bytes) -> list[Event]:
        """Take all of an answer, from a server that does not stream."""

    def close(self) -> list[Event]:
        """The connection has ended."""


class OpenAIWire:
    """Connections to one server. Every call may raise EngineFailed (it refused) or EngineDied (it is gone).

    base_url: with a path in front of ``/v1``, if it has one. connector: whether connections are kept is its affair.
    """

    def __init__(
        self,
        base_url: str,
        headers: Mapping[str, str],
        connector: aiohttp.BaseConnector,
        timeouts: WireTimeouts = _TIMEOUTS,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._timeouts = timeouts
        self._reading: set[aiohttp.StreamReader] = set()
        # How long an answer may be silent is seen to here (see ``Silence``).
        self._streaming = aiohttp.ClientTimeout(total=None, sock_connect=timeouts.connect_s)
        self._keeps_connections = not connector.force_close
        self._session = aiohttp.ClientSession(
            connector=connector,
            headers={"Content-Type": "application/json", **headers},
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=timeouts.connect_s, sock_read=timeouts.read_s),
            trace_configs=[_telling_reuse()] if self._keeps_connections else None,
        )

    # A request body is JSON that the adapter has just made: only the encoder reads it.
    async def stream(
        self, path: str, body: Mapping[str, Any], reader: Reader | None = None, *, is_ndjson: bool = False
    ) -> EventStream:
        """Ask for an answer and yield its events as they come; closing the iterator drops the connection.

        reader: what makes events of it; without one, it is an answer in OpenAI's format. is_ndjson: the stream is JSON
        itself, an object a line, so that its reader takes an answer in one piece like any other.
        """
        reader = reader or AnswerReader()
        async with self._asked("POST", path, self._streaming, body) as response:
            if response.status != 200:
                raise await _refused(response, path)
            content = response.content
            with Silence(content, self._timeouts.read_s) as silence:
                data = await content.readany()
                if data.lstrip().startswith(_PAGE if is_ndjson else _WHOLE):
                    yield reader.read_body(data + await self._rest(response, path))
                    data = b""
                while data:
                    if events := reader.feed(data):
                        silence.since_s = None
                        yield events
                        if reader.is_finished:
                            if self._keeps_connections and not reader.is_cut:
                                await _read_rest(content)
                            return
                    silence.since_s = time.monotonic()
                    data = await (self._end(content) if reader.is_told else content.readany())
            if events := reader.close():
                yield events
        if not reader.is_finished:
            raise EngineDied("the engine broke off in the middle of its answer")

    async def call(
        self, path: str, body: Mapping[str, Any], answer: type[T], *, timeout_s: float = _CALL_TIMEOUT_S
    ) -> T:
        """Ask for something that comes in one piece."""
        return await self._whole("POST", path, answer, timeout_s, body)

    async def get(self, path: str, answer: type[T], *, timeout_s: float = _CALL_TIMEOUT_S) -> T:
        """Look at something."""
        return await self._whole("GET", path, answer, timeout_s)

    async def _whole(
        self, method: str, path: str, answer: type[T], timeout_s: float, body: Mapping[str, Any] | None = None
    ) -> T:
        async with self._asked(method, path, aiohttp.ClientTimeout(total=timeout_s), body) as response:
            if response.status != 200:
                raise await _refused(response, path)
            content = await self._rest(response, path)
        try:
            return msgspec.json.decode(content, type=answer)
        except UNREADABLE as error:
            raise EngineFailed(f"the engine's answer to {path} makes no sense: {error}") from error

    async def _end(self, content: aiohttp.StreamReader) -> bytes:
        """What comes behind all that a stream had to tell; nothing where it only stays open."""
        try:
            async with asyncio.timeout(self._timeouts.end_s):
                return await content.readany()
        except TimeoutError:
            return b""

    @staticmethod
    async def _rest(response: aiohttp.ClientResponse, path: str) -> bytes:
        """The body from here on."""
        content = await read_at_most(response.content, MOST_OF_AN_ANSWER + 1)
        if len(content) > MOST_OF_AN_ANSWER:
            raise EngineFailed(f"the engine's answer to {path} does not end", 502)
        return content

    def posted(
        self, path: str, body: bytes, headers: Mapping[str, str]
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        """Have a request answered as it is: the answer, whatever it says, to be read within the block."""
        return self._asked("POST", path, self._session.timeout, body, headers)

    @asynccontextmanager
    async def _asked(
        self,
        method: str,
        path: str,
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109  # what aiohttp takes
        body: Mapping[str, Any] | bytes | None,
        headers: Mapping[str, str] | None = None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """One exchange. What goes wrong with the connection is told as the engine's end."""
        data = body if body is None or isinstance(body, bytes) else _encode(body)
        try:
            async with await self._response(method, path, data, timeout, headers) as response:
                self._reading.add(response.content)
                try:
                    yield response
                finally:
                    self._reading.discard(response.content)
        except (aiohttp.ClientError, TimeoutError, RuntimeError) as error:
            raise connection_loss(error, self._session) from error

    async def _response(
        self,
        method: str,
        path: str,
        data: bytes | None,
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109  # what aiohttp takes
        headers: Mapping[str, str] | None,
    ) -> aiohttp.ClientResponse:
        """The beginning of an answer; on a kept connection that turns out to be closed, asked for once more."""
        for is_last in (not self._keeps_connections, True):
            told = SimpleNamespace(is_reused=False)
            try:
                async with asyncio.timeout(self._timeouts.connect_s + self._timeouts.read_s):
                    return await self._session.request(
                        method,
                        self._base_url + path,
                        data=data,
                        timeout=timeout,
                        headers=headers,
                        # aiohttp would follow a POST with a GET.
                        allow_redirects=False,
                        trace_request_ctx=told,
                    )
            except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
                if is_last or not told.is_reused:
                    raise
        raise AssertionError("the last attempt returns or raises")

    async def is_ready(self, path: str) -> bool:
        """Whether a probe answers 200 within seconds."""
        try:
            url = self._base_url + path
            async with self._session.get(url, timeout=_HEALTH_TIMEOUT, allow_redirects=False) as response:
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


async def read_at_most(content: aiohttp.StreamReader, most: int) -> bytes:
    """The beginning of a body: so many bytes, or all that there are."""
    found = bytearray()
    while len(found) < most and (data := await content.readany()):
        found += data
    return bytes(found[:most])


async def _refused(response: aiohttp.ClientResponse, path: str) -> EngineFailed:
    """What an answer says that is not 200."""
    if response.status < 400:
        return misled(response.status, response.headers.get("Location"))
    return read_refusal(response.status, await read_at_most(response.content, MOST_OF_A_REFUSAL), path)


async def _read_rest(content: aiohttp.StreamReader) -> None:
    """Read a stream that has told all to its end, so that the connection can be used again."""
    try:
        async with asyncio.timeout(_REST_TIMEOUT_S):
            while await content.readany():
                pass
    except (aiohttp.ClientError, TimeoutError):
        return


def _telling_reuse() -> aiohttp.TraceConfig:
    """Has aiohttp tell whether a request went over a connection that had been used before."""

    async def tell(_: aiohttp.ClientSession, context: SimpleNamespace, __: object) -> None:
        if context.trace_request_ctx is not None:
            context.trace_request_ctx.is_reused = True

    trace = aiohttp.TraceConfig()
    trace.on_connection_reuseconn.append(tell)
    return trace


def connection_loss(
    error: aiohttp.ClientError | TimeoutError | RuntimeError, session: aiohttp.ClientSession
) -> EngineDied:
    """What is the matter with a connection of a session, told as the engine's end."""
    # RuntimeError is aiohttp's word for a connection that this side has closed just now; any other is a fault of ours.
    if isinstance(error, RuntimeError) and not session.closed:
        raise error
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        reason = error.certificate_error
        return EngineUnreachable(
            f"the engine's certificate is not trusted ({reason}): name a ca_file that vouches for it"
        )
    if isinstance(error, aiohttp.ClientConnectorError):
        return EngineUnreachable(f"the engine cannot be reached ({connection_fault(error)}); try again")
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return EngineUnreachable("the engine cannot be reached (it does not answer in time); try again")
    if isinstance(error, TimeoutError):
        return EngineDied("the engine took too long")
    # What the client library says of it is about bytes and not about the answer.
    return EngineDied("the engine went away in the middle of its answer; try again")


def connection_fault(error: aiohttp.ClientConnectorError) -> str:
    """Why no connection could be made, in the system's words."""
    fault = error.os_error
    if isinstance(fault, ssl.SSLError) and fault.reason:
        return f"TLS: {fault.reason.replace('_', ' ').lower()}"
    return fault.strerror or str(fault)
