"""Servers for commands, which block: in threads of their own."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TypeVar

from arriero.engines.fake import FakeEngine
from tests.contract.models import golden_engines, store_golden_models
from tests.serving import FakeLoader, running_server

_T = TypeVar("_T")


@contextmanager
def in_thread(opened: AbstractAsyncContextManager[_T]) -> Iterator[_T]:
    """Have something that lives in an event loop for as long as the block runs; the loop has a thread of its own."""
    ready: SimpleQueue[tuple[_T, Callable[[], object]]] = SimpleQueue()

    async def live() -> None:
        end, loop = asyncio.Event(), asyncio.get_running_loop()
        async with opened as value:
            ready.put((value, lambda: loop.call_soon_threadsafe(end.set)))
            await end.wait()

    thread = threading.Thread(target=asyncio.run, args=(live(),))
    thread.start()
    value, stop = ready.get(timeout=10)
    try:
        yield value
    finally:
        stop()
        thread.join(10)


@contextmanager
def golden_server(root: Path, engines: Mapping[str, FakeEngine] | None = None) -> Iterator[str]:
    """Serve the golden models for as long as the block runs; the address. ``engines`` replace theirs."""
    loader = FakeLoader({**golden_engines(), **(engines or {})})
    with in_thread(running_server(store_golden_models(root), loader)) as server:
        yield server.url


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that a scripted server got; the names of its headers in small letters."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    # Whatever JSON it is.
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Told:
    """What a scripted server answers: a body, or lines of JSON. hangs: it never comes to the end of it."""

    status: int = 200
    body: bytes = b""
    lines: tuple[Mapping[str, object], ...] = ()
    hangs: bool = False

    @property
    def content(self) -> bytes:
        return self.body or b"".join(json.dumps(line).encode() + b"\n" for line in self.lines)


@dataclass(slots=True)
class Scripted:
    """A server that answers by a table of ``METHOD /path``; several answers to one request are given in order."""

    answers: Mapping[str, Told | list[Told]]
    asked: list[Asked] = field(default_factory=list)
    url: str = ""

    def answer(self, asked: Asked) -> Told:
        self.asked.append(asked)
        told = self.answers.get(f"{asked.method} {asked.path}", Told(404, b"404 page not found"))
        return told if isinstance(told, Told) else told.pop(0)

    @property
    def paths(self) -> list[str]:
        return [f"{asked.method} {asked.path}" for asked in self.asked]


@contextmanager
def scripted_server(answers: Mapping[str, Told | list[Told]]) -> Iterator[Scripted]:
    """Answer by the table for as long as the block runs."""
    scripted = Scripted(answers)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one(self) -> None:
            asked = Asked(
                self.command,
                self.path,
                {name.lower(): value for name, value in self.headers.items()},
                self._read_body(),
            )
            told = scripted.answer(asked)
            self.send_response(told.status)
            self.send_header("Content-Length", str(len(told.content) + told.hangs))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(told.content)
            if told.hangs:
                # Until the client has gone.
                self.rfile.read(1)

        do_GET = do_POST = do_HEAD = do_DELETE = handle_one  # noqa: N815  # the library's names

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the library's name
            pass

        def _read_body(self) -> bytes:
            if self.headers.get("Transfer-Encoding") != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length", 0)))
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    scripted.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield scripted
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()
