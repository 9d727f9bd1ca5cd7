"""One HTTP request and its answer, as handlers see them."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope, Send

from arriero.errors import BodyTooLarge
from arriero.protocol.content_encoding import unpack

# Images come inside; beyond this, parsing alone would hold up every other answer for seconds.
MAX_BODY_BYTES = 256 << 20


class ClientGone(Exception):
    """The client has closed the connection: nobody waits for the answer."""


class Exchange:
    """Read the body, then either ``reply`` once, or ``start`` a stream and ``write`` to it.

    id_header: the header by which the answer tells ``request_id``; b"" for a dialect that has none.
    """

    def __init__(self, scope: Scope, receive: Receive, send: Send, id_header: bytes = b"") -> None:
        self._receive = receive
        self._send = send
        self.path_params: dict[str, str] = scope.get("path_params", {})
        self.is_head = scope["method"] == "HEAD"
        self._scope = scope
        self.has_started = False
        self._failure: Callable[[str], bytes] | None = None
        self._body: bytes | None = None
        self._id_header = id_header
        self._request_id = ""

    @property
    def request_id(self) -> str:
        """24 hex digits that tell this request from others."""
        self._request_id = self._request_id or secrets.token_hex(12)
        return self._request_id

    @property
    def headers(self) -> Sequence[tuple[bytes, bytes]]:
        """All headers of the request, their names in lower case."""
        found: Sequence[tuple[bytes, bytes]] = self._scope["headers"]
        return found

    @property
    def user_agent(self) -> str:
        """What the client calls itself."""
        return Headers(scope=self._scope).get("user-agent", "")

    @property
    def content_type(self) -> str:
        """What the client calls its body, with parameters."""
        return Headers(scope=self._scope).get("content-type", "")

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body as it comes, of any size. Raises ClientGone where it breaks off."""
        while True:
            message: Message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            yield message.get("body", b"")
            if not message.get("more_body", False):
                return

    async def body(self) -> bytes:
        """The whole body, unpacked, each time it is asked for.

        Raises ClientGone, BodyTooLarge beyond ``MAX_BODY_BYTES``, InvalidRequest where it cannot be unpacked.
        """
        if self._body is None:
            self._body = unpack(await self._read_body(), self._encoding)
        return self._body

    @property
    def _encoding(self) -> str:
        return next((value.decode("latin-1") for name, value in self.headers if name == b"content-encoding"), "")

    async def _read_body(self) -> bytes:
        parts: list[bytes] = []
        size_bytes = 0
        while True:
            message: Message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            parts.append(message.get("body", b""))
            size_bytes += len(parts[-1])
            if size_bytes > MAX_BODY_BYTES:
                raise BodyTooLarge(f"the request is larger than {MAX_BODY_BYTES >> 20} MiB")
            if not message.get("more_body", False):
                return b"".join(parts)

    async def reply(
        self, body: bytes, content_type: bytes, status: int = 200, extra: Sequence[tuple[bytes, bytes]] = ()
    ) -> None:
        """Answer in one piece, with ``extra`` headers."""
        headers = [(b"content-type", content_type), (b"content-length", b"%d" % len(body))]
        await self._begin(status, [*headers, *extra])
        await self.finish(b"" if self.is_head else body)

    async def reply_empty(self, status: int, headers: Headers | None = None) -> None:
        """Answer with nothing but a status and headers."""
        await self._begin(status, [*(headers.raw if headers else ()), (b"content-length", b"0")])
        await self.finish()

    async def start(
        self,
        content_type: bytes,
        failure: Callable[[str], bytes],
        extra: Sequence[tuple[bytes, bytes]] = (),
        status: int = 200,
    ) -> None:
        """Begin a stream: from here on the status stays, whatever comes.

        ``failure`` makes the last record of a stream that breaks off, from a message. ``extra``: more headers.
        """
        headers = [
            (b"content-type", content_type),
            # Proxies must hand on each chunk as it comes: nginx collects them unless it is told not to.
            (b"cache-control", b"no-cache"),
            (b"x-accel-buffering", b"no"),
        ]
        self._failure = failure
        await self._begin(status, [*headers, *extra])

    def write(self, chunk: bytes) -> Awaitable[None]:
        """Send a piece of a stream."""
        return self._send({"type": "http.response.body", "body": chunk, "more_body": True})

    async def finish(self, chunk: bytes = b"") -> None:
        """Send the last piece of an answer."""
        await self._send({"type": "http.response.body", "body": chunk})

    async def break_off(self, message: str) -> None:
        """End a stream with an error record."""
        if self._failure is not None:
            await self.finish(self._failure(message))

    async def _begin(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        self.has_started = True
        # An answer that is handed on has that of the server where it was made.
        if self._id_header and not any(name == self._id_header for name, _ in headers):
            headers.append((self._id_header, b"req_" + self.request_id.encode()))
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    @asynccontextmanager
    async def while_connected(self) -> AsyncIterator[None]:
        """Cancel the work inside as soon as the client goes away, and raise ClientGone in its place.

        The body must have been read, and the last piece be sent outside.
        """
        worker = asyncio.current_task()
        assert worker is not None
        watcher = asyncio.ensure_future(self._receive())
        is_gone = is_over = False

        def notice(_: asyncio.Future[Message]) -> None:
            nonlocal is_gone
            if not is_over:
                is_gone = True
                worker.cancel()

        watcher.add_done_callback(notice)
        try:
            yield
        except asyncio.CancelledError:
            if not is_gone or worker.uncancel() > 0:
                raise
            raise ClientGone from None
        finally:
            is_over = True
            watcher.cancel()
